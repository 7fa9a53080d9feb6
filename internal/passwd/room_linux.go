package passwd

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// Room says whether there is room in a root's /etc to write all account files
// anew, with a copy of each old one, as tools do. It leaves nothing.
func Room(root *rootfs.Root) (err error) {
	dir, err := root.OpenDir("/etc")
	if err != nil {
		return fmt.Errorf("passwd: %w", err)
	}
	defer dir.Close()
	var size int64
	for _, file := range []string{UserFile, GroupFile, ShadowFile, GroupShadowFile, SubUIDFile, SubGIDFile} {
		size += 8 << 10 // the ends of the last blocks
		if info, err := root.Stat(file); err == nil {
			size += 2 * info.Size
		}
	}
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_WRONLY|unix.O_TMPFILE|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ENOENT) {
		return nil // not to be known without a file that has a name; the tool will say
	}
	if err == nil {
		f := os.NewFile(uintptr(fd), root.Host("/etc"))
		defer f.Close()
		if err = unix.Fallocate(fd, 0, 0, size); errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
			_, err = io.CopyN(f, zeros{}, size)
		}
	}
	if err != nil {
		return fmt.Errorf("passwd: room for %d bytes: %w", size, &os.PathError{Op: "write", Path: root.Host("/etc"), Err: err})
	}
	return nil
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
