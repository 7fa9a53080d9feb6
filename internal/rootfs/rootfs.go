// Package rootfs names files inside a root directory as a process chrooted
// there would: absolute links and ".." resolve inside it and never lead out,
// whoever moves things meanwhile.
//
// On Linux the kernel does it (openat2(2), RESOLVE_IN_ROOT). Where it can't, a
// walk from descriptor to descriptor follows the links itself.
package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Root is an open root directory. All names are taken as absolute inside it,
// with or without a leading slash.
type Root struct {
	dir  *os.File // nil: it is still to be made
	path string
}

// Open opens a root directory; "" is this machine's "/".
func Open(root string) (*Root, error) {
	if root == "" {
		root = "/"
	}
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("root %s: %w", root, err)
	}
	return &Root{os.NewFile(uintptr(fd), root), root}, nil
}

// OpenPlanned is Open for a plan: a root that does not exist yet is an empty one,
// in which nothing is found.
func OpenPlanned(root string) (*Root, error) {
	r, err := Open(root)
	if errors.Is(err, fs.ErrNotExist) {
		return &Root{path: root}, nil
	}
	return r, err
}

// Missing says whether the root is still to be made (OpenPlanned).
func (r *Root) Missing() bool { return r.dir == nil }

// Make makes a root that is missing, and opens it.
func (r *Root) Make() error {
	if !r.Missing() {
		return nil
	}
	if err := os.MkdirAll(r.path, 0o755); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	made, err := Open(r.path)
	if err == nil {
		r.dir = made.dir
	}
	return err
}

// Again opens the same root once more.
func (r *Root) Again() (*Root, error) {
	fd, err := unix.FcntlInt(r.dir.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("root %s: %w", r.path, err)
	}
	return &Root{os.NewFile(uintptr(fd), r.path), r.path}, nil
}

// Close closes the root; files opened from it stay open.
func (r *Root) Close() error {
	if r.Missing() {
		return nil
	}
	return r.dir.Close()
}

// Path is the root directory as it was given; "/" for this machine.
func (r *Root) Path() string { return r.path }

// Machine says whether the root is this machine's own "/".
func (r *Root) Machine() bool { return r.path == "/" }

// Host gives the place of name as a person on this machine would type it. It
// is for messages only: a link in it may lead elsewhere.
func (r *Root) Host(name string) string { return path.Join(r.path, clean(name)) }

// clean makes a name relative to the root without resolving ".." by text, which
// would be wrong behind a link.
func clean(name string) string {
	name = strings.TrimLeft(name, "/")
	if name == "" {
		return "."
	}
	return name
}

// OpenFile opens a file; links in any part of name are followed inside the root.
func (r *Root) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	fd, err := r.lookup(clean(name), flag|unix.O_CLOEXEC, perm)
	if err != nil {
		return nil, r.pathError("open", name, err)
	}
	return os.NewFile(uintptr(fd), r.Host(name)), nil
}

// lookup is resolve for a root that may be missing.
func (r *Root) lookup(name string, flag int, perm fs.FileMode) (int, error) {
	if r.Missing() {
		return -1, unix.ENOENT
	}
	return r.resolve(name, flag, perm)
}

// Open opens a file for reading.
func (r *Root) Open(name string) (*os.File, error) {
	return r.OpenFile(name, unix.O_RDONLY, 0)
}

// OpenDir opens a directory.
func (r *Root) OpenDir(name string) (*os.File, error) {
	return r.OpenFile(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
}

// Parent opens the directory that holds name, and gives name's last part, which
// is not followed. The root itself has no parent: that is an error, as is a
// name that ends in "..".
func (r *Root) Parent(name string) (*os.File, string, error) {
	dir, base := path.Split(strings.TrimRight(clean(name), "/"))
	if base == "" || base == "." || base == ".." {
		return nil, "", r.pathError("open the directory of", name, errors.New("the name has no last part"))
	}
	f, err := r.OpenDir(dir)
	if err != nil {
		return nil, "", err
	}
	return f, base, nil
}

func (r *Root) pathError(op, name string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return err
	}
	return &fs.PathError{Op: op, Path: r.Host(name), Err: err}
}
