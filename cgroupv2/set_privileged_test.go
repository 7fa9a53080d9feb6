//go:build privileged

package cgroupv2_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/internal/testenv"
)

// everyLimit is each limit at a value that is nobody's default.
func everyLimit(t *testing.T) cgroupv2.Limits {
	t.Helper()
	l := cgroupv2.Limits{
		MemoryMax: cgroupv2.MiB(200), MemoryHigh: cgroupv2.MiB(150), MemoryLow: cgroupv2.MiB(20), MemoryMin: cgroupv2.MiB(10), MemorySwapMax: cgroupv2.Bytes(0),
		CPUMax: cgroupv2.Percent(33).WithPeriod(50 * time.Millisecond), CPUWeight: 77, CPUSet: cgroupv2.CPUs(1), MemoryNodes: cgroupv2.CPUs(0),
		TasksMax: cgroupv2.Tasks(33), IOWeight: 55,
		IOMax: []cgroupv2.IOLimit{{Device: testenv.Scratch(t), ReadBytes: cgroupv2.PerSecond(1 << 20), WriteOps: cgroupv2.PerSecond(100)}},
	}
	if testenv.Systemd(t) > 247 {
		l.CPUMax = l.CPUMax.WithBurst(5 * time.Millisecond)
	}
	return l
}

func TestEveryLimitReachesTheKernel(t *testing.T) {
	d := delegated(t)
	l := everyLimit(t)
	g := made(t, d+"/a/b", l)
	for file, want := range map[string]string{
		"memory.max": "209715200", "memory.high": "157286400", "memory.low": "20971520", "memory.min": "10485760", "memory.swap.max": "0",
		"cpu.max": "16500 50000", "cpu.weight": "77", "cpuset.cpus": "1", "cpuset.mems": "0", "pids.max": "33", "io.weight": "default 55",
	} {
		require.Equal(t, want, kernel(t, g.Path, file), file)
	}
	require.Contains(t, kernel(t, g.Path, "io.max"), "rbps=1048576 wbps=max riops=max wiops=100")

	// What is read back is what was set, and setting it again writes nothing.
	got, err := cgroupv2.Get(g.Path)
	require.NoError(t, err)
	require.Equal(t, l.MemoryHigh, got.MemoryHigh)
	require.Equal(t, l.CPUMax.String(), got.CPUMax.String())
	require.Equal(t, l.CPUSet, got.CPUSet)
	planned, err := cgroupv2.Group{Path: g.Path, Limits: got}.Plan(t.Context())
	require.NoError(t, err)
	require.Empty(t, planned)

	// All of it taken away again.
	none := cgroupv2.Limits{
		MemoryMax: cgroupv2.UnlimitedMemory, MemoryHigh: cgroupv2.UnlimitedMemory, MemoryLow: cgroupv2.Bytes(0), MemoryMin: cgroupv2.Bytes(0), MemorySwapMax: cgroupv2.UnlimitedMemory,
		CPUMax: cgroupv2.UnlimitedCPU, CPUWeight: cgroupv2.DefaultWeight, CPUSet: cgroupv2.AllCPUs, MemoryNodes: cgroupv2.AllCPUs, TasksMax: cgroupv2.UnlimitedTasks, IOWeight: 100,
		IOMax: []cgroupv2.IOLimit{{Device: testenv.Scratch(t), ReadBytes: cgroupv2.UnlimitedRate, WriteBytes: cgroupv2.UnlimitedRate, ReadOps: cgroupv2.UnlimitedRate, WriteOps: cgroupv2.UnlimitedRate}},
	}
	require.NoError(t, cgroupv2.Set(g.Path, none))
	for file, want := range map[string]string{
		"memory.max": "max", "memory.high": "max", "memory.low": "0", "memory.min": "0", "memory.swap.max": "max",
		"cpu.max": "max 100000", "cpu.weight": "100", "cpuset.cpus": "", "cpuset.mems": "", "pids.max": "max", "io.weight": "default 100", "io.max": "",
	} {
		require.Equal(t, want, kernel(t, g.Path, file), file)
	}
	require.NoError(t, g.Remove())
	require.False(t, exists(g.Path, ""))
	require.NoError(t, g.Remove(), "what is absent is removed")
}

// From every setting to every other, limits that bound each other, on a kernel
// that refuses some orders.
func TestOrderOnTheKernel(t *testing.T) {
	d := delegated(t)
	quota := func(p, burst float64) cgroupv2.CPU {
		c := cgroupv2.Percent(p)
		if testenv.Systemd(t) > 247 {
			c = c.WithBurst(time.Duration(burst * float64(time.Millisecond)))
		}
		return c
	}
	steps := []cgroupv2.Limits{
		{CPUMax: quota(50, 50), MemoryMax: cgroupv2.MiB(100), MemoryHigh: cgroupv2.MiB(90), MemoryLow: cgroupv2.MiB(80)},
		{CPUMax: quota(5, 5), MemoryMax: cgroupv2.MiB(10), MemoryHigh: cgroupv2.MiB(9), MemoryLow: cgroupv2.MiB(8)},
		{CPUMax: quota(20, 1), MemoryMax: cgroupv2.MiB(60), MemoryHigh: cgroupv2.MiB(50), MemoryLow: cgroupv2.MiB(1)},
		{CPUMax: quota(200, 200), MemoryMax: cgroupv2.UnlimitedMemory, MemoryHigh: cgroupv2.MiB(300), MemoryLow: cgroupv2.MiB(200)},
	}
	for _, from := range steps {
		for _, to := range steps {
			g := made(t, d+"/order", from)
			g.Limits = to
			_, err := g.Ensure(t.Context())
			require.NoError(t, err)
			require.Equal(t, to.MemoryHigh.String(), mustGet(t, g.Path).MemoryHigh.String())
		}
	}
}

func mustGet(t *testing.T, path string) cgroupv2.Limits {
	t.Helper()
	l, err := cgroupv2.Get(path)
	require.NoError(t, err)
	return l
}

// What is held open takes limits as Set does, and stands for no later cgroup.
func TestHandle(t *testing.T) {
	d := delegated(t)
	g := made(t, d+"/held", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(64)})
	h, err := cgroupv2.Open(g.Path)
	require.NoError(t, err)
	for n := uint64(1); n <= 20; n++ {
		wanted := cgroupv2.Limits{MemoryMax: cgroupv2.MiB(10 * n % 70), MemoryHigh: cgroupv2.MiB(10*n%70 - 5), CPUMax: cgroupv2.Percent(float64(n)), CPUWeight: cgroupv2.Weight(n), TasksMax: cgroupv2.Tasks(n)}
		if n%7 == 0 {
			wanted.MemoryMax, wanted.MemoryHigh = cgroupv2.UnlimitedMemory, cgroupv2.MiB(1)
		}
		require.NoError(t, h.Set(wanted))
		require.NoError(t, h.Set(wanted))
		now := mustGet(t, g.Path)
		require.Equal(t, wanted.MemoryMax.String(), now.MemoryMax.String())
		require.Equal(t, wanted.MemoryHigh.String(), now.MemoryHigh.String())
		require.Equal(t, wanted.CPUMax.String(), now.CPUMax.String())
		require.Equal(t, wanted.TasksMax, now.TasksMax)
	}
	// A file that was not opened yet, and a controller that is not handed on yet.
	require.NoError(t, h.Set(cgroupv2.Limits{IOWeight: 7, MemoryLow: cgroupv2.MiB(1), CPUSet: cgroupv2.CPUs(1)}))
	require.Equal(t, "1", kernel(t, g.Path, "cpuset.cpus"))
	var field *cgroupv2.FieldError
	require.ErrorAs(t, h.Set(cgroupv2.Limits{CPUWeight: 10001}), &field)

	require.NoError(t, g.Remove())
	require.ErrorIs(t, h.Set(cgroupv2.Limits{TasksMax: cgroupv2.Tasks(3)}), fs.ErrNotExist)
	g = made(t, g.Path, cgroupv2.Limits{TasksMax: cgroupv2.Tasks(9), CPUSet: cgroupv2.CPUs(0)})
	require.ErrorIs(t, h.Set(cgroupv2.Limits{TasksMax: cgroupv2.Tasks(3)}), fs.ErrNotExist)
	require.ErrorIs(t, h.Set(cgroupv2.Limits{MemoryMin: cgroupv2.MiB(1)}), fs.ErrNotExist, "of a file that was never opened")
	require.Equal(t, "9", kernel(t, g.Path, "pids.max"))
	require.NoError(t, h.Close())
	require.ErrorIs(t, h.Close(), fs.ErrClosed)
	require.ErrorIs(t, h.Set(cgroupv2.Limits{TasksMax: cgroupv2.Tasks(3)}), fs.ErrClosed)

	_, err = cgroupv2.Open(d + "/nothing")
	require.ErrorIs(t, err, fs.ErrNotExist)
	var managed *cgroupv2.ManagedError
	_, err = cgroupv2.Open(d)
	require.ErrorAs(t, err, &managed, "a delegated cgroup's own limits are systemd's")
}

func TestSystemdsOwnIsRefused(t *testing.T) {
	unit := "test-managed.service"
	run(t, "systemd-run", "--unit="+unit, "--quiet", "/bin/sleep", "infinity")
	defer run(t, "systemctl", "stop", unit)
	before := snapshot(t)
	l := cgroupv2.Limits{MemoryMax: cgroupv2.MiB(64), TasksMax: cgroupv2.Tasks(7)}
	for path, owner := range map[string]string{
		"/": "-.slice", "system.slice": "system.slice", "system.slice/" + unit: unit, "/sys/fs/cgroup/system.slice/" + unit + "/below": unit,
		"new": "-.slice", "init.scope": "init.scope", "system.slice/new.service": "new.service",
	} {
		_, err := cgroupv2.Group{Path: path, Limits: l}.Ensure(t.Context())
		var managed *cgroupv2.ManagedError
		require.ErrorAs(t, err, &managed, path)
		require.Equal(t, owner, managed.Unit, path)
		require.Error(t, cgroupv2.Set(path, l), path)
		require.Error(t, cgroupv2.Group{Path: path}.Add(os.Getpid()), path)
		require.Error(t, cgroupv2.Group{Path: path}.Kill(t.Context()), path)
		require.Error(t, cgroupv2.Group{Path: path}.Freeze(t.Context()), path)
		require.Error(t, cgroupv2.Group{Path: path}.Remove(), path)
	}
	require.Equal(t, before, snapshot(t), "nothing was written")

	// The call that the error names does what was asked for.
	var managed *cgroupv2.ManagedError
	require.ErrorAs(t, cgroupv2.Set("system.slice/"+unit, l), &managed)
	run(t, "sh", "-c", managed.Call+" --runtime")
	require.Equal(t, "67108864", kernel(t, "system.slice/"+unit, "memory.max"))
	require.Equal(t, "7", kernel(t, "system.slice/"+unit, "pids.max"))
}

// snapshot is every limit in the tree.
func snapshot(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(mount, func(p string, e fs.DirEntry, err error) error {
		switch filepath.Base(p) {
		case "memory.max", "memory.high", "memory.low", "cpu.max", "cpu.weight", "pids.max", "io.max", "cgroup.subtree_control", "cgroup.freeze":
			if b, err := os.ReadFile(p); err == nil {
				all[p] = string(b)
			}
		}
		return nil
	})
	require.NoError(t, err)
	return all
}

func TestPathsThatLeadElsewhere(t *testing.T) {
	d := delegated(t)
	l := cgroupv2.Limits{TasksMax: cgroupv2.Tasks(7)}
	for _, path := range []string{"", ".", "..", d + "/../x", "a/./b", "a//b", "/sys/fs/cgroup/../x", "a\nb", "a\x00b"} {
		var bad *cgroupv2.PathError
		require.ErrorAs(t, cgroupv2.Set(path, l), &bad, "%q", path)
	}
	// A file system that is mounted over a cgroup is none, whatever its name.
	made(t, d+"/over", cgroupv2.Limits{})
	run(t, "mount", "-t", "tmpfs", "none", mount+"/"+d+"/over")
	defer run(t, "umount", mount+"/"+d+"/over")
	require.NoError(t, os.Mkdir(mount+"/"+d+"/over/x", 0o755))
	require.NoError(t, os.WriteFile(mount+"/"+d+"/over/x/pids.max", []byte("max\n"), 0o644))
	require.NoError(t, os.Symlink(mount+"/system.slice", mount+"/"+d+"/over/link"))
	for _, path := range []string{d + "/over", d + "/over/x", d + "/over/link", d + "/over/link/x"} {
		_, err := cgroupv2.Group{Path: path, Limits: l}.Ensure(t.Context())
		require.ErrorIs(t, err, cgroupv2.ErrNotCgroup2, path)
		_, err = cgroupv2.Stat(path)
		require.ErrorIs(t, err, cgroupv2.ErrNotCgroup2, path)
	}
	b, err := os.ReadFile(mount + "/" + d + "/over/x/pids.max")
	require.NoError(t, err)
	require.Equal(t, "max\n", string(b))
}

func TestProcessesInTheWayOnTheKernel(t *testing.T) {
	d := delegated(t)
	g := made(t, d+"/full", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(64)})
	starts(t, g, "sleep")
	inner := cgroupv2.Group{Path: g.Path + "/inner", Limits: cgroupv2.Limits{MemoryMax: cgroupv2.MiB(32)}}
	_, err := inner.Plan(t.Context())
	var busy *cgroupv2.BusyError
	require.ErrorAs(t, err, &busy)
	require.Equal(t, mount+"/"+g.Path, busy.Path)
	require.False(t, exists(inner.Path, ""))
}

func TestLimitsThatCannotBe(t *testing.T) {
	d := delegated(t)
	g := made(t, d+"/x", cgroupv2.Limits{})
	for _, device := range []string{"/dev/null", "/dev/none", "250:250"} {
		err := cgroupv2.Set(g.Path, cgroupv2.Limits{IOMax: []cgroupv2.IOLimit{{Device: device, ReadBytes: cgroupv2.PerSecond(9)}}})
		require.ErrorContains(t, err, device)
	}
	var none *cgroupv2.NoDiskError
	require.ErrorAs(t, cgroupv2.Set(g.Path, cgroupv2.Limits{IOMax: []cgroupv2.IOLimit{{Device: "/dev/none", ReadBytes: cgroupv2.PerSecond(9)}}}), &none)
	require.ErrorContains(t, cgroupv2.Set(g.Path, cgroupv2.Limits{CPUSet: cgroupv2.CPUs(99)}), "no such CPU")
}
