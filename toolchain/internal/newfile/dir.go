package newfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Dir is a directory held open, to make things in. An *os.File in its place
// costs three calls more, and an *os.Root opens every directory on the way.
type Dir struct {
	fd   int
	path string
}

// Top opens a root's own directory. It stays usable when the root is closed.
func Top(root *os.Root) (Dir, error) {
	f, err := root.Open(".")
	if err != nil {
		return Dir{}, err
	}
	defer f.Close() // it was opened for reading
	d := Dir{path: root.Name()}
	err = again(func() (err error) {
		d.fd, err = unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	return d, wrap("open", d.path, err)
}

// Open opens a directory below. name is slash-separated, has no "." or ".."
// ("." itself is d again), and no part of it may be a link.
func (d Dir) Open(name string) (Dir, error) {
	fd, err := d.resolve(name)
	sub := Dir{fd, filepath.Join(d.path, name)}
	return sub, wrap("open", sub.path, err)
}

// walk opens a part of the path at a time.
func (d Dir) walk(name string) (int, error) {
	at := d.fd
	for part := range strings.SplitSeq(name, "/") {
		fd := -1
		err := again(func() (err error) {
			fd, err = unix.Openat(at, part, lookup|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
			return err
		})
		if at != d.fd {
			err = errors.Join(err, unix.Close(at))
		}
		if err != nil {
			return -1, err
		}
		at = fd
	}
	return at, nil
}

// Mkdir makes a directory; name is one part.
func (d Dir) Mkdir(name string, perm fs.FileMode) error {
	return wrap("mkdir", filepath.Join(d.path, name), again(func() error { return unix.Mkdirat(d.fd, name, uint32(perm.Perm())) }))
}

// Entry is a directory in d, for its permissions: those of what it is, not of
// what a link in its place leads to.
func (d Dir) Entry(name string) Entry { return Entry{d, name} }

// Entry is a directory in another.
type Entry struct {
	in   Dir
	name string
}

// Perm is the directory's permission bits, setgid and its like included.
func (e Entry) Perm() (fs.FileMode, error) {
	var st unix.Stat_t
	err := again(func() error { return unix.Fstatat(e.in.fd, e.name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return fs.FileMode(st.Mode & 0o7777), wrap("stat", filepath.Join(e.in.path, e.name), err)
}

// Chmod sets the permission bits.
func (e Entry) Chmod(perm fs.FileMode) error {
	err := again(func() error {
		fd, err := unix.Openat(e.in.fd, e.name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return errors.Join(unix.Fchmod(fd, uint32(perm.Perm())), unix.Close(fd))
	})
	return wrap("chmod", filepath.Join(e.in.path, e.name), err)
}

// Close closes the directory.
func (d Dir) Close() error { return wrap("close", d.path, unix.Close(d.fd)) }
