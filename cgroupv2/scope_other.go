//go:build !linux

package cgroupv2

import (
	"context"
	"errors"
	"fmt"
)

// Start makes the scope.
func (s Scope) Start(context.Context) (Group, error) {
	return Group{}, fmt.Errorf("cgroupv2: %s: %w", s.Name, errors.ErrUnsupported)
}
