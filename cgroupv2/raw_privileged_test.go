//go:build privileged

package cgroupv2_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/internal/testenv"
)

// raw writes past this package, to hear what the kernel itself says.
func raw(path, file, value string) error {
	f, err := os.OpenFile(filepath.Join(mount, path, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// What the rules of this package stand on. A kernel that answers otherwise
// should be heard of here, and not from a user.
func TestRawKernelAnswers(t *testing.T) {
	d := delegated(t)
	g := made(t, d+"/raw", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(64), CPUMax: cgroupv2.Percent(50), TasksMax: cgroupv2.Tasks(10), IOWeight: 100, CPUSet: cgroupv2.CPUs(0)})
	disk, err := os.ReadFile("/sys/block/" + filepath.Base(testenv.Scratch(t)) + "/dev")
	require.NoError(t, err)
	vdb := strings.TrimSpace(string(disk))

	for _, row := range []struct {
		file, write string
		err         error
		read        string
	}{
		{"cpu.max", "70000 200000", nil, "70000 200000"},
		{"cpu.max", "50000", nil, "50000 200000"}, // keeps the period
		{"cpu.max", "50000 10000", nil, "50000 10000"},
		{"cpu.max", "max 100000", nil, "max 100000"},
		{"cpu.max", "1000 1000", nil, "1000 1000"},
		{"cpu.max", "1000 1000000", nil, "1000 1000000"},
		{"cpu.max", "1000 999", syscall.EINVAL, ""},
		{"cpu.max", "999 1000", syscall.EINVAL, ""},
		{"cpu.max", "1000 1000001", syscall.EINVAL, ""},
		{"cpu.max", "0 100000", syscall.EINVAL, ""},
		{"cpu.max", "50%", syscall.EINVAL, ""},
		{"memory.max", "512M", nil, "536870912"},
		{"memory.max", "512MB", syscall.EINVAL, ""},
		{"memory.max", "-1", syscall.EINVAL, ""},
		{"memory.max", "infinity", syscall.EINVAL, ""},
		{"memory.max", "max", nil, "max"},
		{"memory.max", "1000000", nil, "999424"},
		{"memory.low", "2000000", nil, "1998848"}, // above max, and taken
		{"memory.max", "max", nil, "max"},
		{"io.max", vdb + " wbps=10M", nil, vdb + " rbps=max wbps=10 riops=max wiops=max"},
		{"io.max", vdb + " wbps=0", syscall.ERANGE, ""},
		{"io.max", "10485760", syscall.EINVAL, ""},
		{"io.max", "250:250 wbps=1000", syscall.ENODEV, ""},
		{"io.max", vdb + " wbps=max", nil, ""}, // without limits it has no line
		{"cpu.weight", "1", nil, "1"},
		{"cpu.weight", "10000", nil, "10000"},
		{"cpu.weight", "0", syscall.ERANGE, ""},
		{"cpu.weight", "10001", syscall.ERANGE, ""},
		{"cpu.weight.nice", "-20", nil, "-20"},
		{"pids.max", "0", nil, "0"},
		{"pids.max", "-1", syscall.EINVAL, ""},
		{"pids.max", "4194304", nil, "4194304"},
		{"pids.max", "4194305", syscall.EINVAL, ""},
		{"pids.max", "max", nil, "max"},
		{"cpuset.cpus", "1,0", nil, "0-1"},
		{"cpuset.cpus", "\n", nil, ""},
		{"cgroup.subtree_control", "+nonsense", syscall.EINVAL, ""},
	} {
		before := kernel(t, g.Path, row.file)
		err := raw(g.Path, row.file, row.write)
		if row.err != nil {
			require.ErrorIs(t, err, row.err, "%s=%q", row.file, row.write)
			require.Equal(t, before, kernel(t, g.Path, row.file), "%s=%q", row.file, row.write)
			continue
		}
		require.NoError(t, err, "%s=%q", row.file, row.write)
		require.Equal(t, row.read, kernel(t, g.Path, row.file), "%s=%q", row.file, row.write)
	}
	for nice := -20; nice <= 19; nice++ {
		w, err := cgroupv2.WeightFromNice(nice)
		require.NoError(t, err)
		require.NoError(t, raw(g.Path, "cpu.weight", w.String()))
		if nice <= 14 {
			require.Equal(t, strconv.Itoa(nice), kernel(t, g.Path, "cpu.weight.nice"), "weight %s", w)
		}
	}
	if exists(g.Path, "cpu.idle") {
		require.NoError(t, raw(g.Path, "cpu.idle", "1"))
		require.ErrorIs(t, raw(g.Path, "cpu.weight", "100"), syscall.EINVAL)
		require.Contains(t, []string{"0", "1"}, kernel(t, g.Path, "cpu.weight")) // 6.1, 6.12
		require.Equal(t, cgroupv2.Idle, mustGet(t, g.Path).CPUWeight)
		for _, w := range []cgroupv2.Weight{50, 1, 100} { // one of which it reads already
			require.NoError(t, cgroupv2.Set(g.Path, cgroupv2.Limits{CPUWeight: w}), "out of the idle class first")
			require.Equal(t, w.String(), kernel(t, g.Path, "cpu.weight"))
			require.NoError(t, cgroupv2.Set(g.Path, cgroupv2.Limits{CPUWeight: cgroupv2.Idle}))
			require.Equal(t, "1", kernel(t, g.Path, "cpu.idle"))
		}
	}
}

// A process into a group that hands memory on: EBUSY. One that hands on cpu
// alone: allowed.
func TestRawInternalProcesses(t *testing.T) {
	d := delegated(t)
	for controller, want := range map[string]error{"memory": syscall.EBUSY, "cpu": nil, "pids": nil} {
		g := made(t, d+"/"+controller, cgroupv2.Limits{MemoryMax: cgroupv2.MiB(64), CPUWeight: 100, TasksMax: cgroupv2.Tasks(100)})
		require.NoError(t, raw(g.Path, "cgroup.subtree_control", "+"+controller))
		other := made(t, d+"/from-"+controller, cgroupv2.Limits{})
		cmd := starts(t, other, "sleep")
		err := g.Add(cmd.Process.Pid)
		if want == nil {
			require.NoError(t, err, controller)
			continue
		}
		require.ErrorIs(t, err, want, controller)
		require.ErrorContains(t, err, "hands memory on", controller)
	}
}

// What this machine's kernel has, by looking: the package branches on nothing else.
func TestFilesOfTheKernels(t *testing.T) {
	d := delegated(t)
	g := made(t, d+"/x", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(64), CPUWeight: 100, TasksMax: cgroupv2.Tasks(100), IOWeight: 100})
	newer := testenv.Systemd(t) > 247
	for file, want := range map[string]bool{
		"cpu.max.burst": newer, "cpu.idle": newer, "memory.peak": newer, "memory.reclaim": newer, "pids.peak": newer, "cgroup.kill": newer,
		"cgroup.freeze": true, "cpu.pressure": true, "memory.pressure": true, "io.pressure": true, "memory.events.local": true,
	} {
		require.Equal(t, want, exists(g.Path, file), file)
	}
}
