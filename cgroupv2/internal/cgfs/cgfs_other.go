//go:build !linux

package cgfs

import (
	"errors"
	"fmt"
	"os"
)

func isCgroup2(*os.File) error {
	return fmt.Errorf("%w: %w", ErrNotCgroup2, errors.ErrUnsupported)
}

// Delegated is Linux's.
func (t *Tree) Delegated(string) (bool, error) { return false, errors.ErrUnsupported }
