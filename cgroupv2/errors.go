package cgroupv2

import (
	"errors"
	"fmt"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// ErrNotCgroup2 is matched where there is no cgroup v2 hierarchy, or a path
// leads off it: on a legacy or hybrid host, in a container without it, elsewhere.
var ErrNotCgroup2 = cgfs.ErrNotCgroup2

// ErrFrozen is matched where a program should be started in a cgroup that is
// frozen, itself or by one above it. Thaw that one first.
var ErrFrozen = errors.New("the cgroup is frozen; thaw it, or the one above it that is, first")

// PathError is a path that is no cgroup's: with "..", ".", an empty part.
type PathError = cgfs.PathError

// FieldError is a value of Limits that is wrong, or contradicts another.
type FieldError struct {
	// Field is its name, such as "MemoryMax" or "IOMax[0].Device".
	Field string
	Value string
	// Problem says what is wrong with it, and what is right.
	Problem string
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("cgroupv2: %s=%s: %s", e.Field, e.Value, e.Problem)
}

func fieldError(field, value, problem string) error { return &FieldError{field, value, problem} }

// ManagedError is a cgroup that systemd manages and did not delegate. What is
// written there by others is undone at some later reload, or worse, isn't.
type ManagedError struct {
	Path string
	// Unit is the unit that it belongs to.
	Unit string
	// Call is the command that does what was asked for, through systemd.
	Call string
}

func (e *ManagedError) Error() string {
	return fmt.Sprintf("cgroupv2: %s belongs to systemd's %s, which is not delegated; run %q, set it in the unit (Limits.Directives), or give the unit Delegate=yes and use a cgroup below it",
		e.Path, e.Unit, e.Call)
}

// BusyError is a cgroup that can't hand controllers on because it has processes
// of its own (the no-internal-process rule).
type BusyError struct {
	Path        string
	Controllers string
	Err         error
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("cgroupv2: %s can't hand on %s while it has processes of its own; move them to a cgroup below it first: %v", e.Path, e.Controllers, e.Err)
}

func (e *BusyError) Unwrap() error { return e.Err }

// UnavailableError is a controller or a file that this kernel, or this part of
// the hierarchy, does not have.
type UnavailableError struct {
	Path, What string
	Err        error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("cgroupv2: %s has no %s: %v", e.Path, e.What, e.Err)
}

func (e *UnavailableError) Unwrap() error { return e.Err }
