package passwd_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bedplate/bedplate/internal/passwd"
	"github.com/bedplate/bedplate/internal/rootfs"
)

func newRoot(t *testing.T) (*rootfs.Root, string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "etc"), 0o755))
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { root.Close() })
	return root, filepath.Join(dir, "etc")
}

// TestHolder is the process that the tests below start: it takes the record lock
// as lckpwdf(3) does, and keeps it until its input ends.
func TestHolder(t *testing.T) {
	file := os.Getenv("PASSWD_TEST_LOCK")
	if file == "" {
		return
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	require.NoError(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	fmt.Println("locked")
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the end
}

func holder(t *testing.T, file string) (pid int, end func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHolder$")
	cmd.Env = append(os.Environ(), "PASSWD_TEST_LOCK="+file)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = out.Read(make([]byte, 6))
	require.NoError(t, err)
	ended := false
	end = func() {
		if !ended {
			ended = true
			_ = in.Close()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(end)
	return cmd.Process.Pid, end
}

func short(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestRecordLockIsNamed(t *testing.T) {
	root, etc := newRoot(t)
	pid, end := holder(t, filepath.Join(etc, ".pwd.lock"))
	_, err := passwd.Acquire(short(t), root, "passwd")
	var held *passwd.LockError
	require.ErrorAs(t, err, &held)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Contains(t, held.Holder, fmt.Sprintf("process %d (%.15s)", pid, filepath.Base(os.Args[0])))
	require.Equal(t, root.Host("/etc/.pwd.lock"), held.Path)
	require.ErrorIs(t, passwd.Wait(short(t), root), context.DeadlineExceeded)

	got := make(chan error)
	go func() {
		l, err := passwd.Acquire(t.Context(), root, "passwd", "group")
		if err == nil {
			err = l.Release()
		}
		got <- err
	}()
	end()
	require.NoError(t, <-got)
	require.NoFileExists(t, filepath.Join(etc, "passwd.lock"))
}

// Goroutines exclude each other, and the lock is one for others' lckpwdf, too.
func TestExclusive(t *testing.T) {
	root, etc := newRoot(t)
	l, err := passwd.Acquire(t.Context(), root, "passwd", "shadow")
	require.NoError(t, err)
	b, err := os.ReadFile(filepath.Join(etc, "shadow.lock"))
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(os.Getpid())+"\x00", string(b))
	_, err = passwd.Acquire(short(t), root)
	require.ErrorContains(t, err, fmt.Sprintf("process %d", os.Getpid()))
	f, err := os.OpenFile(filepath.Join(etc, ".pwd.lock"), os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	require.ErrorIs(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}), unix.EAGAIN)
	require.NoError(t, l.Release())
}

func TestLockFiles(t *testing.T) {
	root, etc := newRoot(t)
	lock := filepath.Join(etc, "passwd.lock")
	sleeper := exec.Command("sleep", "60")
	require.NoError(t, sleeper.Start())
	stop := func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() }
	defer stop()
	require.NoError(t, os.WriteFile(lock, []byte(strconv.Itoa(sleeper.Process.Pid)), 0o600))
	_, err := passwd.Acquire(short(t), root, "group", "passwd")
	require.ErrorContains(t, err, fmt.Sprintf("passwd.lock is held by process %d (sleep)", sleeper.Process.Pid))
	require.NoFileExists(t, filepath.Join(etc, "group.lock"))

	// Its process died: the lock is broken, as shadow's tools do.
	stop()
	l, err := passwd.Acquire(t.Context(), root, "passwd")
	require.NoError(t, err)
	require.NoError(t, l.Release())

	// Who wrote no number can't be asked whether he lives.
	require.NoError(t, os.WriteFile(lock, []byte("what"), 0o600))
	_, err = passwd.Acquire(short(t), root, "passwd")
	require.ErrorContains(t, err, "another process")
	entries, err := os.ReadDir(etc)
	require.NoError(t, err)
	require.Len(t, entries, 2) // passwd.lock and .pwd.lock
}

func TestNoEtc(t *testing.T) {
	root, err := rootfs.Open(t.TempDir())
	require.NoError(t, err)
	defer root.Close()
	_, err = passwd.Acquire(t.Context(), root)
	require.True(t, errors.Is(err, os.ErrNotExist))
}
