//go:build privileged

package cgroupv2_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/cgroupv2"
)

// Many groups are made, swept without taking memory, and removed: ten thousand in
// the long form.
func TestSweepOfMany(t *testing.T) {
	d := delegated(t)
	outer, inner := times(4, 100), 99
	top := made(t, d+"/many", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(500), TasksMax: cgroupv2.Tasks(500), CPUWeight: 100})
	began := time.Now()
	at := mount + "/" + top.Path
	require.NoError(t, os.WriteFile(at+"/cgroup.subtree_control", []byte("+memory +pids +cpu"), 0))
	for i := range outer {
		name := fmt.Sprintf("%s/g%02d", at, i)
		require.NoError(t, os.Mkdir(name, 0o755))
		require.NoError(t, os.WriteFile(name+"/cgroup.subtree_control", []byte("+memory"), 0))
		for j := range inner {
			require.NoError(t, os.Mkdir(fmt.Sprintf("%s/h%02d", name, j), 0o755))
		}
	}
	t.Logf("made in %v", time.Since(began))
	var s cgroupv2.Sweep
	count := func() (n int) {
		last := ""
		for sample, err := range s.Below(top.Path) {
			require.NoError(t, err)
			if sample.Stats.Memory == nil || sample.Stats.CPU == nil || sample.Path <= last {
				require.Fail(t, "a sample without statistics, or out of order", "%+v after %s", sample, last)
			}
			last = sample.Path
			n++
		}
		return n
	}
	require.Equal(t, 1+outer*(1+inner), count())
	began = time.Now()
	allocated := testing.AllocsPerRun(1, func() { count() })
	t.Logf("swept twice in %v, %v allocations a sweep of %d", time.Since(began), allocated, 1+outer*(1+inner))
	require.Less(t, allocated, 60.0, "in a steady state, what is taken does not grow with the groups")

	began = time.Now()
	require.NoError(t, top.Remove())
	t.Logf("removed in %v", time.Since(began))
	require.False(t, exists(top.Path, ""))
}

// Groups that come and go meanwhile are there or not, and no error.
func TestSweepWhileGroupsComeAndGo(t *testing.T) {
	d := delegated(t)
	top := made(t, d+"/churn", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(500)})
	at := mount + "/" + top.Path
	require.NoError(t, os.WriteFile(at+"/cgroup.subtree_control", []byte("+memory"), 0))
	require.NoError(t, os.Mkdir(at+"/stays", 0o755))
	done := make(chan struct{})
	var churn sync.WaitGroup
	churn.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			name := fmt.Sprintf("%s/g%d", at, rand.IntN(30))
			if os.Mkdir(name, 0o755) != nil {
				_ = os.Remove(name)
			}
		}
	})
	var s cgroupv2.Sweep
	seen := map[string]bool{}
	for range 30 {
		stays := false
		for sample, err := range s.Below(top.Path) {
			require.NoError(t, err)
			require.NotNil(t, sample.Stats.CPU, "gone, and told of: %s", sample.Path)
			require.NotNil(t, sample.Stats.Memory, "gone, and told of: %s", sample.Path)
			stays = stays || sample.Path == at+"/stays"
			seen[sample.Path] = true
		}
		require.True(t, stays)
	}
	close(done)
	churn.Wait()
	require.Greater(t, len(seen), 10)
}

// A group that vanishes under a write: an error that says so, and nothing is
// written elsewhere.
func TestGroupsThatVanishWhileTheyAreSet(t *testing.T) {
	d := delegated(t)
	g := made(t, d+"/gone", cgroupv2.Limits{TasksMax: cgroupv2.Tasks(5)})
	at := mount + "/" + g.Path
	done := make(chan struct{})
	var churn sync.WaitGroup
	churn.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				_ = os.Remove(at)
				_ = os.Mkdir(at, 0o755)
			}
		}
	})
	above := kernel(t, d, "pids.max")
	failed := 0
	for i := range 200 {
		if err := cgroupv2.Set(g.Path, cgroupv2.Limits{TasksMax: cgroupv2.Tasks(uint64(3 + i%2))}); err != nil {
			require.ErrorIs(t, err, os.ErrNotExist)
			failed++
		}
	}
	close(done)
	churn.Wait()
	t.Logf("%d of 200 met a group that was gone", failed)
	require.Equal(t, above, kernel(t, d, "pids.max"), "of the group above")
}

func TestPeakThatBeginsAnew(t *testing.T) {
	d := delegated(t)
	g := made(t, d+"/peak", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(200)})
	info, err := cgroupv2.Detect()
	require.NoError(t, err)
	has, known := info.Has(cgroupv2.FeatureMemoryPeak)
	require.True(t, known)
	p, err := g.MemoryPeak()
	var unavailable *cgroupv2.UnavailableError
	if !has {
		require.ErrorAs(t, err, &unavailable)
		return
	}
	require.NoError(t, err)
	defer p.Close()
	cmd := starts(t, g, "eat", "60")
	_ = cmd
	await(t, "peak", func() bool {
		n, err := p.Bytes()
		require.NoError(t, err)
		return n > 60<<20
	})
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	await(t, "end of use", func() bool {
		s, err := cgroupv2.Stat(g.Path)
		require.NoError(t, err)
		return s.Memory.Current < 30<<20
	})
	err = p.Reset()
	if reset, known := info.Has(cgroupv2.FeaturePeakReset); !reset {
		require.True(t, known)
		require.ErrorAs(t, err, &unavailable)
		return
	}
	require.NoError(t, err)
	n, err := p.Bytes()
	require.NoError(t, err)
	require.Less(t, n, uint64(30<<20))
	s, err := cgroupv2.Stat(g.Path)
	require.NoError(t, err)
	all, _ := s.Memory.Peak.Value()
	require.Greater(t, all, uint64(60<<20), "the cgroup's own peak stays")
}
