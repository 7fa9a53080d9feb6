//go:build !linux

package acl

import (
	"errors"
	"fmt"
	"os"
)

// At reads the list of an entry of an open directory. Other systems keep theirs
// in other ways.
func At(*os.File, string) (List, error) {
	return nil, fmt.Errorf("acl: %w", errors.ErrUnsupported)
}
