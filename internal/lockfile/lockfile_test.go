package lockfile

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain is also the process that takes the lock and is killed with it.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LOCKFILE_TEST_HOLD"); dir != "" {
		d, err := os.Open(dir)
		if err == nil {
			_, err = Acquire(context.Background(), d, "lock")
		}
		if err != nil {
			panic(err)
		}
		os.Stdout.WriteString("held\n")
		select {}
	}
	os.Exit(m.Run())
}

func TestLockEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	d, err := os.Open(dir)
	require.NoError(t, err)
	defer d.Close()

	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), "LOCKFILE_TEST_HOLD="+dir)
	out, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", line)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Acquire(ctx, d, "lock")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "held by process ")

	got := make(chan error, 1)
	go func() {
		l, err := Acquire(t.Context(), d, "lock")
		if err == nil {
			err = l.Release()
		}
		got <- err
	}()
	require.NoError(t, holder.Process.Kill())
	_ = holder.Wait()
	require.NoError(t, <-got)
}

// TestRemoved: holders that remove the file exclude each other all the same.
func TestRemoved(t *testing.T) {
	d, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer d.Close()
	var inside atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 25 {
				l, err := Acquire(context.Background(), d, "lock")
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two hold it")
				}
				runtime.Gosched()
				inside.Add(-1)
				end := l.Release
				if (i+j)%3 != 0 {
					end = func() error { return l.Remove(d) }
				}
				if err := end(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	l, err := Acquire(t.Context(), d, "lock")
	require.NoError(t, err)
	require.NoError(t, l.Remove(d))
	names, err := d.Readdirnames(-1)
	require.NoError(t, err)
	require.Empty(t, names)
}
