//go:build privileged && linux && amd64

package account_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/internal/sysfault"
	"github.com/bedplate/bedplate/internal/testenv"
)

// liveSet needs every tool of a backend.
func liveSet(backend account.Backend) account.Set {
	s := account.Set{Backend: backend, Groups: []account.Group{{Name: "crew", GID: 850}}, Users: []account.User{{Name: "app", Groups: []string{"crew", "adm"}, SubIDs: true}}}
	if backend == account.BusyBox {
		s.Users[0].SubIDs = false // those are done in the files, and all else of the user with them
	}
	return s
}

// absent takes away what liveSet and the tests below make.
var absent = account.Set{Backend: account.Files, Groups: []account.Group{{Name: "crew", Absent: true}}, Users: []account.User{{Name: "app", Absent: true}}}

// TestLiveChild is the process that TestKilledTools ends.
func TestLiveChild(t *testing.T) {
	if backend := os.Getenv("ACCOUNT_TEST_LIVE"); backend != "" {
		require.NoError(t, os.WriteFile(os.Getenv("ACCOUNT_TEST_PID"), fmt.Append(nil, os.Getpid()), 0o644))
		_, err := liveSet(account.Backend(backend)).Ensure(t.Context())
		require.NoError(t, err)
	}
}

// wrap puts a script before a tool. It counts the runs of all that are wrapped;
// at the one that is told by kill-at the process that makes the account dies:
// before the tool runs, or with it after some milliseconds.
func wrap(t *testing.T, dir, tool string) {
	t.Helper()
	p, err := exec.LookPath(tool)
	require.NoError(t, err)
	target, err := filepath.EvalSymlinks(p)
	require.NoError(t, err)
	really := target + ".real"
	if filepath.Base(target) == "busybox" { // it is many tools, by the name of the link
		really = target + " " + tool
		target = filepath.Join(filepath.Dir(target), "busybox-"+tool)
		require.NoError(t, os.Remove(p))
		require.NoError(t, os.Symlink(target, p))
	} else {
		require.NoError(t, os.Rename(target, really))
		t.Cleanup(func() { require.NoError(t, os.Rename(really, target)) })
	}
	require.NoError(t, os.WriteFile(target, []byte(`#!/bin/sh
echo >>`+dir+`/runs
n=$(wc -l <`+dir+`/runs)
read at how <`+dir+`/kill-at
if [ "$n" = "$at" ]; then
	[ "$how" != before ] || { kill -9 $(cat `+dir+`/pid); exit 1; }
	setsid `+really+` "$@" >/dev/null 2>&1 & # with what it runs itself
	sleep "$how"
	kill -9 $(cat `+dir+`/pid)
	kill -9 -- -$! $! 2>/dev/null
	exit 1
fi
exec `+really+` "$@"
`), 0o755))
}

// TestKilledTools: the process dies before each command that it runs, and in the
// middle of it together with the command. The next run ends where an
// undisturbed one does.
func TestKilledTools(t *testing.T) {
	bringBusyBox(t)
	dir := t.TempDir()
	for _, tool := range []string{"groupadd", "useradd", "usermod", "systemd-sysusers", "adduser", "addgroup"} {
		wrap(t, dir, tool)
	}
	hows := []string{"0.02", "before"}
	switch {
	case os.Getenv("BEDPLATE_LONG") != "":
	case testenv.Suite(t) == "bookworm":
		hows = hows[1:]
	default:
		hows = hows[:1]
	}
	before := snapshot(t, "")
	for _, backend := range []account.Backend{account.Shadow, account.Sysusers, account.BusyBox} {
		killed, want := 0, known{}
		for at := 0; ; at++ {
			died := false
			for _, how := range hows {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "runs"), nil, 0o644))
				require.NoError(t, os.WriteFile(filepath.Join(dir, "kill-at"), fmt.Appendln(nil, at, how), 0o644))
				child := exec.Command(os.Args[0], "-test.run=^TestLiveChild$")
				child.Env = append(os.Environ(), "ACCOUNT_TEST_LIVE="+string(backend), "ACCOUNT_TEST_PID="+filepath.Join(dir, "pid"))
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
				ensure(t, absent)
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

// TestKilledApplets: BusyBox's own adduser and addgroup die at each system call
// that changes something. They leave half an account, and locks that no applet
// breaks; the next run ends where an undisturbed one does.
func TestKilledApplets(t *testing.T) {
	bringBusyBox(t)
	before := snapshot(t, "")
	s := account.Set{Backend: account.BusyBox, Groups: []account.Group{{Name: "crew", GID: 850}},
		Users: []account.User{{Name: "app", UID: 851, Group: "crew", Groups: []string{"adm"}}}}
	ensure(t, s)
	want := know(t, "", "app")
	stride, offset := 7, map[string]int{"bullseye": 0, "bookworm": 2, "trixie": 4}[testenv.Suite(t)]
	if os.Getenv("BEDPLATE_LONG") != "" {
		stride, offset = 1, 0
	}
	commands := [][]string{
		{"addgroup", "-S", "-g", "850", "crew"},
		{"adduser", "-S", "-D", "-H", "-h", "/nonexistent", "-s", want.User.Shell, "-G", "crew", "-g", "", "-u", "851", "app"},
		{"addgroup", "app", "adm"},
	}
	killed := 0
	for i, argv := range commands {
		for at := 1 + offset; ; at += stride {
			ensure(t, absent)
			require.Equal(t, before, snapshot(t, ""))
			for _, done := range commands[:i] {
				run(t, done[0], done[1:]...)
			}
			cmd := exec.Command("sh", slices.Concat([]string{"-c", `kill -WINCH $$; exec "$@"`, "sh"}, argv)...)
			result, err := sysfault.Run(cmd, sysfault.Fault{At: at, Dir: "/etc"})
			require.NoError(t, err)
			if !result.Status.Signaled() {
				require.Zero(t, result.Status.ExitStatus())
				require.Less(t, result.Calls, at)
				break
			}
			killed++
			require.Equal(t, syscall.SIGKILL, result.Status.Signal())
			converge(t, s)
			require.Equal(t, want, know(t, "", "app"), "%s: killed at call %d, %s", argv[0], at, result.Struck)
		}
	}
	t.Logf("killed %d times", killed)
	require.GreaterOrEqual(t, killed, 3)
	ensure(t, absent)
	require.Equal(t, before, snapshot(t, ""))
}
