package xattr

import (
	"errors"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Get reads an attribute; ok says whether the file has it. A file system
// without attributes has none.
func Get(f *os.File, name string) (value []byte, ok bool, err error) {
	for size := 256; ; size *= 4 {
		b := make([]byte, size)
		n, err := unix.Fgetxattr(int(f.Fd()), name, b)
		switch {
		case errors.Is(err, unix.ERANGE):
			continue
		case errors.Is(err, unix.ENODATA), errors.Is(err, unix.EOPNOTSUPP):
			return nil, false, nil
		case err != nil:
			return nil, false, xattrError("read", f, name, err)
		}
		return b[:n], true, nil
	}
}

// List gives the names of all attributes that the caller may see, sorted.
func List(f *os.File) ([]string, error) {
	for size := 1 << 10; ; size *= 4 {
		b := make([]byte, size)
		n, err := unix.Flistxattr(int(f.Fd()), b)
		switch {
		case errors.Is(err, unix.ERANGE):
			continue
		case errors.Is(err, unix.EOPNOTSUPP):
			return nil, nil
		case err != nil:
			return nil, xattrError("list", f, "names", err)
		}
		names := strings.Split(string(b[:n]), "\x00")
		names = names[:len(names)-1] // each ends in a NUL byte
		slices.Sort(names)
		return names, nil
	}
}

// Set writes an attribute.
func Set(f *os.File, name string, value []byte) error {
	return xattrError("set", f, name, unix.Fsetxattr(int(f.Fd()), name, value, 0))
}

// Remove removes an attribute, if the file has it.
func Remove(f *os.File, name string) error {
	err := unix.Fremovexattr(int(f.Fd()), name)
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return xattrError("remove", f, name, err)
}
