package rootfs

import (
	"errors"
	"io/fs"

	"github.com/bedplate/bedplate/internal/atomicfile"
	"golang.org/x/sys/unix"
)

// tries bounds how often a lookup that raced with a rename is repeated by the
// kernel before the walk takes over, which can't be disturbed.
const tries = 16

func (r *Root) resolve(name string, flag int, perm fs.FileMode) (int, error) {
	how := unix.OpenHow{Flags: uint64(flag), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	if flag&unix.O_CREAT != 0 {
		how.Mode = uint64(atomicfile.UnixMode(perm))
	}
	for range tries {
		fd, err := unix.Openat2(int(r.dir.Fd()), name, &how)
		switch {
		case err == nil:
			return fd, nil
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
			// A kernel before 5.6, or a container's filter that does not know
			// openat2: there it may answer EPERM.
			return r.walk(name, flag, perm)
		default:
			return -1, err
		}
	}
	return r.walk(name, flag, perm)
}
