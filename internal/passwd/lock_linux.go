package passwd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// Lock is held while the files are edited. It is what every tool honours:
// lckpwdf(3)'s record lock on /etc/.pwd.lock (shadow, systemd-sysusers, vipw) and
// beside each file FILE.lock, a hard link to a file with the holder's process id
// (shadow's lib/commonio.c).
type Lock struct {
	dir   *os.File
	pwd   *os.File
	names []string
}

// LockError says that somebody else edits the accounts, and who.
type LockError struct {
	Path   string // the lock
	Holder string // "process 812 (useradd)"; "another process" if that is hidden
	Err    error  // why waiting ended
}

func (e *LockError) Error() string {
	return fmt.Sprintf("%s is held by %s; wait for it, or end it: %v", e.Path, e.Holder, e.Err)
}

// Unwrap gives Err.
func (e *LockError) Unwrap() error { return e.Err }

const pause = 20 * time.Millisecond

// Acquire locks these files ("passwd", "group", ...), waiting for as long as ctx
// allows.
func Acquire(ctx context.Context, root *rootfs.Root, files ...string) (_ *Lock, err error) {
	dir, err := root.OpenDir("/etc")
	if err != nil {
		return nil, fmt.Errorf("passwd: lock: %w", err)
	}
	l := &Lock{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Release())
		}
	}()
	if err := l.record(ctx, root); err != nil {
		return nil, err
	}
	for _, name := range files {
		if err := l.link(ctx, root, path.Base(name)); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// record takes lckpwdf's lock. It is one of the open file, not of the process as
// lckpwdf's own: two goroutines exclude each other, and it conflicts with both.
func (l *Lock) record(ctx context.Context, root *rootfs.Root) error {
	const name = ".pwd.lock"
	fd, err := unix.Openat(int(l.dir.Fd()), name, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("passwd: lock: %w", &os.PathError{Op: "open", Path: root.Host("/etc/" + name), Err: err})
	}
	l.pwd = os.NewFile(uintptr(fd), name)
	return wait(ctx, func() (bool, error) {
		lk := unix.Flock_t{Type: unix.F_WRLCK}
		err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &lk)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			return false, nil
		}
		return err == nil, err
	}, func(cause error) error {
		return &LockError{root.Host("/etc/" + name), l.holder(), cause}
	})
}

// holder finds who has the record lock. For a lock of an open file the kernel
// gives no process; then the lock files tell.
func (l *Lock) holder() string {
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(l.pwd.Fd(), unix.F_OFD_GETLK, &lk); err == nil && lk.Type != unix.F_UNLCK && lk.Pid > 0 {
		return process(int(lk.Pid))
	}
	for _, name := range []string{"passwd", "group", "shadow", "gshadow"} {
		if pid := l.owner(name + ".lock"); pid > 0 {
			return process(pid)
		}
	}
	return "another process"
}

func (l *Lock) link(ctx context.Context, root *rootfs.Root, file string) (err error) {
	dir, lock := int(l.dir.Fd()), file+".lock"
	mine, err := l.sign(file)
	if err != nil {
		return fmt.Errorf("passwd: lock: %w", &os.PathError{Op: "write", Path: root.Host("/etc/" + lock), Err: err})
	}
	defer func() { err = errors.Join(err, mine.remove()) }()
	err = wait(ctx, func() (bool, error) {
		err := mine.link(dir, lock)
		if !errors.Is(err, unix.EEXIST) {
			return err == nil, err
		}
		// Behind .pwd.lock nobody else breaks it meanwhile. Our own process id
		// in it is that of a dead namesake: a container's first process is
		// always number 1.
		if pid := l.owner(lock); pid > 0 && (pid == os.Getpid() || errors.Is(unix.Kill(pid, 0), unix.ESRCH)) {
			if err := unix.Unlinkat(dir, lock, 0); err != nil && !errors.Is(err, unix.ENOENT) {
				return false, err
			}
			err = mine.link(dir, lock)
			return err == nil, err
		}
		return false, nil
	}, func(cause error) error {
		return &LockError{root.Host("/etc/" + lock), process(l.owner(lock)), cause}
	})
	if err == nil {
		l.names = append(l.names, lock)
	}
	return err
}

// signed is the file that the lock is a link to.
type signed struct {
	file *os.File
	name string // "": it has none, and nobody has to remove it if we are killed
	dir  int
}

func (s signed) link(dir int, lock string) error {
	if s.name != "" {
		return unix.Linkat(dir, s.name, dir, lock, 0)
	}
	return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", s.file.Fd()), dir, lock, unix.AT_SYMLINK_FOLLOW)
}

func (s signed) remove() error {
	err := s.file.Close()
	if s.name != "" {
		err = errors.Join(err, unix.Unlinkat(s.dir, s.name, 0))
	}
	return err
}

// sign writes it, with shadow's final NUL. Where files need a name, or there is
// no /proc to link them by, it gets shadow's.
func (l *Lock) sign(file string) (s signed, err error) {
	s.dir = int(l.dir.Fd())
	fd := -1
	if _, err := os.Stat("/proc/self/fd"); err == nil {
		fd, _ = unix.Openat(s.dir, ".", unix.O_WRONLY|unix.O_TMPFILE|unix.O_CLOEXEC, 0o600)
	}
	if fd < 0 {
		s.name = file + "." + strconv.Itoa(os.Getpid())
		if err := unix.Unlinkat(s.dir, s.name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
			return s, err
		}
		if fd, err = unix.Openat(s.dir, s.name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600); err != nil {
			return s, err
		}
	}
	s.file = os.NewFile(uintptr(fd), file)
	if _, err := s.file.WriteString(strconv.Itoa(os.Getpid()) + "\x00"); err != nil {
		return s, errors.Join(err, s.remove())
	}
	return s, nil
}

// owner is the process that a lock file names; -1 where there is none to know.
// A file without a number counts as held: shadow's tools do not break it either.
func (l *Lock) owner(lock string) int {
	fd, err := unix.Openat(int(l.dir.Fd()), lock, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1
	}
	f := os.NewFile(uintptr(fd), lock)
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return -1
	}
	pid, err := strconv.Atoi(strings.TrimRight(string(b), "\x00\n"))
	if err != nil || pid <= 0 {
		return -1
	}
	return pid
}

func process(pid int) string {
	if pid <= 0 {
		return "another process"
	}
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
		return fmt.Sprintf("process %d (%s)", pid, strings.TrimSpace(string(b)))
	}
	return fmt.Sprintf("process %d", pid)
}

func wait(ctx context.Context, try func() (bool, error), taken func(error) error) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		if done, err := try(); done || err != nil {
			if err != nil {
				return fmt.Errorf("passwd: lock: %w", err)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("passwd: %w", taken(context.Cause(ctx)))
		case <-tick.C:
		}
	}
}

// Release gives the lock up.
func (l *Lock) Release() error {
	var errs []error
	for _, name := range l.names {
		if err := unix.Unlinkat(int(l.dir.Fd()), name, 0); err != nil {
			errs = append(errs, fmt.Errorf("passwd: unlock: %w", &os.PathError{Op: "unlink", Path: path.Join(l.dir.Name(), name), Err: err}))
		}
	}
	if l.pwd != nil {
		errs = append(errs, l.pwd.Close())
	}
	return errors.Join(append(errs, l.dir.Close())...)
}

// Wait returns as soon as nobody edits this root's accounts. It holds nothing.
func Wait(ctx context.Context, root *rootfs.Root) error {
	l, err := Acquire(ctx, root)
	if err != nil {
		return err
	}
	return l.Release()
}
