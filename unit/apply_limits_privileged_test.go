//go:build privileged

package unit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// The kernel gets what the files say, and what they don't say any more goes, while
// the service runs; no file of systemd's own is left behind, and none is taken.
func TestApplyLimits(t *testing.T) {
	const own = "/run/systemd/system.control/limited.service.d"
	gone(t, "limited.service")
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(own)) })
	s := unit.Set{Start: true, OnChange: unit.LeaveRunning, Units: []unit.Unit{unit.Service{Name: "limited", Exec: []string{"/bin/sleep", "1000"},
		Limits: unit.GivenLimits{{Name: "MemoryMax", Value: "64M"}, {Name: "CPUQuota", Value: "50%"}, {Name: "TasksMax", Value: "44"}}}}}
	ensure(t, s)
	m := unit.Manager{}
	status, err := m.Status(t.Context(), "limited.service")
	require.NoError(t, err)
	kernel := func() (values string) {
		for _, file := range []string{"memory.max", "memory.high", "cpu.max", "pids.max", "cpu.weight"} {
			b, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", status.ControlGroup, file))
			require.NoError(t, err)
			values += strings.TrimSpace(string(b)) + "; "
		}
		return values
	}
	const before = "67108864; max; 50000 100000; 44; 100; "
	require.Equal(t, before, kernel())

	s.DropIns = []unit.DropIn{{Unit: "limited.service", Name: "60-tuned", Limits: unit.GivenLimits{
		{Name: "MemoryMax", Value: "48M"}, {Name: "MemoryHigh", Value: "32M"}, {Name: "CPUQuota", Value: "75%"}, {Name: "TasksMax", Value: "33"}, {Name: "CPUWeight", Value: "50"}}}}
	ensure(t, s)
	if testenv.Systemd(t) > 252 {
		require.Equal(t, before, kernel(), "a daemon-reload did it; then ApplyLimits is not needed any more")
	}
	require.NoError(t, m.ApplyLimits(t.Context(), "limited.service"))
	require.Equal(t, "50331648; 33554432; 75000 100000; 33; 50; ", kernel())
	require.NoDirExists(t, own)

	command(t, "systemctl", "set-property", "--runtime", "limited.service", "CPUWeight=70")
	s.AbsentDropIns, s.DropIns = []unit.DropIn{{Unit: "limited.service", Name: "60-tuned"}}, nil
	ensure(t, s)
	require.NoError(t, m.ApplyLimits(t.Context(), "limited.service"))
	require.Equal(t, "67108864; max; 50000 100000; 44; 70; ", kernel())
	files, err := filepath.Glob(own + "/*")
	require.NoError(t, err)
	require.Equal(t, []string{own + "/50-CPUWeight.conf"}, files)

	after, err := m.Status(t.Context(), "limited.service")
	require.NoError(t, err)
	require.Equal(t, status.PID, after.PID)
	require.False(t, after.NeedsReload)

	// What does not run, is not there, or was not read.
	put(t, "/", etc+"limited.service", "[Service]\nExecStart=/bin/sleep 1000\n")
	require.ErrorContains(t, m.ApplyLimits(t.Context(), "limited.service"), "daemon-reload")
	command(t, "systemctl", "daemon-reload")
	command(t, "systemctl", "stop", "limited.service")
	require.ErrorContains(t, m.ApplyLimits(t.Context(), "limited.service"), "has no cgroup")
	require.ErrorIs(t, m.ApplyLimits(t.Context(), "never.service"), os.ErrNotExist)
}
