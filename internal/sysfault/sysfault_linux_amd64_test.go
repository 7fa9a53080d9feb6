package sysfault

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// work makes four directories, from as many threads as it is told.
func work(dir string, threads int) (made int, errs []error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	next := make(chan int, 4)
	for i := range 4 {
		next <- i
	}
	close(next)
	for range threads {
		wg.Go(func() {
			for i := range next {
				err := os.Mkdir(filepath.Join(dir, strconv.Itoa(i)), 0o755)
				mu.Lock()
				if err == nil {
					made++
				} else {
					errs = append(errs, err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return made, errs
}

// TestInChild is the traced process.
func TestInChild(t *testing.T) {
	dir := os.Getenv("SYSFAULT_TEST_DIR")
	if dir == "" {
		return
	}
	threads, _ := strconv.Atoi(os.Getenv("SYSFAULT_TEST_THREADS"))
	for part := 1; ; part++ {
		sub := filepath.Join(dir, strconv.Itoa(part))
		require.NoError(t, os.Mkdir(sub, 0o755), "before the part nothing is struck")
		Begin()
		made, errs := work(sub, threads)
		struck := End()
		fmt.Println("part", part, "struck", struck, "made", made, errs)
		for _, err := range errs {
			require.ErrorIs(t, err, syscall.ENOSPC)
		}
		if !struck {
			return
		}
	}
}

func trace(t *testing.T, fault Fault, threads int) (Result, string, string) {
	t.Helper()
	fault.Dir = t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestInChild$")
	cmd.Env = append(os.Environ(), "SYSFAULT_TEST_DIR="+fault.Dir, fmt.Sprint("SYSFAULT_TEST_THREADS=", threads))
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer out.Close()
	cmd.Stdout = out
	result, err := Run(cmd, fault)
	require.NoError(t, err)
	b, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	return result, string(b), fault.Dir
}

func TestStrikes(t *testing.T) {
	for _, threads := range []int{1, 4} {
		result, out, dir := trace(t, Fault{At: 3, Errno: syscall.ENOSPC}, threads)
		require.Zero(t, result.Status.ExitStatus(), out)
		require.Equal(t, "mkdirat", result.Struck)
		require.Contains(t, out, "part 1 struck true made 3 ")
		require.Contains(t, out, "part 2 struck false made 4 ", "once only")
		entries, err := os.ReadDir(filepath.Join(dir, "1"))
		require.NoError(t, err)
		require.Len(t, entries, 3)

		result, out, dir = trace(t, Fault{At: 3}, threads)
		require.True(t, result.Status.Signaled(), out)
		require.Equal(t, syscall.SIGKILL, result.Status.Signal())
		entries, err = os.ReadDir(filepath.Join(dir, "1"))
		require.NoError(t, err)
		require.LessOrEqual(t, len(entries), 3, "the third is not made")

		result, out, _ = trace(t, Fault{Errno: syscall.ENOSPC}, threads)
		require.Zero(t, result.Status.ExitStatus(), out)
		require.Equal(t, 4, result.Calls)
		require.Contains(t, out, "part 1 struck false made 4 ")
	}
}

func TestEach(t *testing.T) {
	for _, lasting := range []bool{false, true} {
		result, out, _ := trace(t, Fault{Errno: syscall.ENOSPC, Each: true, Lasting: lasting}, 1)
		require.Zero(t, result.Status.ExitStatus(), out)
		for i, want := range []int{3, 3, 3, 3, 4} {
			if lasting {
				want = i
			}
			require.Contains(t, out, fmt.Sprintf("part %d struck %v made %d ", i+1, i < 4, want))
		}
	}
}

func TestUntraced(t *testing.T) {
	Begin()
	require.False(t, End())
	_, err := Run(exec.Command("/nowhere"), Fault{})
	require.True(t, errors.Is(err, os.ErrNotExist))
}
