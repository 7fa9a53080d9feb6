// Package lockfile takes a lock that ends with the process that holds it.
//
// The lock is a flock(2) on a small file. Only its holder may remove the file, as
// Remove does: two processes would else hold "the" lock on two inodes. Whoever
// waited for a file that is gone by then takes a new one.
package lockfile

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
)

// Lock is a held lock.
type Lock struct{ f *os.File }

// pause is how often a taken lock is tried again: flock(2) can't be waited for
// together with a context, and a waiter should go on well within a second of
// its holder's death.
const pause = 20 * time.Millisecond

// Acquire takes the lock called name in dir, making its file if need be, and
// waits for as long as ctx allows. The error then names the holder's process.
func Acquire(ctx context.Context, dir *os.File, name string) (*Lock, error) {
	for {
		l, err := acquire(ctx, dir, name)
		if err != nil {
			return nil, err
		}
		switch same, err := l.named(dir, name); {
		case err != nil:
			return nil, errors.Join(err, l.Release())
		case same:
			return l, l.sign()
		}
		if err := l.Release(); err != nil {
			return nil, err
		}
	}
}

func acquire(ctx context.Context, dir *os.File, name string) (*Lock, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lockfile: %s/%s: %w", dir.Name(), name, err)
	}
	l := &Lock{os.NewFile(uintptr(fd), path.Join(dir.Name(), name))}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return l, nil
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("lockfile: %s: %w", l.f.Name(), err), l.f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("lockfile: %s is held by %s: %w", l.f.Name(), l.holder(), context.Cause(ctx)), l.f.Close())
		case <-tick.C:
		}
	}
}

// named says whether the locked file still has its name.
func (l *Lock) named(dir *os.File, name string) (bool, error) {
	var locked, now unix.Stat_t
	err := unix.Fstat(int(l.f.Fd()), &locked)
	if err == nil {
		err = unix.Fstatat(int(dir.Fd()), name, &now, unix.AT_SYMLINK_NOFOLLOW)
	}
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lockfile: %s: %w", l.f.Name(), err)
	}
	return locked.Dev == now.Dev && locked.Ino == now.Ino, nil
}

// Release gives the lock up.
func (l *Lock) Release() error { return l.f.Close() }

// Remove gives the lock up, and removes its file from dir.
func (l *Lock) Remove(dir *os.File) error {
	err := unix.Unlinkat(int(dir.Fd()), path.Base(l.f.Name()), 0)
	if err != nil {
		err = fmt.Errorf("lockfile: %w", &os.PathError{Op: "remove", Path: l.f.Name(), Err: err})
	}
	return errors.Join(err, l.f.Close())
}

// sign leaves the holder's process id for the message of those who wait. It is
// for people only: the lock itself is the kernel's.
func (l *Lock) sign() error {
	err := l.f.Truncate(0)
	if err == nil {
		_, err = l.f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("lockfile: %w", err), l.f.Close())
	}
	return nil
}

func (l *Lock) holder() string {
	b, err := io.ReadAll(io.NewSectionReader(l.f, 0, 32))
	if pid := strings.TrimSpace(string(b)); err == nil && pid != "" {
		return "process " + pid
	}
	return "another process"
}
