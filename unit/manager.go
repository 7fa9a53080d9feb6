package unit

import (
	"context"
	"fmt"

	"github.com/bedplate/bedplate"
)

type Manager struct {
	User bool
}
type client struct{}

func (m Manager) connect(context.Context) (*client, error) {
	return nil, fmt.Errorf("unit: %w", ErrNoManager)
}
func (c *client) close()                               {}
func (c *client) version(context.Context) (int, error) { return 0, nil }

type observed struct{}

func (p *preparation) observe(context.Context) (*observed, error) { return nil, nil }
func (p *preparation) stopUnwanted(*observed)                     {}
func (p *preparation) running(*observed) error                    { return nil }

var _ bedplate.Resource = Set{}
