//go:build privileged

package cgroupv2_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/internal/testenv"
)

// GRUB's own programs make the entries from what was edited, and again when it is
// undone. The machine boots without GRUB, so that it can't be rebooted into them.
func TestBootWithGRUB(t *testing.T) {
	unpacked(t)
	settings, err := os.ReadFile("/usr/share/grub/default/grub")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll("/etc/default/grub.d", 0o755))
	require.NoError(t, os.WriteFile("/etc/default/grub", settings, 0o644))
	require.NoError(t, os.WriteFile("/etc/default/grub.d/50-site.cfg", []byte("# ours\nGRUB_CMDLINE_LINUX=\"console=ttyS0 psi=0\"\n"), 0o644))
	require.NoError(t, os.MkdirAll("/boot/grub", 0o755))
	for _, version := range []string{"6.1.0-1", "6.1.0-2"} {
		require.NoError(t, os.WriteFile("/boot/vmlinuz-"+version, []byte("MZ"), 0o644))
		require.NoError(t, os.WriteFile("/boot/initrd.img-"+version, []byte("x"), 0o644))
	}
	run(t, "update-grub")
	lines := func() (list []string) {
		text, err := os.ReadFile("/boot/grub/grub.cfg")
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(strings.TrimSpace(line), "linux") && strings.Contains(line, "vmlinuz-") {
				list = append(list, strings.TrimSpace(line))
			}
		}
		return list
	}
	before := lines()
	require.GreaterOrEqual(t, len(before), 4, "two kernels, and each for recovery")
	for _, l := range before {
		require.Contains(t, l, "console=ttyS0 psi=0")
	}

	b := cgroupv2.Boot{Args: []string{"psi=1", "cgroup_no_v1=all", "bedplate.test=1"}}
	state, err := b.State()
	require.NoError(t, err)
	require.Equal(t, []string{"bedplate.test=1"}, state.Running, "the machine was booted with the others")
	require.False(t, state.Pending())
	planned, err := b.Plan(t.Context())
	require.NoError(t, err)
	done, err := b.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, planned, done)
	require.Equal(t, "update-grub", done[len(done)-1].Target)
	for _, l := range lines() {
		require.Contains(t, l, "console=ttyS0 psi=1 cgroup_no_v1=all bedplate.test=1")
	}
	require.Len(t, lines(), len(before))
	again, err := b.Ensure(t.Context())
	require.NoError(t, err)
	require.Empty(t, again)
	state, err = b.State()
	require.NoError(t, err)
	require.True(t, state.Pending(), "the next boot makes it so")

	b.Absent = true
	_, err = b.Ensure(t.Context())
	require.NoError(t, err)
	text, err := os.ReadFile("/etc/default/grub.d/50-site.cfg")
	require.NoError(t, err)
	require.Equal(t, "# ours\nGRUB_CMDLINE_LINUX=\"console=ttyS0\"\n", string(text))
	text, err = os.ReadFile("/etc/default/grub")
	require.NoError(t, err)
	require.Equal(t, string(settings), string(text), "byte for byte")
	for _, l := range lines() {
		require.NotContains(t, l, "bedplate.test")
	}
}

// A noisy neighbour in the batch class leaves the critical one alone.
func TestGradesUnderANoisyNeighbour(t *testing.T) {
	machine, err := cgroupv2.ThisMachine()
	require.NoError(t, err)
	slices, err := cgroupv2.Grading{Machine: machine, Critical: cgroupv2.MiB(200), Batch: cgroupv2.MiB(100), Under: "grade"}.Slices(testenv.Systemd(t))
	require.NoError(t, err)
	for _, s := range slices {
		b := &strings.Builder{}
		b.WriteString("[Unit]\nDescription=" + s.Description + "\n[Slice]\n")
		require.Empty(t, s.Limits.Undirected(testenv.Systemd(t)))
		for name, value := range s.Limits.Directives(testenv.Systemd(t)) {
			b.WriteString(name + "=" + value + "\n")
		}
		require.NoError(t, os.WriteFile("/run/systemd/system/"+s.Name, []byte(b.String()), 0o644))
	}
	run(t, "systemctl", "daemon-reload")
	exe, err := os.Executable()
	require.NoError(t, err)
	in := func(class string, load ...string) string {
		unit := "grade-" + class + "-" + load[0] + ".service"
		run(t, "systemd-run", append([]string{"--quiet", "--unit=" + unit, "--slice=grade-" + class + ".slice", "-p", "AllowedCPUs=0", "-p", "CPUAccounting=yes", exe, "load"}, load...)...)
		t.Cleanup(func() {
			run(t, "sh", "-c", "systemctl stop "+unit+"; systemctl reset-failed "+unit+" 2>/dev/null; true")
		})
		return "grade.slice/grade-" + class + ".slice/" + unit
	}
	critical, batch := in("critical", "spin", "1"), in("batch", "spin", "1")
	time.Sleep(500 * time.Millisecond)
	a, b := usage(t, critical), usage(t, batch)
	time.Sleep(1500 * time.Millisecond)
	a, b = usage(t, critical)-a, usage(t, batch)-b
	t.Logf("of one CPU, critical had %v, batch %v", a, b)
	require.Greater(t, a, 8*b)

	e, err := cgroupv2.Effective("grade.slice/grade-critical.slice")
	require.NoError(t, err)
	require.Equal(t, cgroupv2.MiB(200), e.MemoryLow.Value, "the slice above protects as much")

	// More than its hard limit kills in the batch class only.
	w, err := cgroupv2.Group{Path: "grade.slice/grade-batch.slice"}.WatchOOM()
	require.NoError(t, err)
	in("batch", "eat", "300")
	await(t, "a kill", func() bool {
		v, err := w.Verdict()
		require.NoError(t, err)
		return v.Kills > 0 && v.By == mount+"/grade.slice/grade-batch.slice"
	})
	require.Contains(t, kernel(t, critical, "cgroup.events"), "populated 1")
}
