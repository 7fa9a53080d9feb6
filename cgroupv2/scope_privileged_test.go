//go:build privileged

package cgroupv2_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/internal/testenv"
)

func TestScope(t *testing.T) {
	t.Parallel()
	child := exec.Command("/bin/sleep", "1000")
	require.NoError(t, child.Start())
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	s := cgroupv2.Scope{
		Name: "test-scope.scope", Description: "a scope", Slice: "test-some.slice", Processes: []int{child.Process.Pid},
		Limits: cgroupv2.Limits{MemoryMax: cgroupv2.MiB(300), MemorySwapMax: cgroupv2.Bytes(0), CPUMax: cgroupv2.Percent(80), CPUWeight: 50, TasksMax: cgroupv2.Tasks(99)},
	}
	g, err := s.Start(t.Context())
	require.NoError(t, err)
	require.Equal(t, "/test.slice/test-some.slice/test-scope.scope", g.Path)
	for file, want := range map[string]string{"memory.max": "314572800", "memory.swap.max": "0", "cpu.max": "80000 100000", "cpu.weight": "50", "pids.max": "99"} {
		require.Equal(t, want, kernel(t, g.Path, file), file)
	}
	main := cgroupv2.Group{Path: g.Path + "/main"}
	pids, err := main.Processes()
	require.NoError(t, err)
	require.Equal(t, []int{child.Process.Pid}, pids)

	_, err = s.Start(t.Context())
	require.Error(t, err, "the name is taken")

	worker := made(t, g.Path+"/worker", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(100), CPUMax: cgroupv2.Percent(10)})
	require.NoError(t, main.MoveAll(worker))
	pids, err = worker.Processes()
	require.NoError(t, err)
	require.Equal(t, []int{child.Process.Pid}, pids)
	require.NoError(t, main.Remove())

	// The scope's own limits remain systemd's, what is outside remains its own.
	var managed *cgroupv2.ManagedError
	require.ErrorAs(t, cgroupv2.Set(g.Path, cgroupv2.Limits{TasksMax: cgroupv2.Tasks(3)}), &managed)
	require.Equal(t, "test-scope.scope", managed.Unit)
	require.ErrorAs(t, worker.MoveAll(cgroupv2.Group{Path: "system.slice/x"}), &managed)
	require.ErrorAs(t, cgroupv2.Group{Path: "init.scope"}.MoveAll(worker), &managed)

	// systemd does not undo what was done below.
	run(t, "systemctl", "daemon-reload")
	require.Equal(t, "104857600", kernel(t, worker.Path, "memory.max"))
	require.NoError(t, worker.Kill(t.Context()))
	_ = child.Wait()
	await(t, "end of the scope", func() bool { return !exists(g.Path, "") })
}

func TestOwn(t *testing.T) {
	_, err := cgroupv2.Own()
	var managed *cgroupv2.ManagedError
	require.ErrorAs(t, err, &managed)
	require.Equal(t, "bedplate-agent.service", managed.Unit)

	exe, err := os.Executable()
	require.NoError(t, err)
	out := run(t, "systemd-run", "--quiet", "--wait", "--pipe", "--unit=test-own.service", "-p", "Delegate=yes", exe, "load", "own")
	require.Contains(t, "\n"+out, "\n0::/system.slice/test-own.service/worker\n")
}

// Without root: a user's manager delegates, and all else is the same.
func TestRootless(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	require.NoError(t, err)
	run(t, "useradd", "-u", "4321", "-m", "rootless")
	run(t, "loginctl", "enable-linger", "rootless")
	await(t, "user manager", func() bool {
		_, err := os.Stat("/run/user/4321/systemd/private")
		return err == nil
	})
	copied := "/home/rootless/test"
	run(t, "cp", exe, copied)
	as := func(args ...string) string {
		return run(t, "setpriv", append([]string{"--reuid=4321", "--regid=4321", "--clear-groups", "env", "XDG_RUNTIME_DIR=/run/user/4321", "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/4321/bus"}, args...)...)
	}
	const at = "0::/user.slice/user-4321.slice/user@4321.service/"
	out := as("systemd-run", "--user", "--quiet", "--wait", "--pipe", "--unit=test-own.service", "-p", "Delegate=yes", copied, "load", "own")
	require.True(t, strings.Contains(out, at) && strings.HasSuffix(out, "test-own.service/worker\n"), out)
	out = as("systemd-run", "--user", "--quiet", "--wait", "--pipe", "--unit=test-from.service", copied, "load", "scope")
	require.True(t, strings.Contains(out, at) && strings.HasSuffix(out, "of-user.scope/worker\n"), out)

	// A service of the user's that was not delegated is its manager's.
	cmd := exec.Command("setpriv", "--reuid=4321", "--regid=4321", "--clear-groups", "env", "XDG_RUNTIME_DIR=/run/user/4321", "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/4321/bus",
		"systemd-run", "--user", "--quiet", "--wait", "--pipe", "--unit=test-not.service", copied, "load", "own")
	b, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(b), "belongs to systemd's test-not.service")
}

// The same limits through systemd, as directives of a unit file and as
// properties over D-Bus, reach the kernel as those that Set writes.
func TestSystemdGivesTheSameLimits(t *testing.T) {
	version := testenv.Systemd(t)
	l := everyLimit(t)
	l.MemoryHigh, l.MemoryMax = cgroupv2.MemoryPercent(15.5), cgroupv2.MemoryPercent(20)
	l.CPUMax = cgroupv2.Percent(33).WithPeriod(l.CPUMax.Period()) // systemd knows no burst
	require.Empty(t, l.Undirected(version))
	b := &strings.Builder{}
	b.WriteString("[Service]\nExecStart=/bin/sleep infinity\n")
	for name, value := range l.Directives(version) {
		b.WriteString(name + "=" + value + "\n")
	}
	require.NoError(t, os.WriteFile("/run/systemd/system/test-limits.service", []byte(b.String()), 0o644))
	run(t, "systemctl", "daemon-reload")
	run(t, "systemctl", "start", "test-limits.service")
	defer run(t, "systemctl", "stop", "test-limits.service")

	child := exec.Command("/bin/sleep", "1000")
	require.NoError(t, child.Start())
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	scope, err := cgroupv2.Scope{Name: "test-limits.scope", Processes: []int{child.Process.Pid}, Limits: l}.Start(t.Context())
	require.NoError(t, err)
	d := delegated(t)
	direct := made(t, d+"/x", l)
	plain := func(path string) cgroupv2.Limits {
		got := mustGet(t, path)
		got.HugePages, got.Misc = nil, nil // another test hands these on
		return got
	}
	want := plain(direct.Path)
	require.Equal(t, want, plain("system.slice/test-limits.service"), "directives")
	require.Equal(t, want, plain(scope.Path), "properties")
}
