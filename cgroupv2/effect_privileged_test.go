//go:build privileged

package cgroupv2_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/internal/testenv"
)

func usage(t *testing.T, path string) time.Duration {
	t.Helper()
	s, err := cgroupv2.Stat(path)
	require.NoError(t, err)
	return s.CPU.Usage
}

// bandwidth gives what a group used of each of the periods in which the kernel held
// it back, as a part of a CPU. It is the kernel's own count, whatever the machine
// and its host do meanwhile: periods in which the group got less are looked at
// again, as are those of less than least, which a machine that its host stopped
// meanwhile has (5.10 counts them as full). What is above the quota is never forgiven.
func bandwidth(t *testing.T, path string, least float64) (used float64) {
	t.Helper()
	read := func() (usage time.Duration, periods, throttled uint64) {
		s, err := cgroupv2.Stat(path)
		require.NoError(t, err)
		periods, known := s.CPU.Periods.Value()
		require.True(t, known)
		throttled, known = s.CPU.Throttled.Value()
		require.True(t, known)
		return s.CPU.Usage, periods, throttled
	}
	await(t, "periods of full use", func() bool {
		usage, periods, throttled := read()
		await(t, "twenty periods", func() bool { _, n, _ := read(); return n >= periods+20 })
		now, n, held := read()
		used = float64(now-usage) / float64(n-periods) / float64(100*time.Millisecond)
		return held-throttled >= (n-periods)*3/4 && used >= least
	})
	return used
}

// The bandwidth holds: three groups, at first side by side, each against its own
// quota and against the others. What must not be is five CPUs for half of one.
func TestBandwidthHolds(t *testing.T) {
	d := delegated(t)
	var groups []cgroupv2.Group
	var spinners []*exec.Cmd
	quotas := []float64{10, 50, 100}
	for _, p := range quotas {
		g := made(t, d+"/cpu"+strconv.Itoa(int(p)), cgroupv2.Limits{CPUMax: cgroupv2.Percent(p)})
		groups, spinners = append(groups, g), append(spinners, starts(t, g, "spin", "2"))
	}
	var used []float64
	for i, p := range quotas {
		used = append(used, 100*bandwidth(t, groups[i].Path, p/200))
		t.Logf("%v%% allowed, %.1f%% used", p, used[i])
		// A tick of overshoot a period on each CPU is the kernel's own, and an
		// emulated tick comes late where the host is busy.
		require.InDelta(t, p, used[i], max(p/2, 15))
		// The next one has more of the CPUs, so that it comes to its own quota.
		require.NoError(t, spinners[i].Process.Kill())
		_ = spinners[i].Wait()
	}
	require.Greater(t, used[1], 1.5*used[0])
	require.Greater(t, used[2], 1.3*used[1])
	// All that there is: nothing holds it back, and it has more than one CPU's.
	g := made(t, d+"/cpu200", cgroupv2.Limits{CPUMax: cgroupv2.Percent(200)})
	starts(t, g, "spin", "2")
	await(t, "use of both CPUs", func() bool {
		before, err := cgroupv2.Stat(g.Path)
		require.NoError(t, err)
		await(t, "ten periods", func() bool {
			s, err := cgroupv2.Stat(g.Path)
			require.NoError(t, err)
			return s.CPU.Usage > before.CPU.Usage+time.Second
		})
		s, err := cgroupv2.Stat(g.Path)
		require.NoError(t, err)
		n, _ := s.CPU.Periods.Value()
		m, _ := before.CPU.Periods.Value()
		most := 100 * float64(s.CPU.Usage-before.CPU.Usage) / float64(n-m) / float64(100*time.Millisecond)
		t.Logf("200%% allowed, %.1f%% used", most)
		return most > 1.15*used[2]
	})
}

// Weights share what is contended.
func TestWeightsShare(t *testing.T) {
	d := delegated(t)
	heavy := made(t, d+"/heavy", cgroupv2.Limits{CPUWeight: 400, CPUSet: cgroupv2.CPUs(0)})
	light := made(t, d+"/light", cgroupv2.Limits{CPUWeight: 100, CPUSet: cgroupv2.CPUs(0)})
	for _, g := range []cgroupv2.Group{heavy, light} {
		cmd := starts(t, g, "spin", "1")
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		require.NoError(t, err)
		require.Contains(t, string(status), "Cpus_allowed_list:\t0\n", "the CPU set holds for what is started inside")
	}
	time.Sleep(300 * time.Millisecond)
	a, b := usage(t, heavy.Path), usage(t, light.Path)
	time.Sleep(time.Second)
	ratio := float64(usage(t, heavy.Path)-a) / float64(usage(t, light.Path)-b)
	t.Logf("weights 400 and 100 share %.2f to 1", ratio)
	require.Greater(t, ratio, 2.0)
	require.Less(t, ratio, 8.0)
}

func TestMemoryKillIsTheGroupsOwn(t *testing.T) {
	t.Parallel()
	d := delegated(t)
	target := made(t, d+"/target", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(64), MemorySwapMax: cgroupv2.Bytes(0)})
	other := made(t, d+"/other", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(300), MemorySwapMax: cgroupv2.Bytes(0)})
	innocent := starts(t, other, "eat", "100")
	await(t, "memory in use", func() bool {
		s, err := cgroupv2.Stat(other.Path)
		require.NoError(t, err)
		return s.Memory.Current > 100<<20
	})
	victim := starts(t, target, "eat", "200")
	err := victim.Wait()
	require.Error(t, err)
	require.Equal(t, syscall.SIGKILL, victim.ProcessState.Sys().(syscall.WaitStatus).Signal())
	s, err := cgroupv2.Stat(target.Path)
	require.NoError(t, err)
	require.Equal(t, uint64(1), s.Memory.Events.OOMKills)
	require.NotZero(t, s.Memory.Events.Max)
	if peak, ok := s.Memory.Peak.Value(); testenv.Systemd(t) > 247 {
		require.True(t, ok)
		require.InDelta(t, 64<<20, peak, 1<<20)
	} else {
		require.False(t, ok)
	}
	s, err = cgroupv2.Stat(other.Path)
	require.NoError(t, err)
	require.Zero(t, s.Memory.Events.OOMKills)
	require.NoError(t, innocent.Process.Signal(syscall.Signal(0)), "the other group's process lives")
}

func TestTasksAreRefused(t *testing.T) {
	t.Parallel()
	d := delegated(t)
	g := made(t, d+"/few", cgroupv2.Limits{TasksMax: cgroupv2.Tasks(1)})
	cmd := exec.Command("/bin/sh", "-c", "/bin/true & wait")
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, g.Start(cmd))
	require.Error(t, cmd.Wait(), "the shell may not fork: %s", out)
	s, err := cgroupv2.Stat(g.Path)
	require.NoError(t, err)
	require.NotZero(t, s.Tasks.Refused)
	wide := made(t, d+"/wide", cgroupv2.Limits{TasksMax: cgroupv2.Tasks(50)})
	cmd = exec.Command("/bin/sh", "-c", "/bin/true & wait")
	require.NoError(t, wide.Start(cmd))
	require.NoError(t, cmd.Wait())
}

func TestFreezeAndKill(t *testing.T) {
	d := delegated(t)
	g := made(t, d+"/tree", cgroupv2.Limits{})
	for _, at := range []string{"/tree/a", "/tree/b/c"} {
		starts(t, made(t, d+at, cgroupv2.Limits{}), "spin", "1")
	}
	require.NoError(t, g.Freeze(t.Context()))
	require.Contains(t, kernel(t, g.Path, "cgroup.events"), "frozen 1", "it is when Freeze returns, and not some time later")
	require.ErrorIs(t, cgroupv2.Group{Path: d + "/tree/a"}.Start(exec.Command("/bin/true")), cgroupv2.ErrFrozen)
	var frozen time.Duration
	await(t, "standstill", func() bool { // each CPU's last part is added late
		frozen = usage(t, g.Path)
		time.Sleep(300 * time.Millisecond)
		return usage(t, g.Path)-frozen < 5*time.Millisecond
	})
	require.NoError(t, g.Thaw(t.Context()))
	await(t, "life after thawing", func() bool { return usage(t, g.Path) > frozen+50*time.Millisecond })

	// A shell that forks as fast as it can does not run away.
	bomb := exec.Command("/bin/sh", "-c", "f() { /bin/true; f & f & }; i=0; while [ $i -lt 20 ]; do (while :; do /bin/true & done) & i=$((i+1)); done; wait")
	limited := made(t, d+"/tree/bomb", cgroupv2.Limits{TasksMax: cgroupv2.Tasks(60)})
	require.NoError(t, limited.Start(bomb))
	time.Sleep(300 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, g.Kill(ctx))
	_ = bomb.Wait()
	require.Contains(t, kernel(t, g.Path, "cgroup.events"), "populated 0")
	require.NoError(t, g.Remove())
	require.False(t, exists(g.Path, ""))
}

func TestStatAgainstTheFiles(t *testing.T) {
	d := delegated(t)
	g := made(t, d+"/x", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(200), CPUMax: cgroupv2.Percent(100), TasksMax: cgroupv2.Tasks(40), IOWeight: 100})
	starts(t, g, "eat", "20")
	await(t, "memory in use", func() bool {
		s, err := cgroupv2.Stat(g.Path)
		require.NoError(t, err)
		return s.Memory.Anon > 20<<20
	})
	require.NoError(t, g.Freeze(t.Context()))
	// The kernel counts in batches, and adds them up every two seconds: between two
	// readings the counts of a frozen group may still move, once.
	var s cgroupv2.Stats
	await(t, "the same counts as in the files", func() (same bool) {
		var err error
		s, err = cgroupv2.Stat(g.Path)
		require.NoError(t, err)
		return kernel(t, g.Path, "memory.current") == strconv.FormatUint(s.Memory.Current, 10) &&
			strings.Contains(kernel(t, g.Path, "memory.stat"), "anon "+strconv.FormatUint(s.Memory.Anon, 10)+"\n")
	})
	require.Contains(t, kernel(t, g.Path, "cpu.stat"), "usage_usec "+strconv.FormatInt(s.CPU.Usage.Microseconds(), 10)+"\n")
	require.Equal(t, kernel(t, g.Path, "pids.current"), strconv.FormatUint(s.Tasks.Current, 10))
	require.True(t, s.Pressure.Memory.Some.Known)
	require.True(t, s.Pressure.IO.Full.Known)
	require.Equal(t, testenv.Systemd(t) > 247, s.Pressure.CPU.Full.Known)
	require.NotNil(t, s.IO)

	// What is not enabled is not zero but absent.
	bare, err := cgroupv2.Stat(made(t, g.Path+"/bare", cgroupv2.Limits{}).Path)
	require.NoError(t, err)
	require.Nil(t, bare.Memory)
	require.Nil(t, bare.Tasks)
	require.Nil(t, bare.IO)
	root, err := cgroupv2.Stat("/")
	require.NoError(t, err)
	require.Nil(t, root.Memory)
	require.NotZero(t, root.CPU.Usage)
}

func TestDetectHere(t *testing.T) {
	info, err := cgroupv2.Detect()
	require.NoError(t, err)
	require.Equal(t, cgroupv2.Unified, info.Mode)
	require.Equal(t, mount, info.Mount)
	require.Contains(t, info.Options, "nsdelegate")
	require.Contains(t, info.Options, "memory_recursiveprot")
	require.Subset(t, info.Controllers, []string{"cpu", "cpuset", "io", "memory", "pids"})
	require.Subset(t, info.Enabled, []string{"memory", "pids"})
	require.True(t, info.Systemd)
	require.True(t, strings.HasPrefix(info.Self, "/system.slice/"), info.Self)
	t.Logf("%+v", info)
}
