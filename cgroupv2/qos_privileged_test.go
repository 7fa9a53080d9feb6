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
