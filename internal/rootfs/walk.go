package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/bedplate/bedplate/internal/atomicfile"
	"golang.org/x/sys/unix"
)

// maxLinks is the kernel's own bound on links followed in one lookup (path_resolution(7)).
const maxLinks = 40

// walk resolves name from descriptor to descriptor. No step follows a link by
// itself: a link is read, and its parts are walked in its place. The way back
// up is the stack of directories that led here, so ".." can't leave the root
// even if one of them is moved out of it meanwhile.
func (r *Root) walk(name string, flag int, perm fs.FileMode) (int, error) {
	t := trail{root: int(r.dir.Fd())}
	defer t.restart()
	trailingSlash := strings.HasSuffix(name, "/")
	exclusive := flag&unix.O_CREAT != 0 && flag&unix.O_EXCL != 0
	rest := strings.Split(name, "/")
	for links := 0; ; {
		part := rest[0]
		rest = rest[1:]
		last := strings.Join(rest, "") == ""
		switch part {
		case "..":
			t.up()
			fallthrough
		case "", ".":
			if last {
				return unix.Openat(t.at(), ".", flag, atomicfile.UnixMode(perm))
			}
			continue
		}
		if !last || trailingSlash || flag&unix.O_NOFOLLOW == 0 && !exclusive {
			target, err := readlink(t.at(), part)
			switch {
			case err == nil:
				if links++; links > maxLinks {
					return -1, unix.ELOOP
				}
				if strings.HasPrefix(target, "/") {
					t.restart()
				}
				rest = append(strings.Split(target, "/"), rest...)
				continue
			case errors.Is(err, unix.EINVAL): // no link
			case last && errors.Is(err, unix.ENOENT): // may be about to be created
			default:
				return -1, err
			}
		}
		if last {
			if trailingSlash {
				flag |= unix.O_DIRECTORY
			}
			return unix.Openat(t.at(), part, flag|unix.O_NOFOLLOW, atomicfile.UnixMode(perm))
		}
		if err := t.down(part); err != nil {
			return -1, err
		}
	}
}

// trail is the directories that lead from the root to where a walk is.
type trail struct {
	root int
	fds  []int
}

func (t *trail) at() int {
	if n := len(t.fds); n > 0 {
		return t.fds[n-1]
	}
	return t.root
}

func (t *trail) down(name string) error {
	fd, err := unix.Openat(t.at(), name, unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC|statFlags, 0)
	if err == nil {
		t.fds = append(t.fds, fd)
	}
	return err
}

// up goes back by one; above the root is the root. Closing a directory that was
// only looked through has nothing to report.
func (t *trail) up() {
	if n := len(t.fds); n > 0 {
		_ = unix.Close(t.fds[n-1])
		t.fds = t.fds[:n-1]
	}
}

func (t *trail) restart() {
	for len(t.fds) > 0 {
		t.up()
	}
}

func readlink(dirfd int, name string) (string, error) {
	b := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(dirfd, name, b)
	if err != nil {
		return "", err
	}
	if n == len(b) {
		return "", os.ErrInvalid
	}
	return string(b[:n]), nil
}
