//go:build privileged

package cgroupv2_test

import (
	"os"
	"path/filepath"
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
	t.Parallel()
	unpacked(t)
	settings, err := os.ReadFile("/usr/share/grub/default/grub")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll("/etc/default/grub.d", 0o755))
	require.NoError(t, os.WriteFile("/etc/default/grub", settings, 0o644))
	require.NoError(t, os.WriteFile("/etc/default/grub.d/50-site.cfg", []byte("# ours\nGRUB_CMDLINE_LINUX=\"console=ttyS0 psi=0\"\n"), 0o644))
	require.NoError(t, os.MkdirAll("/boot/grub", 0o755))
	require.NoError(t, os.WriteFile("/boot/vmlinuz-6.1.0-1", []byte("MZ"), 0o644))
	require.NoError(t, os.WriteFile("/boot/initrd.img-6.1.0-1", []byte("x"), 0o644))
	// What was there before: made without our arguments. The other generators take
	// most of the time under emulation.
	const stale = "### BEGIN /etc/grub.d/10_linux ###\n\tlinux\t/boot/vmlinuz-6.1.0-1 root=/dev/vda ro console=ttyS0 psi=0\n### END /etc/grub.d/10_linux ###\n"
	require.NoError(t, os.WriteFile("/boot/grub/grub.cfg", []byte(stale), 0o644))
	run(t, "sh", "-c", "chmod -x /etc/grub.d/05* /etc/grub.d/2* /etc/grub.d/3* /etc/grub.d/4*")
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
	require.GreaterOrEqual(t, len(lines()), 3, "the default, the kernel's own, the one for recovery")
	for _, l := range lines() {
		require.Contains(t, l, "console=ttyS0 psi=1 cgroup_no_v1=all bedplate.test=1")
	}
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
	in := func(class, cpus string, load ...string) string {
		unit := "grade-" + class + "-" + load[0] + ".service"
		run(t, "systemd-run", append([]string{"--quiet", "--unit=" + unit, "--slice=grade-" + class + ".slice", "-p", "AllowedCPUs=" + cpus, "-p", "CPUAccounting=yes", exe, "load"}, load...)...)
		return "grade.slice/grade-" + class + ".slice/" + unit
	}
	batch, critical := in("batch", "0", "spin", "1"), in("critical", "0", "spin", "1")
	time.Sleep(500 * time.Millisecond)
	a, b := usage(t, critical), usage(t, batch)
	time.Sleep(1500 * time.Millisecond)
	a, b = usage(t, critical)-a, usage(t, batch)-b
	t.Logf("of one CPU, critical had %v, batch %v", a, b)
	require.Greater(t, a, 8*b)
	// The critical one first: the other can't even die while it has no CPU.
	run(t, "systemctl", "stop", filepath.Base(critical))
	run(t, "systemctl", "stop", filepath.Base(batch))

	e, err := cgroupv2.Effective("grade.slice/grade-critical.slice")
	require.NoError(t, err)
	require.Equal(t, cgroupv2.MiB(200), e.MemoryLow.Value, "the slice above protects as much")

	// More than it may have: it is held up, and nobody else is.
	kept := in("critical", "0-1", "sleep")
	in("batch", "0-1", "eat", "300")
	await(t, "a batch service that is held up", func() bool {
		s, err := cgroupv2.Stat("grade.slice/grade-batch.slice")
		require.NoError(t, err)
		require.LessOrEqual(t, s.Memory.Current, uint64(100<<20))
		return s.Memory.Events.High > 0
	})
	s, err := cgroupv2.Stat(kept)
	require.NoError(t, err)
	require.Zero(t, s.Memory.Events.OOMKills+s.Memory.Events.High)
	require.Contains(t, kernel(t, kept, "cgroup.events"), "populated 1")
	run(t, "systemctl", "kill", "--signal=KILL", "grade-batch-eat.service", "grade-critical-sleep.service")
}
