package cgfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Watch waits for the kernel to say that files of a cgroup have changed.
type Watch struct {
	queue *os.File
	buf   [4096]byte
}

// Watch watches files of a cgroup (those of the *.events kind notify), and the
// cgroup's own end. What changes from now on is not missed: read the files
// after this, then Wait, then read them again.
//
// The end is seen in the cgroup above, as the removal of a name: that every kernel's
// files tell of their own is not to be relied on, and what they had to tell just
// before may be lost with them.
func (t *Tree) Watch(rel string, files ...string) (_ *Watch, err error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fail("inotify", rel, "", err)
	}
	w := &Watch{queue: os.NewFile(uintptr(fd), "inotify")}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	for _, file := range files {
		if err := t.watch(fd, path.Join(rel, file), unix.IN_MODIFY|unix.IN_DELETE_SELF); err != nil {
			return nil, fail("watch", rel, file, err)
		}
	}
	if rel != "" {
		if err := t.watch(fd, Parent(rel), unix.IN_DELETE|unix.IN_ONLYDIR); err != nil {
			return nil, fail("watch", Parent(rel), "", err)
		}
	}
	return w, nil
}

func (t *Tree) watch(queue int, name string, mask uint32) error {
	fd, err := t.open(name, unix.O_PATH)
	if err != nil {
		return err
	}
	// By descriptor, so that it is the file that was checked.
	_, err = unix.InotifyAddWatch(queue, "/proc/self/fd/"+strconv.Itoa(fd), mask)
	return errors.Join(err, unix.Close(fd))
}

// Wait returns when something has changed since the last Wait, or the context
// is done.
func (w *Watch) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if err := w.queue.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = w.queue.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := w.queue.Read(w.buf[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("inotify: %w", err)
	}
	return nil
}

// Close ends the watch.
func (w *Watch) Close() error { return w.queue.Close() }
