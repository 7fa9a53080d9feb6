package toolchain_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bedplate/bedplate/internal/sysfault"
	"github.com/bedplate/bedplate/toolchain"
	"github.com/stretchr/testify/require"
)

// struck is a directory with one version that is current, and an installer of
// the next that is to be stopped somewhere.
type struck struct {
	dir string
	old toolchain.Installation
	sdk toolchain.SDK
}

func prepareStruck(t *testing.T) *struck {
	s := &struck{dir: filepath.Join(scratch(t), "go")}
	old := archive(t, small(t, "go1.26.7", 40<<10))
	var err error
	s.old, err = toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.7", Dir: s.dir, Platform: linux, Use: true, Source: old})
	require.NoError(t, err)
	s.sdk = toolchain.SDK{Version: "1.26.8", Dir: s.dir, Platform: linux, Use: true, Source: archive(t, small(t, "go1.26.8", 40<<10))}
	return s
}

// TestInstallInChild is the process that the tests below stop.
func TestInstallInChild(t *testing.T) {
	dir := os.Getenv("BEDPLATE_TEST_STRUCK")
	if dir == "" {
		return
	}
	sdk := toolchain.SDK{Version: "1.26.8", Dir: dir, Platform: linux, Use: true, Source: toolchain.Archive{Path: os.Getenv("BEDPLATE_TEST_ARCHIVE"), SHA256: os.Getenv("BEDPLATE_TEST_SHA256")}}
	sysfault.Begin()
	_, err := sdk.Ensure(t.Context())
	sysfault.End()
	if err != nil {
		t.Fatal("ENSURE:", err)
	}
}

func (s *struck) strike(t *testing.T, fault sysfault.Fault) (sysfault.Result, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestInstallInChild$")
	source := s.sdk.Source.(toolchain.Archive)
	cmd.Env = append(os.Environ(), "BEDPLATE_TEST_STRUCK="+s.dir, "BEDPLATE_TEST_ARCHIVE="+source.Path, "BEDPLATE_TEST_SHA256="+source.SHA256, "GOMAXPROCS=1", "GOGC=off")
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	fault.Dir = s.dir
	result, err := sysfault.Run(cmd, fault)
	require.NoError(t, err)
	b, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	return result, string(b)
}

// whole checks what there is now: each version that is listed is whole, and
// current leads to one.
func (s *struck) whole(t *testing.T, why ...any) {
	t.Helper()
	installed, err := toolchain.List(s.dir)
	require.NoError(t, err, why...)
	require.NotEmpty(t, installed, why...)
	for _, i := range installed {
		require.NoError(t, i.Verify(t.Context()), why...)
	}
	_, err = os.Stat(filepath.Join(s.dir, "current", "VERSION"))
	require.NoError(t, err, why...)
}

func (s *struck) remains(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".new") || strings.HasSuffix(e.Name(), ".old") {
			names = append(names, e.Name())
		}
	}
	return names
}

// heal lets the next installer finish the work, and goes back to the beginning.
func (s *struck) heal(t *testing.T, why ...any) {
	t.Helper()
	i, err := toolchain.Install(t.Context(), s.sdk)
	require.NoError(t, err, why...)
	s.whole(t, why...)
	require.Empty(t, s.remains(t), why...)
	require.NoError(t, toolchain.Use(s.old))
	require.NoError(t, toolchain.Remove(t.Context(), i))
	require.NoError(t, os.RemoveAll(filepath.Join(s.dir, ".downloads")))
}

// TestKilledAtEachCall: at each system call that changes something, the process
// dies. CI takes every eighth of them.
func TestKilledAtEachCall(t *testing.T) {
	t.Parallel()
	s, stride, kills := prepareStruck(t), long(8, 1), 0
	for at := 1; ; at += stride {
		result, out := s.strike(t, sysfault.Fault{At: at})
		if !result.Status.Signaled() {
			require.Zero(t, result.Status.ExitStatus(), out)
			require.Less(t, result.Calls, at)
			t.Logf("killed at %d of %d calls", kills, result.Calls)
			break
		}
		require.Equal(t, syscall.SIGKILL, result.Status.Signal())
		kills++
		s.whole(t, "killed at call %d, %s", at, result.Struck)
		s.heal(t, "killed at call %d, %s", at, result.Struck)
	}
	require.Greater(t, kills*stride, 120)
}

// TestEachCallFails: each system call that touches files fails once, with each
// of five errors. Ensure says so, and the version that was there stays as it was.
// CI takes every fortieth call, other ones for each error.
func TestEachCallFails(t *testing.T) {
	t.Parallel()
	stride := long(40, 1)
	for n, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO, syscall.EROFS, syscall.EMFILE, syscall.EDQUOT} {
		t.Run(errno.Error(), func(t *testing.T) {
			s, failures := prepareStruck(t), 0
			for at := 1 + n*stride/5; ; at += stride {
				result, out := s.strike(t, sysfault.Fault{At: at, Errno: errno, Reads: true})
				require.True(t, result.Status.Exited(), out)
				if result.Struck == "" {
					require.Zero(t, result.Status.ExitStatus(), out)
					t.Logf("%d of %d calls failed", failures, result.Calls)
					break
				}
				failures++
				why := []any{"%s at call %d: %s", result.Struck, at, out}
				// Some calls can be done without, such as a look at what is to be replaced.
				if result.Status.ExitStatus() != 0 {
					require.Contains(t, out, "ENSURE: toolchain: ", why...)
					require.Contains(t, out, errno.Error(), why...)
				}
				s.whole(t, why...)
				require.NoError(t, s.old.Verify(t.Context()), why...)
				if result.Status.ExitStatus() != 0 && !strings.HasPrefix(result.Struck, "unlink") && result.Struck != "getdents" && result.Struck != "openat" && result.Struck != "fstatat" {
					require.Empty(t, s.remains(t), why...)
				}
				s.heal(t, why...)
			}
			require.Greater(t, failures*stride, 200)
		})
	}
}
