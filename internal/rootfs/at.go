package rootfs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// OpenAt opens an entry of an open directory. It follows no link (ELOOP, or
// ENOTDIR with O_DIRECTORY) and does not wait for the other end of a FIFO.
func OpenAt(dir *os.File, name string, flag int) (*os.File, error) {
	fd, err := openat(dir, name, flag)
	if err != nil {
		return nil, atError("open", dir, name, err)
	}
	return os.NewFile(uintptr(fd), strings.TrimSuffix(dir.Name(), "/")+"/"+name), nil
}

// OpenDirAt opens a directory in an open directory.
func OpenDirAt(dir *os.File, name string) (*os.File, error) {
	return OpenAt(dir, name, unix.O_RDONLY|unix.O_DIRECTORY)
}

func openat(dir *os.File, name string, flag int) (int, error) {
	if flag&unix.O_DIRECTORY == 0 { // os.NewFile would ask the poller to watch a directory
		flag |= unix.O_NONBLOCK
	}
	for {
		fd, err := unix.Openat(int(dir.Fd()), name, flag|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// MkdirAt makes a directory that only its owner can use, and opens it. What it
// opens is what it made: a directory of somebody else, put in its place
// meanwhile, is an error.
func MkdirAt(dir *os.File, name string) (*os.File, error) {
	if err := unix.Mkdirat(int(dir.Fd()), name, 0o700); err != nil {
		return nil, atError("mkdir", dir, name, err)
	}
	f, err := OpenDirAt(dir, name)
	if err != nil {
		return nil, err
	}
	info, err := StatFile(f)
	if err == nil && info.UID != os.Geteuid() {
		err = atError("mkdir", dir, name, errors.New("somebody else put a directory in its place"))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// UnlinkAt removes a file or link from an open directory.
func UnlinkAt(dir *os.File, name string) error {
	return atError("remove", dir, name, unix.Unlinkat(int(dir.Fd()), name, 0))
}

// RmdirAt removes an empty directory from an open directory.
func RmdirAt(dir *os.File, name string) error {
	return atError("remove", dir, name, unix.Unlinkat(int(dir.Fd()), name, unix.AT_REMOVEDIR))
}

// LchownAt gives an entry of an open directory, a link itself, to an owner.
func LchownAt(dir *os.File, name string, uid, gid int) error {
	return atError("chown", dir, name, unix.Fchownat(int(dir.Fd()), name, uid, gid, unix.AT_SYMLINK_NOFOLLOW))
}

// HoldsAt says whether the file called name holds data, reading through buf.
// It is made for the many small files that are as wanted: one open, one read,
// one close, nothing allocated. name must be a regular file: a read of one that
// gives less than was asked for has reached its end.
func HoldsAt(dir *os.File, name string, data, buf []byte) (bool, error) {
	fd, err := openat(dir, name, unix.O_RDONLY)
	if err != nil {
		return false, atError("read", dir, name, err)
	}
	defer unix.Close(fd)
	for {
		ask := buf[:min(len(buf), len(data)+1)]
		n, err := unix.Read(fd, ask)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return false, atError("read", dir, name, err)
		case n > len(data) || !bytes.Equal(buf[:n], data[:n]):
			return false, nil
		}
		if data = data[n:]; n < len(ask) {
			return len(data) == 0, nil
		}
	}
}

func atError(op string, dir *os.File, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path.Join(dir.Name(), name), Err: err}
}
