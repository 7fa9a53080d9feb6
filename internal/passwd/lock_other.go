//go:build !linux

package passwd

import (
	"context"
	"errors"
	"fmt"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// Lock is held while the files are edited.
type Lock struct{}

// LockError says that somebody else edits the accounts, and who.
type LockError struct {
	Path, Holder string
	Err          error
}

func (e *LockError) Error() string {
	return fmt.Sprintf("%s is held by %s: %v", e.Path, e.Holder, e.Err)
}

// Unwrap gives Err.
func (e *LockError) Unwrap() error { return e.Err }

// Acquire is Linux's only: other systems keep accounts elsewhere.
func Acquire(context.Context, *rootfs.Root, ...string) (*Lock, error) {
	return nil, fmt.Errorf("passwd: lock: %w", errors.ErrUnsupported)
}

// Release gives the lock up.
func (l *Lock) Release() error { return nil }

// Wait returns as soon as nobody edits this root's accounts.
func Wait(context.Context, *rootfs.Root) error {
	return fmt.Errorf("passwd: lock: %w", errors.ErrUnsupported)
}

// WaitApplets returns as soon as none of BusyBox's applets edits the accounts.
func WaitApplets(context.Context, *rootfs.Root) error {
	return fmt.Errorf("passwd: lock: %w", errors.ErrUnsupported)
}

// Room says whether there is room in a root's /etc for the account files.
func Room(*rootfs.Root) error { return fmt.Errorf("passwd: %w", errors.ErrUnsupported) }
