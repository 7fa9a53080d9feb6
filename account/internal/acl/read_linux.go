package acl

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const attribute = "system.posix_acl_access"

// At reads the list of an entry of an open directory; nil if it has none, or is
// on a file system without lists. There is no getxattrat(2) before Linux 6.13:
// the descriptor is named by /proc.
func At(dir *os.File, name string) (List, error) {
	file := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name)
	buf := make([]byte, 512)
	for {
		n, err := unix.Lgetxattr(file, attribute, buf)
		switch {
		case err == nil:
			return Parse(buf[:n])
		case errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP):
			return nil, nil
		case errors.Is(err, unix.ERANGE) && len(buf) < 1<<16: // the kernel's limit of a value
			buf = make([]byte, 1<<16)
		default:
			return nil, fmt.Errorf("acl: %w", &os.PathError{Op: "lgetxattr", Path: file, Err: err})
		}
	}
}
