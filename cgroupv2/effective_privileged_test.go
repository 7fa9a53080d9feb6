//go:build privileged

package cgroupv2_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/internal/testenv"
)

// Each ancestor in turn binds, and Effective names it; systemd's own answer, where
// it has one, is the same.
func TestEffectiveNamesWhoBinds(t *testing.T) {
	t.Parallel()
	d := delegated(t, "MemoryMax=900M", "TasksMax=900", "CPUQuota=190%")
	wide := cgroupv2.Limits{MemoryMax: cgroupv2.MiB(800), MemoryHigh: cgroupv2.MiB(700), CPUMax: cgroupv2.Percent(180), TasksMax: cgroupv2.Tasks(800), CPUSet: cgroupv2.AllCPUs}
	tight := cgroupv2.Limits{MemoryMax: cgroupv2.MiB(100), MemoryHigh: cgroupv2.MiB(90), CPUMax: cgroupv2.Percent(30), TasksMax: cgroupv2.Tasks(20), CPUSet: cgroupv2.CPUs(1)}
	levels := []string{d + "/a", d + "/a/b", d + "/a/b/c"}
	leaf := levels[2]
	for _, p := range levels {
		made(t, p, wide)
	}
	e, err := cgroupv2.Effective(leaf)
	require.NoError(t, err)
	require.Equal(t, cgroupv2.MiB(800), e.MemoryMax.Value)
	require.Equal(t, 2, e.Machine.CPUs)
	for _, binds := range levels {
		made(t, binds, tight)
		e, err := cgroupv2.Effective(leaf)
		require.NoError(t, err)
		by := mount + "/" + binds
		require.Equal(t, cgroupv2.Bound[cgroupv2.Memory]{Value: cgroupv2.MiB(100), By: by}, e.MemoryMax)
		require.Equal(t, cgroupv2.Bound[cgroupv2.Memory]{Value: cgroupv2.MiB(90), By: by}, e.MemoryHigh)
		require.Equal(t, cgroupv2.Bound[cgroupv2.Count]{Value: cgroupv2.Tasks(20), By: by}, e.TasksMax)
		require.Equal(t, by, e.CPUMax.By)
		require.Equal(t, cgroupv2.Bound[cgroupv2.CPUSet]{Value: cgroupv2.CPUs(1), By: by}, e.CPUSet)
		made(t, binds, wide)
	}
	// systemd's limits of the delegated cgroup bind, too.
	for _, p := range levels {
		made(t, p, cgroupv2.Limits{MemoryMax: cgroupv2.UnlimitedMemory, MemoryHigh: cgroupv2.UnlimitedMemory, CPUMax: cgroupv2.UnlimitedCPU, TasksMax: cgroupv2.UnlimitedTasks})
	}
	e, err = cgroupv2.Effective(leaf)
	require.NoError(t, err)
	require.Equal(t, cgroupv2.Bound[cgroupv2.Memory]{Value: cgroupv2.MiB(900), By: mount + "/" + d}, e.MemoryMax)
	require.Equal(t, cgroupv2.Bound[cgroupv2.Count]{Value: cgroupv2.Tasks(900), By: mount + "/" + d}, e.TasksMax)
	require.Equal(t, cgroupv2.Bound[cgroupv2.CPU]{Value: cgroupv2.Percent(190), By: mount + "/" + d}, e.CPUMax)
	if testenv.Systemd(t) >= 257 {
		_, unit, _ := strings.Cut(d, "/")
		require.Equal(t, strconv.Itoa(900<<20), strings.TrimSpace(run(t, "systemctl", "show", "--value", "-p", "EffectiveMemoryMax", unit)))
		require.Equal(t, "900", strings.TrimSpace(run(t, "systemctl", "show", "--value", "-p", "EffectiveTasksMax", unit)))
	}
}

// What the Go runtime really chooses is what Go says it chooses, wherever the
// bandwidth stands.
func TestGoChoosesWhatIsForeseen(t *testing.T) {
	d := delegated(t)
	made(t, d+"/above", cgroupv2.Limits{})
	leaf := made(t, d+"/above/leaf", cgroupv2.Limits{CPUMax: cgroupv2.UnlimitedCPU, CPUSet: cgroupv2.AllCPUs})
	for _, row := range []struct{ above, leaf cgroupv2.Limits }{
		{cgroupv2.Limits{CPUMax: cgroupv2.UnlimitedCPU}, cgroupv2.Limits{CPUMax: cgroupv2.UnlimitedCPU}},
		{cgroupv2.Limits{CPUMax: cgroupv2.UnlimitedCPU}, cgroupv2.Limits{CPUMax: cgroupv2.Percent(50)}},
		{cgroupv2.Limits{CPUMax: cgroupv2.Percent(50)}, cgroupv2.Limits{CPUMax: cgroupv2.UnlimitedCPU}},
		{cgroupv2.Limits{CPUMax: cgroupv2.UnlimitedCPU}, cgroupv2.Limits{CPUMax: cgroupv2.UnlimitedCPU, CPUSet: cgroupv2.CPUs(1)}},
	} {
		made(t, d+"/above", row.above)
		made(t, leaf.Path, row.leaf)
		e, err := cgroupv2.Effective(leaf.Path)
		require.NoError(t, err)
		cmd := exec.Command("/proc/self/exe", "load", "procs")
		out := &strings.Builder{}
		cmd.Stdout = out
		require.NoError(t, leaf.Start(cmd))
		require.NoError(t, cmd.Wait())
		require.Equal(t, fmt.Sprintln(e.Go().Procs), out.String(), "%+v", row)
	}
}

// A protection that an ancestor does not have is none.
func TestProtectionThatAnAncestorTakes(t *testing.T) {
	t.Parallel()
	d := delegated(t)
	made(t, d+"/slice", cgroupv2.Limits{})
	g := made(t, d+"/slice/worker", cgroupv2.Limits{MemoryLow: cgroupv2.MiB(50)})
	e, err := cgroupv2.Effective(g.Path)
	require.NoError(t, err)
	require.Equal(t, cgroupv2.Bound[cgroupv2.Memory]{Value: cgroupv2.Bytes(0), By: mount + "/" + d + "/slice"}, e.MemoryLow)
}

// Huge pages, where somebody handed the controller on: systemd does not.
func TestHugePagesOnTheKernel(t *testing.T) {
	d := delegated(t)
	for _, at := range []string{"", "system.slice", d} {
		require.NoError(t, raw(at, "cgroup.subtree_control", "+hugetlb"))
	}
	g := made(t, d+"/huge", cgroupv2.Limits{HugePages: []cgroupv2.HugePageLimit{{Size: cgroupv2.MiB(2), Max: cgroupv2.Bytes(5 << 20)}}})
	require.Equal(t, strconv.Itoa(4<<20), kernel(t, g.Path, "hugetlb.2MB.max"))
	got := mustGet(t, g.Path)
	require.Contains(t, got.HugePages, cgroupv2.HugePageLimit{Size: cgroupv2.MiB(2), Max: cgroupv2.MiB(4)})
	require.NoError(t, cgroupv2.Set(g.Path, cgroupv2.Limits{HugePages: got.HugePages}))

	// The kernel makes fewer, and says nothing, where memory is in pieces or a signal
	// comes meanwhile, such as that of another test's child that ended.
	await(t, "huge pages to be had", func() bool {
		const pool = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
		require.NoError(t, os.WriteFile(pool, []byte("4"), 0))
		n, err := os.ReadFile(pool)
		require.NoError(t, err)
		return string(n) == "4\n"
	})
	s, err := cgroupv2.Stat(g.Path)
	require.NoError(t, err)
	require.NotEmpty(t, s.HugePages)
	use := exec.Command("/proc/self/exe", "load", "huge", "2")
	out := &strings.Builder{}
	use.Stdout, use.Stderr = out, out
	pipe, err := use.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, g.Start(use))
	ended := make(chan error, 1)
	go func() { ended <- use.Wait() }()
	await(t, "huge pages", func() bool {
		select {
		case err := <-ended:
			require.Fail(t, "it ended before it was told to", "%v: %s", err, out)
		default:
		}
		s, err := cgroupv2.Stat(g.Path)
		require.NoError(t, err)
		for _, h := range s.HugePages {
			if h.Size == 2<<20 && h.Current == 4<<20 {
				return true
			}
		}
		return false
	})
	require.NoError(t, pipe.Close())
	require.NoError(t, <-ended)

	// A resource of the misc controller that this machine does not have.
	if slicesContain(kernel(t, "", "cgroup.controllers"), "misc") {
		for _, at := range []string{"", "system.slice", d} {
			require.NoError(t, raw(at, "cgroup.subtree_control", "+misc"))
		}
		err := cgroupv2.Set(g.Path, cgroupv2.Limits{Misc: []cgroupv2.MiscLimit{{Resource: "nothing", Max: cgroupv2.Tasks(1)}}})
		require.ErrorContains(t, err, "misc.capacity")
	}
}

func slicesContain(words, word string) bool {
	return strings.Contains(" "+words+" ", " "+word+" ")
}
