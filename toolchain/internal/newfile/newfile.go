// Package newfile makes many small files fast: one call to make, one to write
// and one to close each. An *os.File also tells the poller, which a regular
// file has no use for.
package newfile

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// File is a file being written.
type File struct {
	fd        int
	dir, name string
}

// Create makes a file in an open directory; name is its last part and must not
// exist. The umask applies.
func Create(dir Dir, name string, perm fs.FileMode) (File, error) {
	f := File{dir: dir.path, name: name}
	err := again(func() (err error) {
		f.fd, err = unix.Openat(dir.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(perm.Perm()))
		return err
	})
	return f, f.wrap("create", err)
}

// Write writes all of b.
func (f File) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		n := 0
		err := again(func() (err error) {
			n, err = unix.Write(f.fd, b[written:])
			return err
		})
		if err == nil && n == 0 {
			err = unix.EIO
		}
		if err != nil {
			return written, f.wrap("write", err)
		}
		written += n
	}
	return written, nil
}

// Perm is the file's permission bits.
func (f File) Perm() (fs.FileMode, error) {
	var st unix.Stat_t
	err := again(func() error { return unix.Fstat(f.fd, &st) })
	return fs.FileMode(st.Mode & 0o777), f.wrap("stat", err)
}

// Chmod sets the permission bits.
func (f File) Chmod(perm fs.FileMode) error {
	return f.wrap("chmod", again(func() error { return unix.Fchmod(f.fd, uint32(perm.Perm())) }))
}

// Close closes the file; what EINTR means for close(2), nobody can try again.
func (f File) Close() error {
	if err := unix.Close(f.fd); !errors.Is(err, unix.EINTR) {
		return f.wrap("close", err)
	}
	return nil
}

func (f File) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return wrap(op, filepath.Join(f.dir, f.name), err)
}

func wrap(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// again repeats what a signal interrupted.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
