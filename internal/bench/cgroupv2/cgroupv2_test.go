//go:build linux

package cgroupv2

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	containerd "github.com/containerd/cgroups/v3/cgroup2"
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs2"

	"github.com/bedplate/bedplate/cgroupv2"
)

var groups = flag.Int("groups", 10000, "cgroups to sweep")

const (
	mount = "/sys/fs/cgroup"
	path  = 0x200000 // O_PATH
)

// home is the delegated cgroup that this process was started in, with ourselves
// out of the way.
func home(b *testing.B) string {
	b.Helper()
	g, err := cgroupv2.Own()
	if err != nil {
		b.Fatalf("run it in a unit with Delegate=yes: %v", err)
	}
	if err := g.Vacate("main"); err != nil {
		b.Fatal(err)
	}
	return g.Path
}

// many makes n cgroups, a hundred to each one above, and gives their paths below
// the mount.
func many(b *testing.B, top string, n int) (paths []string) {
	b.Helper()
	all := cgroupv2.Limits{MemoryMax: cgroupv2.GiB(1), CPUWeight: 100, TasksMax: cgroupv2.Tasks(100), IOWeight: 100}
	g := cgroupv2.Group{Path: top, Limits: all}
	must(b, g.Remove())
	_, err := g.Ensure(b.Context())
	must(b, err)
	b.Cleanup(func() { must(b, g.Remove()) })
	hand := func(at string) {
		must(b, os.WriteFile(at+"/cgroup.subtree_control", []byte("+memory +cpu +io +pids"), 0))
	}
	hand(top)
	for i := 0; len(paths) < n; i++ {
		outer := fmt.Sprintf("%s/g%03d", top, i)
		must(b, os.Mkdir(outer, 0o755))
		hand(outer)
		paths = append(paths, outer[len(mount):])
		for j := 0; j < 99 && len(paths) < n; j++ {
			inner := fmt.Sprintf("%s/h%02d", outer, j)
			must(b, os.Mkdir(inner, 0o755))
			paths = append(paths, inner[len(mount):])
		}
	}
	return paths
}

// raw opens, reads and closes the files that all the libraries read, into one
// buffer, and makes nothing of them: what the kernel takes for itself.
func raw(b *testing.B, paths []string) func() {
	b.Helper()
	names := []string{"memory.current", "memory.stat", "memory.events", "cpu.stat", "io.stat", "cpu.pressure", "memory.pressure", "io.pressure"}
	buf := make([]byte, 16<<10)
	var dirs []int
	for _, p := range paths {
		d, err := syscall.Open(mount+p, path|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		must(b, err)
		b.Cleanup(func() { _ = syscall.Close(d) })
		dirs = append(dirs, d)
	}
	return func() {
		for _, d := range dirs {
			for _, name := range names {
				fd, err := syscall.Openat(d, name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
				must(b, err)
				_, err = syscall.Read(fd, buf)
				must(b, errors.Join(err, syscall.Close(fd)))
			}
		}
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// compare runs each once in every round, in turn, and gives the medians and what
// the others take against the first.
func compare(b *testing.B, names []string, run []func()) {
	b.Helper()
	took := make([][]time.Duration, len(run))
	for _, f := range run { // what is made once is not compared
		f()
	}
	for b.Loop() {
		for i, f := range run {
			began := time.Now()
			f()
			took[i] = append(took[i], time.Since(began))
		}
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2])
	}
	own := median(took[0])
	for i, name := range names {
		b.ReportMetric(median(took[i]), name+"-ns")
		if i > 0 {
			b.ReportMetric(median(took[i])/own, name+"/bedplate")
		}
	}
}

// BenchmarkSweep reads memory, CPU, IO and pressure of all groups, each library
// what it has of it and no more. Finding the groups is counted for bedplate alone:
// the others are given them, open. A tenth of the groups is swept, too.
func BenchmarkSweep(b *testing.B) {
	at := home(b)
	top, few := at+"/many", at+"/few"
	paths := many(b, top, *groups)
	many(b, few, *groups/10)
	const parts = cgroupv2.MemoryPart | cgroupv2.CPUPart | cgroupv2.IOPart | cgroupv2.PressurePart
	all, tenth := cgroupv2.Sweep{Parts: parts}, cgroupv2.Sweep{Parts: parts}
	sweeps := func(s *cgroupv2.Sweep, top string, want int) func() {
		return func() {
			n := 0
			for _, err := range s.Below(top) {
				must(b, err)
				n++
			}
			if n != want {
				b.Fatal(n, "groups")
			}
		}
	}
	var runc []*fs2.Manager
	var others []*containerd.Manager
	for _, p := range paths {
		m, err := fs2.NewManager(&cgroups.Cgroup{Resources: &cgroups.Resources{}}, mount+p)
		must(b, err)
		runc = append(runc, m)
		c, err := containerd.Load(p)
		must(b, err)
		others = append(others, c)
	}
	compare(b, []string{"bedplate", "tenth", "raw", "opencontainers", "containerd"}, []func(){
		sweeps(&all, top, *groups+1),
		sweeps(&tenth, few, *groups/10+1),
		raw(b, paths),
		func() {
			for _, m := range runc {
				_, err := m.Stats(&cgroups.StatsOptions{Controllers: cgroups.CPU | cgroups.Memory | cgroups.IO})
				must(b, err)
			}
		},
		func() {
			for _, m := range others {
				_, err := m.StatFiltered(containerd.StatCPU | containerd.StatMemory | containerd.StatIO | containerd.StatMemoryEvents)
				must(b, err)
			}
		},
	})
	b.ReportMetric(testing.AllocsPerRun(1, sweeps(&all, top, *groups+1)), "bedplate-allocs")
}

// BenchmarkSet writes five limits that differ from those before.
func BenchmarkSet(b *testing.B) { set(b, true) }

// BenchmarkSetAgain sets five limits that are there: bedplate writes nothing.
func BenchmarkSetAgain(b *testing.B) { set(b, false) }

func set(b *testing.B, change bool) {
	b.Helper()
	at := home(b) + "/set"
	g := cgroupv2.Group{Path: at, Limits: cgroupv2.Limits{MemoryMax: cgroupv2.MiB(64), CPUMax: cgroupv2.Percent(50), TasksMax: cgroupv2.Tasks(10)}}
	_, err := g.Ensure(b.Context())
	must(b, err)
	b.Cleanup(func() { must(b, g.Remove()) })
	runc, err := fs2.NewManager(&cgroups.Cgroup{Resources: &cgroups.Resources{}}, at)
	must(b, err)
	other, err := containerd.Load(strings.TrimPrefix(at, mount))
	must(b, err)
	held, err := cgroupv2.Open(at)
	must(b, err)
	b.Cleanup(func() { must(b, held.Close()) })
	var n [4]int64
	next := func(i int) int64 {
		if change {
			n[i]++
		}
		return n[i] % 2
	}
	check := func(want string) {
		if now, err := os.ReadFile(filepath.Join(at, "pids.max")); err != nil || strings.TrimSpace(string(now)) != want {
			b.Fatalf("pids.max is %q, not %q: %v", now, want, err)
		}
	}
	limits := func(k uint64) cgroupv2.Limits {
		return cgroupv2.Limits{
			MemoryMax: cgroupv2.MiB(64 + k), MemoryHigh: cgroupv2.MiB(32 + k), CPUMax: cgroupv2.Percent(float64(50 + k)), CPUWeight: cgroupv2.Weight(50 + k), TasksMax: cgroupv2.Tasks(100 + k),
		}
	}
	// The other libraries' managers are made once and used again, as a Handle is.
	compare(b, []string{"bedplate", "by-path", "opencontainers", "containerd"}, []func(){
		func() {
			k := uint64(next(0))
			must(b, held.Set(limits(k)))
			check(fmt.Sprint(100 + k))
		},
		func() {
			k := uint64(next(3))
			must(b, cgroupv2.Set(at, limits(k)))
			check(fmt.Sprint(100 + k))
		},
		func() {
			k := next(1)
			pids := 100 + k
			must(b, runc.Set(&cgroups.Resources{
				Memory: (64 + k) << 20, CpuQuota: (50 + k) * 1000, CpuPeriod: 100000, CpuWeight: uint64(50 + k), PidsLimit: &pids, Unified: map[string]string{"memory.high": fmt.Sprint((32 + k) << 20)}, SkipDevices: true,
			}))
			check(fmt.Sprint(100 + k))
		},
		func() {
			k := next(2)
			memory, high, weight, quota := (64+k)<<20, (32+k)<<20, uint64(50+k), (50+k)*1000
			period := uint64(100000)
			must(b, other.Update(&containerd.Resources{
				Memory: &containerd.Memory{Max: &memory, High: &high}, CPU: &containerd.CPU{Weight: &weight, Max: containerd.NewCPUMax(&quota, &period)}, Pids: &containerd.Pids{Max: 100 + k},
			}))
			check(fmt.Sprint(100 + k))
		},
	})
}
