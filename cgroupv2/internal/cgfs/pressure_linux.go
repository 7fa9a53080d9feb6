package cgfs

import (
	"context"
	"errors"
	"path"

	"golang.org/x/sys/unix"
)

// Armed is a trigger on a pressure file.
type Armed struct{ file, wake int }

// Arm opens a pressure file and writes a trigger to it, once: a second write to
// the same open file is refused by some kernels and crashed older ones.
func (t *Tree) Arm(rel, file, trigger string) (*Armed, error) {
	fd, err := -1, error(nil)
	if rel == "" { // the machine's; not every kernel's root has the file
		fd, err = retry(func() (int, error) {
			return unix.Open("/proc/pressure/"+path.Base(file[:len(file)-len(".pressure")]), unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		})
	} else {
		fd, err = t.open(path.Join(rel, file), unix.O_RDWR|unix.O_NONBLOCK)
	}
	if err != nil {
		return nil, fail("open", rel, file, err)
	}
	// With its zero, as the kernel's own example writes it.
	if _, err := retry(func() (int, error) { return unix.Write(fd, append([]byte(trigger), 0)) }); err != nil {
		return nil, errors.Join(fail("write", rel, file, err), unix.Close(fd))
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(fail("eventfd", rel, file, err), unix.Close(fd))
	}
	return &Armed{fd, wake}, nil
}

// Wait returns when the trigger has fired since the last Wait, or the context is
// done. It is poll(2) on a thread: an epoll of an epoll, which Go's runtime would
// make of it, asks the file twice, and the file tells of an event once.
func (a *Armed) Wait(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_, _ = unix.Write(a.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // a counter that is not full can't fail
		close(woken)
	})
	defer func() {
		if !stop() {
			<-woken // the descriptor may be closed after us
		}
	}()
	for {
		fds := []unix.PollFd{{Fd: int32(a.file), Events: unix.POLLPRI}, {Fd: int32(a.wake), Events: unix.POLLIN}}
		_, err := retry(func() (int, error) { return unix.Poll(fds, -1) })
		switch {
		case err != nil:
			return err
		case fds[1].Revents != 0:
			return context.Cause(ctx)
		case fds[0].Revents&unix.POLLERR != 0:
			return ErrGone
		case fds[0].Revents&unix.POLLPRI != 0:
			return nil
		}
	}
}

// Read reads the pressure.
func (a *Armed) Read() (string, error) {
	b := make([]byte, 512)
	n, err := retry(func() (int, error) { return unix.Pread(a.file, b, 0) })
	if errors.Is(err, unix.ENODEV) {
		return "", ErrGone
	}
	return string(b[:max(n, 0)]), err
}

// Close disarms it.
func (a *Armed) Close() error { return errors.Join(unix.Close(a.file), unix.Close(a.wake)) }
