// Package cgfs opens files of the cgroup v2 file system and of nothing else.
//
// The hierarchy's directory is opened once and checked by its file system's
// magic number. All else is opened below that descriptor, without following a
// link and without crossing into another mount: what is not of that very
// hierarchy can't be reached, whatever somebody makes of the path meanwhile.
package cgfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
)

// Mount is where systemd and everybody else mounts the unified hierarchy.
const Mount = "/sys/fs/cgroup"

// ErrNotCgroup2 is matched where a path is not of a cgroup v2 file system.
var ErrNotCgroup2 = errors.New("not on a cgroup v2 file system")

// ErrGone: what was open is removed.
var ErrGone = errors.New("the cgroup was removed")

// ErrInvalid is the kernel's EINVAL.
const ErrInvalid = syscall.EINVAL

// PathError is a path that is no cgroup's.
type PathError struct{ Path string }

func (e *PathError) Error() string {
	return fmt.Sprintf("cgroupv2: path %q; write it without dots, as systemctl show -p ControlGroup does", e.Path)
}

// Relative gives a cgroup's path below the mount, "" for the mount itself: paths
// come absolute (with the mount, or without it as in /proc/self/cgroup) or
// relative to it. A path with ".." is refused: it would be resolved by text
// here and by the kernel there.
func Relative(p string) (string, error) {
	rel := p
	if p == Mount || strings.HasPrefix(p, Mount+"/") {
		rel = p[len(Mount):]
	}
	rel = strings.TrimSuffix(strings.TrimPrefix(rel, "/"), "/")
	if rel == "" {
		if p == "" {
			return "", &PathError{p}
		}
		return "", nil
	}
	for part := range strings.SplitSeq(rel, "/") {
		if part == "" || part == ".." || part == "." || len(part) > 255 || strings.ContainsAny(part, "\x00\n") {
			return "", &PathError{p}
		}
	}
	return rel, nil
}

// Host is the path of a cgroup as a person would type it.
func Host(rel string) string { return path.Join(Mount, rel) }

// Parent is the path of the cgroup above, "" for the mount itself.
func Parent(rel string) string {
	i := strings.LastIndexByte(rel, '/')
	return rel[:max(i, 0)]
}

func fail(op, rel, file string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path.Join(Mount, rel, file), Err: err}
}

// Name is the name of a file, ended as the kernel wants it, so that opening it
// takes no memory.
type Name [32]byte

// Named makes a Name of at most 31 bytes.
func Named(s string) (n Name) {
	if len(s) >= len(n) {
		panic("cgfs: name " + s + " is too long")
	}
	copy(n[:], s)
	return n
}

// String is the name.
func (n *Name) String() string { return strings.TrimRight(string(n[:]), "\x00") }
