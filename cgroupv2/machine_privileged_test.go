//go:build privileged

package cgroupv2_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/internal/testenv"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "load" {
		load(os.Args[2:])
		return
	}
	testenv.Main(m)
}

const mount = "/sys/fs/cgroup"

// delegated gives a cgroup that systemd has delegated to us: a service with
// nothing but a sleeping process, in a cgroup of its own below.
func delegated(t *testing.T, properties ...string) string {
	t.Helper()
	unit := "test-" + strings.ToLower(strings.NewReplacer("/", "-", "#", "-").Replace(t.Name())) + ".service"
	args := []string{"--unit=" + unit, "--quiet", "-p", "Delegate=yes"}
	for _, p := range properties {
		args = append(args, "-p", p)
	}
	own := mount + "/system.slice/" + unit
	script := fmt.Sprintf("mkdir %[1]s/main && echo $$$$ >%[1]s/main/cgroup.procs && exec sleep infinity", own)
	run(t, "systemd-run", append(args, "/bin/sh", "-c", script)...)
	t.Cleanup(func() { run(t, "systemctl", "stop", unit) })
	await(t, "a delegated cgroup", func() bool {
		pids, err := os.ReadFile(own + "/main/cgroup.procs")
		return err == nil && len(pids) > 0
	})
	return "system.slice/" + unit
}

// made makes a cgroup below a delegated one, with limits.
func made(t *testing.T, path string, l cgroupv2.Limits) cgroupv2.Group {
	t.Helper()
	g := cgroupv2.Group{Path: path, Limits: l}
	planned, err := g.Plan(t.Context())
	require.NoError(t, err)
	done, err := g.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, planned, done)
	again, err := g.Ensure(t.Context())
	require.NoError(t, err)
	require.Empty(t, again)
	return g
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return string(out)
}

// await waits for what needs a moment, on a busy host a long one, and fails after two minutes.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "no %s", what)
	}
}

// kernel reads a cgroup's file by the shortest road.
func kernel(t *testing.T, path, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(mount, path, file))
	require.NoError(t, err)
	return strings.TrimSuffix(string(b), "\n")
}

func exists(path, file string) bool {
	_, err := os.Stat(filepath.Join(mount, path, file))
	return err == nil
}

// starts starts this test binary as a load in the group.
func starts(t *testing.T, g cgroupv2.Group, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", append([]string{"load"}, args...)...)
	cmd.Stderr = os.Stderr
	require.NoError(t, g.Start(cmd))
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// long says whether the host asks for the long forms.
func long() bool { return os.Getenv("BEDPLATE_LONG") != "" }

// times gives a count, or that of the long form.
func times(short, full int) int {
	if long() {
		return full
	}
	return short
}
