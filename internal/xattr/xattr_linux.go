package xattr

import (
	"errors"
	"os"

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
