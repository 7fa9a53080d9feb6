//go:build privileged

package unit_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// provoked are services that go wrong, each in its own way.
var provoked = []struct {
	name, text string
	outcome    unit.Outcome
	problem    string // part of Status.Problem
	log        string // part of a log line
	restarts   bool
	exit       unit.Exit
}{
	{name: "missing", text: "[Service]\nType=exec\nExecStart=/nonexistent/app\nRestart=on-failure\nRestartSec=100ms", outcome: unit.MissingProgram,
		problem: "/nonexistent/app: no such file", log: "/nonexistent/app", restarts: true, exit: unit.Exit{Code: 203}},
	{name: "missing-simple", text: "[Service]\nExecStart=/nonexistent/app", outcome: unit.MissingProgram, problem: "/nonexistent/app", exit: unit.Exit{Code: 203}},
	{name: "architecture", text: "[Service]\nType=exec\nExecStart=/opt/foreign", outcome: unit.WrongArchitecture, problem: "/opt/foreign: exec format error", exit: unit.Exit{Code: 203}},
	{name: "unexecutable", text: "[Service]\nType=exec\nExecStart=/etc/passwd", outcome: unit.SetupFailed, problem: "permission denied", exit: unit.Exit{Code: 203}},
	{name: "user", text: "[Service]\nType=exec\nExecStart=/bin/sleep 100\nUser=nobody-here", outcome: unit.MissingAccount, problem: "USER", exit: unit.Exit{Code: 217}},
	{name: "directory", text: "[Service]\nType=exec\nExecStart=/bin/sleep 100\nWorkingDirectory=/nonexistent", outcome: unit.SetupFailed, problem: "CHDIR", exit: unit.Exit{Code: 200}},
	{name: "environment", text: "[Service]\nType=exec\nExecStart=/bin/sleep 100\nEnvironmentFile=/nonexistent", outcome: unit.SetupFailed, log: "environment"},
	{name: "error", text: "[Service]\nExecStart=/bin/sh -c 'echo so it ends; exit 3'", outcome: unit.ExitedWithError, problem: "exit 3", log: "so it ends", exit: unit.Exit{Code: 3}},
	{name: "crash", text: "[Service]\nExecStart=/bin/sh -c 'kill -SEGV $$$$'\nLimitCORE=0", outcome: unit.Crashed, problem: "SIGSEGV", exit: unit.Exit{Signal: syscall.SIGSEGV}},
	{name: "loop", text: "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sh -c 'exit 7'\nRestart=always\nRestartSec=100ms", outcome: unit.CrashLoop, problem: "exit 7", restarts: true, exit: unit.Exit{Code: 7}},
	{name: "limit", text: "[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=60\n[Service]\nExecStart=/bin/sh -c 'exit 7'\nRestart=always\nRestartSec=50ms", outcome: unit.CrashLoop, restarts: true, exit: unit.Exit{Code: 7}},
	{name: "never", text: "[Service]\nType=notify\nExecStart=/bin/sleep 100\nTimeoutStartSec=500ms", outcome: unit.NeverReady, problem: "TimeoutStartSec", exit: unit.Exit{Signal: syscall.SIGTERM}},
	{name: "early", text: "[Service]\nType=notify\nExecStart=/bin/true", outcome: unit.EndedEarly},
	{name: "memory", text: "[Service]\nType=notify\nExecStart=/usr/bin/tail /dev/zero\nMemoryMax=16M\nMemorySwapMax=0", outcome: unit.OutOfMemory, exit: unit.Exit{Signal: syscall.SIGKILL}},
	{name: "watchdog", text: "[Service]\nType=notify\nNotifyAccess=all\nWatchdogSec=300ms\nExecStart=/bin/sh -c 'systemd-notify --ready; exec sleep 100'\nLimitCORE=0", outcome: unit.WatchdogExpired, exit: unit.Exit{Signal: syscall.SIGABRT}},
	{name: "condition", text: "[Unit]\nConditionPathExists=!/etc\nConditionPathExists=/nonexistent\n[Service]\nExecStart=/bin/sleep 100", outcome: unit.ConditionNotMet, problem: "ConditionPathExists=/nonexistent"},
	{name: "assert", text: "[Unit]\nAssertPathExists=/nonexistent\n[Service]\nExecStart=/bin/sleep 100", outcome: unit.ConditionNotMet, problem: "AssertPathExists=/nonexistent"},
	{name: "dependency", text: "[Unit]\nRequires=p-error2.service\nAfter=p-error2.service\n[Service]\nExecStart=/bin/sleep 100", outcome: unit.DependencyFailed},
	{name: "error2", text: "[Service]\nType=oneshot\nExecStart=/bin/false", outcome: unit.ExitedWithError, exit: unit.Exit{Code: 1}},
	{name: "pre", text: "[Service]\nExecStartPre=/bin/false\nExecStart=/bin/sleep 100", outcome: unit.ExitedWithError, problem: "a process of it"},
}

func TestOutcomes(t *testing.T) {
	require.NoError(t, os.MkdirAll("/opt", 0o755))
	b, err := os.ReadFile("/bin/sleep")
	require.NoError(t, err)
	b[18], b[19] = 0xb7, 0 // e_machine: AArch64
	require.NoError(t, os.WriteFile("/opt/foreign", b, 0o755))

	var names []string
	for _, p := range provoked {
		put(t, "", etc+"p-"+p.name+".service", p.text+"\n")
		names = append(names, "p-"+p.name+".service")
	}
	gone(t, names...)
	command(t, "systemctl", "daemon-reload")
	t.Run("group", func(t *testing.T) {
		for _, p := range provoked {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				m := unit.Manager{Stable: 20 * time.Second} // it is seen at once when it fails
				if p.restarts {
					m.Stable = 5 * time.Second
				}
				name := "p-" + p.name + ".service"
				// One that is started again and again keeps the machine busy.
				t.Cleanup(func() { _ = exec.Command("systemctl", "stop", name).Run() })
				s, err := m.Start(t.Context(), name)
				var failed *unit.StartError
				require.ErrorAs(t, err, &failed)
				require.Equal(t, s, failed.Status)
				require.Equal(t, p.outcome, s.Outcome, "%v\n%v", err, s.Log)
				require.Contains(t, s.Problem, p.problem)
				s.Exit.Core = false
				require.Equal(t, p.exit, s.Exit)
				require.Equal(t, p.restarts, s.Restarts > 0, "restarted %d times", s.Restarts)
				require.Empty(t, s.NoLog)
				require.NotEmpty(t, s.Log)
				require.LessOrEqual(t, len(s.Log), 10)
				require.Contains(t, fmt.Sprint(s.Log), p.log)
				for _, e := range s.Log {
					require.Equal(t, s.Unit, e.Unit, e)
				}
			})
		}
	})
}

func TestStartThatGoesWell(t *testing.T) {
	gone(t, "w-run.service", "w-once.service", "w-stubborn.service", "w-status.service")
	put(t, "", etc+"w-run.service", "[Service]\nType=exec\nExecStart=/bin/sleep 1000\nExecReload=/bin/sh -c 'exit $CODE'\nEnvironmentFile=-/run/w-code\n")
	put(t, "", etc+"w-once.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo done it'\n")
	put(t, "", etc+"w-stubborn.service", "[Service]\nExecStart=/bin/sleep 1000\nKillSignal=SIGCONT\nTimeoutStopSec=300ms\n")
	command(t, "systemctl", "daemon-reload")
	m := unit.Manager{Stable: 100 * time.Millisecond}
	s, err := m.Start(t.Context(), "w-run.service")
	require.NoError(t, err)
	require.Equal(t, unit.Running, s.Outcome)
	require.NotZero(t, s.PID)
	require.NotEmpty(t, s.Invocation)

	again, err := m.Start(t.Context(), "w-run.service")
	require.NoError(t, err)
	require.Equal(t, s.PID, again.PID)
	restarted, err := m.Restart(t.Context(), "w-run.service")
	require.NoError(t, err)
	require.NotEqual(t, s.Invocation, restarted.Invocation)

	_, err = m.Reload(t.Context(), "w-run.service")
	require.NoError(t, err)
	put(t, "", "/run/w-code", "CODE=1\n")
	reloaded, err := m.Reload(t.Context(), "w-run.service")
	var failed *unit.StartError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, unit.NotReloaded, reloaded.Outcome)
	require.Equal(t, "active", reloaded.Active)

	s, err = m.Stop(t.Context(), "w-run.service")
	require.NoError(t, err)
	require.Equal(t, unit.Stopped, s.Outcome)

	s, err = m.Start(t.Context(), "w-once.service")
	require.NoError(t, err)
	require.Equal(t, unit.Finished, s.Outcome)
	s, err = m.Status(t.Context(), "w-once.service")
	require.NoError(t, err)
	require.Equal(t, unit.Stopped, s.Outcome)

	_, err = m.Start(t.Context(), "w-stubborn.service")
	require.NoError(t, err)
	s, err = m.Wait(t.Context(), "w-stubborn.service", unit.Running)
	require.NoError(t, err)
	require.Equal(t, "w-stubborn.service", s.Unit)
	_, err = m.Stop(t.Context(), "w-stubborn.service")
	require.ErrorAs(t, err, &failed)
	require.Equal(t, unit.StopTimedOut, failed.Status.Outcome)
}

func TestStartRefused(t *testing.T) {
	gone(t, "x-bad.service", "x-slow.service", "x-masked.service")
	put(t, "", etc+"x-bad.service", "[Service]\nUser=app\n")
	put(t, "", etc+"x-masked.service", "→ /dev/null")
	put(t, "", etc+"x-slow.service", "[Service]\nType=notify\nExecStart=/bin/sleep 100\nTimeoutStartSec=60\n")
	command(t, "systemctl", "daemon-reload")
	m := unit.Manager{}
	_, err := m.Start(t.Context(), "x-masked.service")
	require.ErrorAs(t, err, new(*unit.MaskedError))
	_, err = m.Start(t.Context(), "x-none@1.service")
	var missing *unit.MissingError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "x-none@.service", missing.File)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = m.Start(t.Context(), "x-bad.service")
	require.ErrorAs(t, err, new(*unit.LoadError))
	require.ErrorContains(t, err, "ExecStart")
	for _, bad := range []string{"", "x", "../x.service", "a/b.service", "x@.service", "x.service\n"} {
		_, err = m.Start(t.Context(), bad)
		require.Error(t, err, bad)
	}

	// The caller's time is up: what there is to say is said within it.
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
	defer cancel()
	s, err := m.Start(ctx, "x-slow.service")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var failed *unit.StartError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, unit.Starting, s.Outcome)
	_, err = m.Stop(t.Context(), "x-slow.service")
	require.NoError(t, err)

	// Not for everybody.
	_, err = unit.Set{Instances: []string{"x-none@1.service"}, Start: true}.Ensure(t.Context())
	require.ErrorAs(t, err, &missing)
	_, err = unit.Set{Instances: []string{"x-masked.service"}, Start: true}.Ensure(t.Context())
	require.True(t, errors.As(err, new(*unit.MaskedError)), err)
}

// Lines that systemd ignores are errors, though it says so in its log only.
func TestSetLiveIgnoredLines(t *testing.T) {
	gone(t, "odd.socket", "odd.service")
	service := unit.Service{Name: "odd", Type: unit.Oneshot, Exec: []string{"/bin/true"}, NoInstall: true}
	s := unit.Set{Units: []unit.Unit{service, unit.Socket{Name: "odd", Listen: []string{"/run/odd"}, NoInstall: true,
		Extra: []unit.Directive{{Section: "Socket", Name: "ListenStream", Value: "vsock:nonsense"}}}}}
	_, err := s.Ensure(t.Context())
	var refused *unit.LoadError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "odd.socket", refused.Unit)
	require.Len(t, refused.Problems, 1)
	require.Contains(t, refused.Problems[0], "nonsense")

	// What we know ourselves that systemd will ignore is not even written.
	service.Extra = []unit.Directive{{Section: "Service", Name: "CPUQuota", Value: "75"}}
	s.Units = []unit.Unit{service}
	_, err = s.Plan(t.Context())
	require.ErrorContains(t, err, "CPUQuota=75 is ignored")
}
