//go:build privileged

package account_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/internal/testenv"
)

func ensure(t testing.TB, s account.Set) {
	t.Helper()
	_, err := s.Ensure(t.Context())
	require.NoError(t, err)
}

// TestManyLive: many processes at once make one account, by each backend.
func TestManyLive(t *testing.T) {
	bringBusyBox(t)
	// Each process is slow to start here: the unprivileged test starts 32 for Files.
	for backend, n := range map[account.Backend]int{account.Shadow: 32, account.BusyBox: 12, account.Sysusers: 12} {
		t.Run(string(backend), func(t *testing.T) {
			before := snapshot(t, "")
			made := together(t, account.Set{Backend: backend}, slices.Repeat([]string{"one"}, n))
			slices.Sort(made)
			made = slices.DeleteFunc(made, func(s string) bool { return strings.Contains(s, " file ") })
			require.Equal(t, []string{"create group one", "create user one"}, made)
			require.True(t, know(t, "", "one").Locked)
			ensure(t, account.Set{Backend: backend, Users: []account.User{{Name: "one", Absent: true}}})
			require.Equal(t, before, snapshot(t, ""))
		})
	}
}

// TestAmongOthers: other tools make accounts meanwhile, and each gets what it
// wants.
func TestAmongOthers(t *testing.T) {
	before := snapshot(t, "")
	var ours []account.User
	for i := range 4 {
		ours = append(ours, account.User{Name: fmt.Sprintf("ours%d", i)})
	}
	for _, backend := range []account.Backend{account.Shadow, account.Files} {
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() {
				out, err := exec.Command("useradd", "-r", "-M", fmt.Sprintf("theirs%d", i)).CombinedOutput()
				if err != nil {
					errs[i] = fmt.Errorf("%w: %s", err, out)
				}
			})
		}
		_, err := account.Set{Backend: backend, Users: ours}.Ensure(t.Context())
		wg.Wait()
		require.NoError(t, errors.Join(append(errs, err)...), backend)
		seen := map[string]bool{}
		for line := range strings.Lines(read(t, "/etc/passwd")) {
			f := strings.Split(line, ":")
			require.False(t, seen[f[2]], "%s: two have uid %s", backend, f[2])
			seen[f[2]] = true
		}
		gone := account.Set{Backend: account.Files}
		for i := range 4 {
			know(t, "", fmt.Sprintf("ours%d", i))
			know(t, "", fmt.Sprintf("theirs%d", i))
			gone.Users = append(gone.Users, account.User{Name: fmt.Sprintf("ours%d", i), Absent: true}, account.User{Name: fmt.Sprintf("theirs%d", i), Absent: true})
		}
		ensure(t, gone)
	}
	require.Equal(t, before, snapshot(t, ""))
}

// TestRunningUser: who runs is not removed.
func TestRunningUser(t *testing.T) {
	ensure(t, account.Set{Users: []account.User{{Name: "runner", UID: 777}}})
	sleeper := exec.Command("sleep", "300")
	sleeper.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 777, Gid: 777}}
	require.NoError(t, sleeper.Start())
	for _, backend := range []account.Backend{account.Shadow, account.Files} {
		_, err := account.Set{Backend: backend, Users: []account.User{{Name: "runner", Absent: true}}}.Ensure(t.Context())
		conflict := (*account.ConflictError)(nil)
		require.ErrorAs(t, err, &conflict)
		require.ErrorContains(t, err, fmt.Sprintf("777, as which process %d (sleep) runs", sleeper.Process.Pid))
	}
	require.NoError(t, sleeper.Process.Kill())
	_ = sleeper.Wait()
	ensure(t, account.Set{Users: []account.User{{Name: "runner", Absent: true}}})
}

// TestLockIsNamed: vipw(8) edits the accounts. Whoever can't wait is told by
// whom he is kept; whoever can, goes on as soon as it ends.
func TestLockIsNamed(t *testing.T) {
	dir := t.TempDir()
	begun, end := filepath.Join(dir, "begun"), filepath.Join(dir, "end")
	editor := filepath.Join(dir, "editor")
	require.NoError(t, os.WriteFile(editor, []byte("#!/bin/sh\ntouch "+begun+"\nwhile ! [ -e "+end+" ]; do sleep 0.05; done\n"), 0o755))
	vipw := exec.Command("vipw")
	vipw.Env = append(os.Environ(), "EDITOR="+editor, "VISUAL="+editor)
	require.NoError(t, vipw.Start())
	require.Eventually(t, func() bool { _, err := os.Stat(begun); return err == nil }, 20*time.Second, 10*time.Millisecond)
	for _, backend := range []account.Backend{account.Shadow, account.Files} {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		made, err := account.Set{Backend: backend, Users: []account.User{{Name: "patient"}}}.Ensure(ctx)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, fmt.Sprintf("is held by process %d (vipw)", vipw.Process.Pid))
		require.Empty(t, made)
	}
	got := make(chan error)
	go func() {
		_, err := account.Set{Backend: account.Shadow, Users: []account.User{{Name: "patient"}}}.Ensure(t.Context())
		got <- err
	}()
	require.NoError(t, os.WriteFile(end, nil, 0o644))
	require.NoError(t, <-got)
	require.NoError(t, vipw.Wait())
	know(t, "", "patient")
	ensure(t, account.Set{Users: []account.User{{Name: "patient", Absent: true}}})
}

// liveSet needs every tool of a backend.
func liveSet(backend account.Backend) account.Set {
	return account.Set{Backend: backend, Groups: []account.Group{{Name: "crew", GID: 850}}, Users: []account.User{{Name: "app", Groups: []string{"crew", "adm"}, SubIDs: true}}}
}

// TestLiveChild is the process that TestKilledTools ends.
func TestLiveChild(t *testing.T) {
	if backend := os.Getenv("ACCOUNT_TEST_LIVE"); backend != "" {
		_, err := liveSet(account.Backend(backend)).Ensure(t.Context())
		require.NoError(t, err)
	}
}

// wrap puts a script before a tool. It counts the runs of all that are wrapped;
// at the one that is told by kill-at the caller dies: before the tool runs, or
// with it after some milliseconds.
func wrap(t *testing.T, dir, tool string) {
	t.Helper()
	p, err := exec.LookPath(tool)
	require.NoError(t, err)
	p, err = filepath.EvalSymlinks(p)
	require.NoError(t, err)
	require.NoError(t, os.Rename(p, p+".real"))
	t.Cleanup(func() { require.NoError(t, os.Rename(p+".real", p)) })
	require.NoError(t, os.WriteFile(p, []byte(`#!/bin/sh
echo >>`+dir+`/runs
n=$(wc -l <`+dir+`/runs)
read at how <`+dir+`/kill-at
if [ "$n" = "$at" ]; then
	[ "$how" != before ] || { kill -9 $PPID; exit 1; }
	`+p+`.real "$@" >/dev/null 2>&1 &
	sleep "$how"
	kill -9 $PPID $! 2>/dev/null
	exit 1
fi
exec `+p+`.real "$@"
`), 0o755))
}

// TestKilledTools: the process dies before each command that it runs, and in the
// middle of it together with the command. The next run ends where an
// undisturbed one does.
func TestKilledTools(t *testing.T) {
	dir := t.TempDir()
	for _, tool := range []string{"groupadd", "useradd", "usermod", "systemd-sysusers"} {
		wrap(t, dir, tool)
	}
	hows := []string{"0.02"}
	if testenv.Suite(t) == "trixie" {
		hows = append(hows, "before")
	}
	before := snapshot(t, "")
	gone := account.Set{Backend: account.Files, Groups: []account.Group{{Name: "crew", Absent: true}}, Users: []account.User{{Name: "app", Absent: true}}}
	for _, backend := range []account.Backend{account.Shadow, account.Sysusers} {
		killed, want := 0, known{}
		for at := 0; ; at++ {
			died := false
			for _, how := range hows {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "runs"), nil, 0o644))
				require.NoError(t, os.WriteFile(filepath.Join(dir, "kill-at"), fmt.Appendln(nil, at, how), 0o644))
				child := exec.Command(os.Args[0], "-test.run=^TestLiveChild$")
				child.Env = append(os.Environ(), "ACCOUNT_TEST_LIVE="+string(backend))
				out, err := child.CombinedOutput()
				var exit *exec.ExitError
				if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
					died = true
					killed++
				} else {
					require.NoError(t, err, string(out))
				}
				require.NoError(t, os.WriteFile(filepath.Join(dir, "kill-at"), []byte("0 never\n"), 0o644))
				ensure(t, liveSet(backend))
				got := know(t, "", "app")
				if at == 0 {
					want = got
				}
				require.Equal(t, want, got, "%s: killed at command %d, %s", backend, at, how)
				ensure(t, gone)
				require.Equal(t, before, snapshot(t, ""), "%s: killed at command %d, %s", backend, at, how)
				if at == 0 {
					break
				}
				if !died {
					break
				}
			}
			if at > 0 && !died {
				break
			}
		}
		t.Logf("%s: killed %d times", backend, killed)
		require.GreaterOrEqual(t, killed, len(hows))
	}
}

// TestFullAndReadOnly: what can't be written is refused, and nothing is touched.
func TestFullAndReadOnly(t *testing.T) {
	root := machineRoot(t)
	etc := filepath.Join(root, "etc")
	saved := t.TempDir()
	run(t, "cp", "-a", etc+"/.", saved)
	run(t, "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", etc)
	defer run(t, "umount", etc)
	run(t, "cp", "-a", saved+"/.", etc)
	before := snapshot(t, root)
	s := account.Set{Root: root, Backend: account.Files, Users: []account.User{{Name: "app", SubIDs: true}}}

	require.Error(t, os.WriteFile(filepath.Join(etc, "filler"), make([]byte, 1<<20), 0o644))
	made, err := s.Ensure(t.Context())
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Empty(t, made)
	require.Equal(t, before, snapshot(t, root))
	require.NoError(t, os.Remove(filepath.Join(etc, "filler")))

	run(t, "mount", "-o", "remount,ro", etc)
	for _, backend := range []account.Backend{account.Files, account.Sysusers} {
		s.Backend = backend
		made, err = s.Ensure(t.Context())
		require.ErrorIs(t, err, syscall.EROFS)
		require.Empty(t, made)
	}
	require.Equal(t, before, snapshot(t, root))
	run(t, "mount", "-o", "remount,rw", etc)
	entries, err := os.ReadDir(etc)
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, e.Name(), ".lock-")
		require.NotRegexp(t, `\.lock$|bedplate`, strings.TrimPrefix(e.Name(), ".pwd.lock"))
	}
	s.Backend = account.Files
	converge(t, s)
}
