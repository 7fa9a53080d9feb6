package cgfs

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Dir is an open cgroup, whose files are read without taking memory.
type Dir struct {
	fd   int
	leaf bool
}

// Dir opens a cgroup.
func (t *Tree) Dir(rel string) (Dir, error) {
	fd, err := t.open(rel, unix.O_PATH|unix.O_DIRECTORY)
	return Dir{fd: fd}, fail("open", rel, "", err)
}

// Below opens a cgroup directly below, as Entries gave its name. It is of the
// same file system: a link is not followed, another mount refused.
func (d Dir) Below(name []byte, t *Tree) (Dir, error) {
	fd, err := openat(d.fd, &name[0], unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return Dir{fd: -1}, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Dev != t.dev {
		_ = unix.Close(fd)
		return Dir{fd: -1}, ErrNotCgroup2
	}
	return Dir{fd, st.Nlink == 2}, nil
}

// Leaf says that there was no cgroup below when it was opened: a directory's links
// are itself, its name, and one for each directory in it. Most are leaves, and
// listing the sixty files of one is among the dearest things to ask of it.
func (d Dir) Leaf() bool { return d.leaf }

// Close closes it.
func (d Dir) Close() error { return unix.Close(d.fd) }

var everyGroups = Named("cgroup.controllers")

// There says whether the cgroup is not removed: its files are gone before it is.
func (d Dir) There() bool {
	fd, err := openat(d.fd, &everyGroups[0], unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	return err == nil && unix.Close(fd) == nil
}

// Read reads a file whole into a buffer, which grows where it must.
func (d Dir) Read(file *Name, into []byte) ([]byte, error) {
	fd, err := openat(d.fd, &file[0], unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return into[:0], err
	}
	b, err := readAll(fd, into[:0], true)
	if closed := unix.Close(fd); err == nil {
		err = closed
	}
	return b, err
}

var itself = [2]byte{'.'}

// Entries reads the directory in raw form into a buffer; Next takes it apart.
func (d Dir) Entries(into []byte) ([]byte, error) {
	into = into[:0]
	fd, err := openat(d.fd, &itself[0], unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return into, err
	}
	for {
		if cap(into)-len(into) < 4096 {
			into = append(make([]byte, 0, max(2*cap(into), 16<<10)), into...)
		}
		var n int
		n, err = unix.Getdents(fd, into[len(into):cap(into)])
		if err == unix.EINTR { //nolint:errorlint // as the call gave it
			continue
		}
		if err != nil || n == 0 {
			break
		}
		into = into[:len(into)+n]
	}
	if closed := unix.Close(fd); err == nil {
		err = closed
	}
	return into, err
}

// Next gives the name of the next directory in what Entries read, ended by a
// zero byte, and the rest. The name is nil at the end.
func Next(entries []byte) (name, rest []byte) {
	const header = int(unsafe.Offsetof(unix.Dirent{}.Name))
	for len(entries) > header {
		size := int(binary.NativeEndian.Uint16(entries[unsafe.Offsetof(unix.Dirent{}.Reclen):]))
		if size <= header || size > len(entries) {
			return nil, nil
		}
		kind, text := entries[unsafe.Offsetof(unix.Dirent{}.Type)], entries[header:size]
		entries = entries[size:]
		if kind != unix.DT_DIR {
			continue
		}
		for i, c := range text {
			if c == 0 {
				text = text[:i+1]
				break
			}
		}
		if string(text) == ".\x00" || string(text) == "..\x00" {
			continue
		}
		return text, entries
	}
	return nil, nil
}

func openat(dir int, name *byte, flag int) (int, error) {
	for {
		fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(name)), uintptr(flag), 0, 0, 0)
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EINTR:
		default:
			return -1, errno
		}
	}
}

// readAll reads to the end, which of a file that is written in one go is where a
// read did not fill the buffer.
func readAll(fd int, into []byte, single bool) ([]byte, error) {
	for {
		if len(into) == cap(into) {
			into = append(make([]byte, 0, max(2*cap(into), 4096)), into...)
		}
		n, err := unix.Read(fd, into[len(into):cap(into)])
		if err == unix.EINTR { //nolint:errorlint // as the call gave it
			continue
		}
		if err != nil || n == 0 {
			return into, err
		}
		into = into[:len(into)+n]
		if single && len(into) < cap(into) {
			return into, nil
		}
	}
}
