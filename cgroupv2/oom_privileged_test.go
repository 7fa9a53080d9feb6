//go:build privileged

package cgroupv2_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/cgroupv2"
)

// A kill is attributed to the cgroup whose limit it was: the parent's, the child's,
// and not to a sibling.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	d := delegated(t)
	none := cgroupv2.Bytes(0)
	parent := made(t, d+"/parent", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(60), MemorySwapMax: none})
	child := made(t, d+"/parent/child", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(200), MemorySwapMax: none})
	tight := made(t, d+"/parent/tight", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(30), MemorySwapMax: none})
	sibling := made(t, d+"/sibling", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(30), MemorySwapMax: none})
	eats := func(in cgroupv2.Group, watched ...cgroupv2.Group) (verdicts []cgroupv2.OOMVerdict) {
		t.Helper()
		var watches []*cgroupv2.OOMWatch
		for _, g := range watched {
			w, err := g.WatchOOM()
			require.NoError(t, err)
			watches = append(watches, w)
		}
		cmd := starts(t, in, "eat", "150")
		require.Error(t, cmd.Wait())
		for _, w := range watches {
			v, err := w.Verdict()
			require.NoError(t, err)
			verdicts = append(verdicts, v)
		}
		return verdicts
	}
	byParent := cgroupv2.OOMVerdict{Kills: 1, By: mount + "/" + parent.Path, Limit: cgroupv2.MiB(60)}
	byTight := cgroupv2.OOMVerdict{Kills: 1, By: mount + "/" + tight.Path, Limit: cgroupv2.MiB(30)}
	bySibling := cgroupv2.OOMVerdict{Kills: 1, By: mount + "/" + sibling.Path, Limit: cgroupv2.MiB(30)}
	require.Equal(t, []cgroupv2.OOMVerdict{byParent, byParent, {}, {}}, eats(child, child, parent, tight, sibling))
	require.Equal(t, []cgroupv2.OOMVerdict{byTight, byTight, {}, {}}, eats(tight, tight, parent, child, sibling))
	require.Equal(t, []cgroupv2.OOMVerdict{bySibling, {}, {}}, eats(sibling, sibling, parent, child))
	require.Equal(t, "1 killed for want of memory: memory.max=30M of "+mount+"/"+sibling.Path, bySibling.String())

	// Every verdict is there when the exit is.
	many, began := times(25, 100), time.Now()
	small := made(t, d+"/small", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(8), MemorySwapMax: none})
	for range many {
		w, err := small.WatchOOM()
		require.NoError(t, err)
		cmd := starts(t, small, "eat", "30")
		require.Error(t, cmd.Wait())
		v, err := w.Verdict()
		require.NoError(t, err)
		require.Equal(t, uint64(1), v.Kills)
		require.Equal(t, mount+"/"+small.Path, v.By)
	}
	t.Logf("%d kills in %v, every verdict there with the exit", many, time.Since(began))

	// A death of another kind is none of it.
	w, err := small.WatchOOM()
	require.NoError(t, err)
	cmd := starts(t, small, "sleep")
	require.NoError(t, small.Kill(t.Context()))
	_ = cmd.Wait()
	v, err := w.Verdict()
	require.NoError(t, err)
	require.Zero(t, v)
	require.NoError(t, small.Remove())
	_, err = w.Verdict()
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// Protection holds memory against a neighbour's demand, if every ancestor gives
// it, and Effective says when one does not.
func TestProtectionUnderDemand(t *testing.T) {
	d := delegated(t)
	keeps := func(name string, above cgroupv2.Memory) uint64 {
		top := made(t, d+"/"+name, cgroupv2.Limits{MemoryMax: cgroupv2.MiB(60), MemorySwapMax: cgroupv2.Bytes(0)})
		made(t, d+"/"+name+"/slice", cgroupv2.Limits{MemoryLow: above})
		kept := made(t, d+"/"+name+"/slice/kept", cgroupv2.Limits{MemoryLow: cgroupv2.MiB(30)})
		other := made(t, d+"/"+name+"/other", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(200)})
		e, err := cgroupv2.Effective(kept.Path)
		require.NoError(t, err)
		require.Equal(t, above, e.MemoryLow.Value)
		file := "/var/tmp/" + name
		run(t, "dd", "if=/dev/zero", "of="+file, "bs=1M", "count=24")
		run(t, "sh", "-c", "sync; echo 3 >/proc/sys/vm/drop_caches")
		read := starts(t, kept, "read", file)
		require.NoError(t, read.Wait()) // its cache stays on the account of kept
		await(t, "a cache", func() bool {
			s, err := cgroupv2.Stat(kept.Path)
			require.NoError(t, err)
			return s.Memory.File > 20<<20
		})
		eater := starts(t, other, "eat", "45")
		await(t, "the neighbour's demand", func() bool {
			s, err := cgroupv2.Stat(other.Path)
			require.NoError(t, err)
			return s.Memory.Anon > 42<<20
		})
		s, err := cgroupv2.Stat(kept.Path)
		require.NoError(t, err)
		require.NoError(t, eater.Process.Kill())
		_ = top
		return s.Memory.File >> 20
	}
	without := keeps("without", cgroupv2.Bytes(0))
	t.Logf("of 24 MiB, %d are left where an ancestor protects nothing", without)
	require.Less(t, without, uint64(20))
	// With protection the neighbour's demand can't be met, and it is killed or
	// stays below: see what is kept.
	top := made(t, d+"/with", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(60), MemorySwapMax: cgroupv2.Bytes(0)})
	made(t, d+"/with/slice", cgroupv2.Limits{MemoryLow: cgroupv2.MiB(30)})
	kept := made(t, d+"/with/slice/kept", cgroupv2.Limits{MemoryLow: cgroupv2.MiB(30)})
	other := made(t, d+"/with/other", cgroupv2.Limits{})
	run(t, "dd", "if=/dev/zero", "of=/var/tmp/with", "bs=1M", "count=24")
	run(t, "sh", "-c", "sync; echo 3 >/proc/sys/vm/drop_caches")
	read := starts(t, kept, "read", "/var/tmp/with")
	require.NoError(t, read.Wait())
	// A neighbour that reads a lot: its own cache is to be taken, not the other's.
	run(t, "dd", "if=/dev/zero", "of=/var/tmp/lot", "bs=1M", "count=60")
	run(t, "sync")
	lot := starts(t, other, "read", "/var/tmp/lot")
	require.NoError(t, lot.Wait())
	s, err := cgroupv2.Stat(kept.Path)
	require.NoError(t, err)
	t.Logf("of 24 MiB, %d are left where every ancestor protects", s.Memory.File>>20)
	require.Greater(t, s.Memory.File, uint64(22<<20))
	_ = top
}

// Pressure comes and goes, and every time of it is told: what the kernel's own
// total grew by above the threshold has an event, which tells of a total in between.
func TestNoPressureIsMissed(t *testing.T) {
	t.Parallel()
	d := delegated(t)
	g := made(t, d+"/busy", cgroupv2.Limits{CPUMax: cgroupv2.Percent(20)})
	trigger := cgroupv2.Trigger{Of: cgroupv2.PressureOfCPU, Stall: 50 * time.Millisecond, Window: 500 * time.Millisecond}
	total := func() time.Duration {
		p, err := g.Pressure()
		require.NoError(t, err)
		return p.CPU.Some.Total
	}
	starts(t, g, "spin", "2")
	require.NoError(t, g.Freeze(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	told, ended := make(chan time.Duration, 1000), make(chan error, 1)
	go func() {
		var failed error
		for p, err := range g.UnderPressure(ctx, trigger) {
			failed = err
			told <- p.Some.Total
		}
		ended <- failed
	}()
	await(t, "an open trigger", func() bool {
		names, err := filepath.Glob("/proc/self/fd/*")
		require.NoError(t, err)
		return slices.ContainsFunc(names, func(name string) bool {
			file, err := os.Readlink(name)
			return err == nil && strings.HasSuffix(file, "/busy/cpu.pressure")
		})
	})
	time.Sleep(trigger.Window) // it is opened, and armed by the next call
	events, phases := 0, times(4, 20)
	for phase := range phases {
		before := total()
		require.NoError(t, g.Thaw(ctx))
		await(t, "pressure", func() bool { return total() > before+6*trigger.Stall })
		require.NoError(t, g.Freeze(ctx))
		select {
		case at := <-told:
			require.Greater(t, at, before, "in phase %d, of that phase", phase)
			require.LessOrEqual(t, at, total())
		case <-ctx.Done():
			require.Fail(t, "missed", "phase %d: the kernel's total grew by %v", phase, total()-before)
		}
		events++
		// Frozen, there is none: a window later all of the phase has been told.
		time.Sleep(2*trigger.Window + 100*time.Millisecond)
		for more := true; more; {
			select {
			case <-told:
				events++
			default:
				more = false
			}
		}
	}
	cancel()
	require.NoError(t, <-ended)
	t.Logf("%d times of pressure, %d events, a total of %v", phases, events, total())
}

// Triggers fire under pressure, end with the context, and leave nothing open.
func TestPressureTriggers(t *testing.T) {
	d := delegated(t)
	g := made(t, d+"/busy", cgroupv2.Limits{CPUMax: cgroupv2.Percent(20)})
	trigger := cgroupv2.Trigger{Of: cgroupv2.PressureOfCPU, Stall: 50 * time.Millisecond, Window: 500 * time.Millisecond}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// None without pressure, and cancelling ends it.
	quiet := made(t, d+"/quiet", cgroupv2.Limits{})
	short, stop := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer stop()
	for range quiet.UnderPressure(short, trigger) {
		require.Fail(t, "a group without processes is under no pressure")
	}
	require.Error(t, short.Err())

	before := descriptors(t)
	for range times(100, 1000) {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		for _, err := range quiet.UnderPressure(ctx, trigger) {
			require.NoError(t, err)
		}
		cancel()
	}
	require.Equal(t, before, descriptors(t))

	// The cgroup's end is the end.
	gone := made(t, d+"/gone", cgroupv2.Limits{})
	time.AfterFunc(300*time.Millisecond, func() { _ = gone.Remove() })
	var end error
	for _, err := range gone.UnderPressure(ctx, trigger) {
		end = err
	}
	require.ErrorIs(t, end, fs.ErrNotExist)

	// The machine's own, of which some is to be had.
	starts(t, g, "spin", "2")
	for p, err := range (cgroupv2.Group{Path: "/"}).UnderPressure(ctx, trigger) {
		require.NoError(t, err)
		require.True(t, p.Some.Known)
		break
	}
	for _, bad := range []cgroupv2.Trigger{
		{}, {Of: "tea", Stall: time.Second, Window: time.Second}, {Of: cgroupv2.PressureOfIO, Stall: time.Second, Window: 11 * time.Second},
		{Of: cgroupv2.PressureOfIO, Stall: 3 * time.Second, Window: 2 * time.Second}, {Of: cgroupv2.PressureOfIO, Stall: time.Second, Window: 400 * time.Millisecond},
	} {
		for _, err := range g.UnderPressure(ctx, bad) {
			var field *cgroupv2.FieldError
			require.ErrorAs(t, err, &field, "%+v", bad)
		}
	}
}
