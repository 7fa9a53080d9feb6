package cgfs

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Dir is an open cgroup, whose files are read without taking memory.
type Dir struct{ fd int }

// Dir opens a cgroup.
func (t *Tree) Dir(rel string) (Dir, error) {
	fd, err := t.open(rel, unix.O_RDONLY|unix.O_DIRECTORY)
	return Dir{fd}, fail("open", rel, "", err)
}

// Below opens a cgroup directly below, as Entries gave its name. It is of the
// same file system: a link is not followed, another mount refused.
func (d Dir) Below(name []byte, t *Tree) (Dir, error) {
	fd, err := openat(d.fd, &name[0], unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return Dir{-1}, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Dev != t.dev {
		_ = unix.Close(fd)
		return Dir{-1}, ErrNotCgroup2
	}
	return Dir{fd}, nil
}

// Close closes it.
func (d Dir) Close() error { return unix.Close(d.fd) }

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

// Entries reads the directory in raw form into a buffer; Next takes it apart.
func (d Dir) Entries(into []byte) ([]byte, error) {
	into = into[:0]
	for {
		if cap(into)-len(into) < 4096 {
			into = append(make([]byte, 0, max(2*cap(into), 16<<10)), into...)
		}
		n, err := unix.Getdents(d.fd, into[len(into):cap(into)])
		if err == unix.EINTR { //nolint:errorlint // as the call gave it
			continue
		}
		if err != nil || n == 0 {
			return into, err
		}
		into = into[:len(into)+n]
	}
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
