package newfile

import (
	"errors"

	"golang.org/x/sys/unix"
)

// lookup is how a directory is opened to make things in.
const lookup = unix.O_PATH

// StartWriting lets the kernel begin to write the file out, so that the sync at
// the end finds less to do. It is a hint: that sync tells of what fails.
func (f File) StartWriting() {
	_ = unix.SyncFileRange(f.fd, 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}

// resolve lets the kernel walk, where it can.
func (d Dir) resolve(name string) (int, error) {
	how := unix.OpenHow{
		Flags:   lookup | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	}
	fd := -1
	err := again(func() (err error) {
		fd, err = unix.Openat2(d.fd, name, &how)
		return err
	})
	switch {
	case err == nil:
		return fd, nil
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EAGAIN):
		// A kernel before 5.6, a container's filter that does not know openat2, or
		// a rename somewhere meanwhile.
		return d.walk(name)
	}
	return -1, err
}
