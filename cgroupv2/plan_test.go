package cgroupv2

import (
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const everything = "cpu cpuset io memory pids"

func TestMakesWhatIsMissing(t *testing.T) {
	f := newFake(everything)
	l := Limits{MemoryMax: MiB(64), MemoryHigh: Bytes(50_000_000), CPUMax: Percent(50), TasksMax: Tasks(9), CPUSet: CPUs(0, 1)}
	planned, done, err := f.ensure("a/b", l, true, false)
	require.NoError(t, err)
	require.Equal(t, changes(planned), changes(done))
	require.Equal(t, []string{
		"cgroup.subtree_control=+cpu +cpuset +memory +pids", "mkdir a", "a/cgroup.subtree_control=+cpu +cpuset +memory +pids", "mkdir a/b",
		"a/b/cpuset.cpus=0-1", "a/b/pids.max=9", "a/b/cpu.max=50000 100000", "a/b/memory.high=50000000", "a/b/memory.max=67108864",
	}, f.log)
	require.Equal(t, "update cgroup /sys/fs/cgroup/a/b: memory.high: max → 49999872 (50000000 in whole pages)", changes(done)[7].String())
	require.Equal(t, "create cgroup /sys/fs/cgroup/a", changes(done)[1].String())

	f.log = nil
	planned, _, err = f.ensure("a/b", l, true, false)
	require.NoError(t, err)
	require.Empty(t, planned, "a second time there is nothing to do")
	require.Empty(t, f.log)
}

// What a new cgroup has by itself is not planned, so it is not done either.
func TestDefaultsAreNotWritten(t *testing.T) {
	f := newFake(everything)
	l := Limits{MemoryMax: UnlimitedMemory, MemoryLow: Bytes(0), CPUMax: UnlimitedCPU, CPUWeight: DefaultWeight, TasksMax: UnlimitedTasks, IOWeight: 100,
		CPUSet: AllCPUs, IOMax: []IOLimit{{Device: "8:0", ReadBytes: UnlimitedRate}}}
	_, done, err := f.ensure("a", l, true, false)
	require.NoError(t, err)
	require.Len(t, done, 2, "handing on and making: %v", changes(done))
	l.CPUSet = CPUs(1)
	_, done, err = f.ensure("a", l, true, false)
	require.NoError(t, err)
	require.Len(t, done, 1)
	l.CPUSet = AllCPUs
	_, _, err = f.ensure("a", l, true, false)
	require.NoError(t, err)
	require.Equal(t, "a/cpuset.cpus=\n", f.log[len(f.log)-1])
}

func TestSetNeedsTheGroup(t *testing.T) {
	f := newFake(everything)
	_, _, err := f.ensure("a", Limits{TasksMax: Tasks(3)}, false, false)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "/sys/fs/cgroup/a")
	require.Empty(t, f.log)
}

// No moment has bounds that contradict each other, from wherever to wherever.
func TestOrderNeverContradicts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func(most uint64) Memory {
		if random.IntN(6) == 0 {
			return UnlimitedMemory
		}
		return Bytes((1 + random.Uint64N(most)) << 20)
	}
	limits := func() Limits {
		for {
			l := Limits{MemoryMax: some(64), MemoryHigh: some(64), MemoryLow: some(64), MemoryMin: some(64), CPUMax: Percent(float64(1 + random.IntN(300)))}
			if q := l.CPUMax.quota(); random.IntN(2) == 0 {
				l.CPUMax = l.CPUMax.WithBurst(time.Duration(1+random.IntN(int(q.Microseconds()))) * time.Microsecond)
			} else {
				l.CPUMax = l.CPUMax.WithBurst(time.Microsecond)
			}
			if l.Validate() == nil && l.MemoryLow != UnlimitedMemory && l.MemoryMin != UnlimitedMemory {
				return l
			}
		}
	}
	for range 2000 {
		f := newFake(everything)
		from, to := limits(), limits()
		_, _, err := f.ensure("a", from, true, false)
		require.NoError(t, err)
		check := func(rel, file, value string) error {
			g := f.groups["a"]
			now := func(name string) uint64 {
				if name == file {
					return quantity(value)
				}
				return quantity(g[name])
			}
			if now("memory.min") > now("memory.max") || now("memory.low") > now("memory.max") || now("memory.high") != math.MaxUint64 && now("memory.high") > now("memory.max") ||
				now("memory.low") > now("memory.high") || now("memory.min") > now("memory.high") || now("cpu.max.burst") > now("cpu.max") {
				return fmt.Errorf("%s=%s contradicts %v", file, value, g)
			}
			return nil
		}
		f.before = check
		_, _, err = f.ensure("a", to, false, false)
		require.NoError(t, err, "from %+v to %+v", from, to)
	}
}

func TestHighBeforeMaxWhenLowering(t *testing.T) {
	f := newFake(everything)
	_, _, err := f.ensure("a", Limits{MemoryMax: MiB(100), MemoryHigh: MiB(90)}, true, false)
	require.NoError(t, err)
	f.log = nil
	_, _, err = f.ensure("a", Limits{MemoryMax: MiB(50), MemoryHigh: MiB(40)}, false, false)
	require.NoError(t, err)
	require.Equal(t, []string{"a/memory.high=41943040", "a/memory.max=52428800"}, f.log)
}

func TestOnlyBelowADelegatedCgroup(t *testing.T) {
	f := newFake(everything).with(t, "init.scope", "system.slice", "system.slice/app.service", "system.slice/app.service/x",
		"user.slice", "user.slice/user@7.service", "user.slice/user@7.service/init.scope", "user.slice/user@7.service/app.slice",
		"user.slice/user@7.service/app.slice/mine.service")
	for at, controllers := range map[string]string{"": everything, "system.slice": everything} {
		require.NoError(t, f.Write(at, "cgroup.subtree_control", controllers))
	}
	l := Limits{MemoryMax: MiB(64), IOMax: []IOLimit{{Device: "8:0", ReadBytes: PerSecond(9)}}}
	refused := func(rel, unit string) {
		t.Helper()
		before := len(f.log)
		_, _, err := f.ensure(rel, l, true, true)
		var managed *ManagedError
		require.ErrorAs(t, err, &managed)
		require.Equal(t, unit, managed.Unit)
		require.Equal(t, "systemctl set-property "+unit+" MemoryMax=64M 'IOReadBandwidthMax=/dev/block/8:0 9'", managed.Call)
		require.Len(t, f.log, before, "nothing is written")
	}
	refused("", "-.slice")
	refused("new", "-.slice")
	refused("system.slice", "system.slice")
	refused("system.slice/app.service", "app.service")
	refused("system.slice/app.service/x", "app.service")

	f.delegated["system.slice/app.service"] = true
	refused("system.slice/app.service", "app.service") // its limits remain systemd's
	_, _, err := f.ensure("system.slice/app.service/x/y", l, true, true)
	require.NoError(t, err)

	// A user's manager was given its cgroup, but what it made there is its own.
	f.delegated["user.slice/user@7.service"] = true
	refused("user.slice/user@7.service/app.slice/mine.service", "mine.service")
	refused("user.slice/user@7.service/app.slice/mine.service/x", "mine.service")
	refused("user.slice/user@7.service/x", "user@7.service")
	o := f.owner(true)
	o.asks = func(manager, unit string) bool { return manager == "user@7.service" && unit == "mine.service" }
	root, err := o.ours("user.slice/user@7.service/app.slice/mine.service/x", l.setProperty)
	require.NoError(t, err)
	require.Equal(t, "user.slice/user@7.service/app.slice/mine.service", root)
	_, err = o.ours("user.slice/user@7.service/app.slice/mine.service", l.setProperty)
	require.Error(t, err)
}

func TestControllersThatAreNotToBeHad(t *testing.T) {
	f := newFake("cpu pids")
	_, _, err := f.ensure("a", Limits{MemoryMax: MiB(2)}, true, false)
	var unavailable *UnavailableError
	require.ErrorAs(t, err, &unavailable)
	require.Equal(t, "controller memory", unavailable.What)
	require.Empty(t, f.log)

	f = newFake(everything).with(t, "s.service")
	f.delegated["s.service"] = true
	_, _, err = f.ensure("s.service/x", Limits{MemoryMax: MiB(2)}, true, true)
	require.ErrorAs(t, err, &unavailable)
	require.ErrorContains(t, err, "Delegate=memory in s.service")
	require.Empty(t, f.log)

	// A file that the kernel lacks, though it has the controller.
	f = newFake(everything)
	require.NoError(t, f.Write("", "cgroup.subtree_control", "+cpu"))
	require.NoError(t, f.Mkdir("a"))
	delete(f.groups["a"], "cpu.max.burst")
	_, _, err = f.ensure("a", Limits{CPUMax: Percent(50).WithBurst(time.Millisecond)}, false, false)
	require.ErrorAs(t, err, &unavailable)
	require.Equal(t, "cpu.max.burst", unavailable.What)
	require.NotContains(t, f.log, "a/cpu.max=50000 100000")
}

func TestProcessesInTheWay(t *testing.T) {
	f := newFake(everything).with(t, "a")
	require.NoError(t, f.Write("", "cgroup.subtree_control", "+"+"memory"))
	f.groups["a"]["cgroup.procs"] = "7\n8"
	f.log = nil
	_, _, err := f.ensure("a/b", Limits{MemoryMax: MiB(2)}, true, false)
	var busy *BusyError
	require.ErrorAs(t, err, &busy)
	require.Equal(t, "/sys/fs/cgroup/a", busy.Path)
	require.Empty(t, f.log, "foreseen, so nothing is made")

	// What can't be foreseen is explained, too.
	f.groups["a"]["cgroup.procs"] = ""
	f.before = func(rel, file, _ string) error {
		if rel == "a" && file == "cgroup.subtree_control" {
			return syscall.EBUSY
		}
		return nil
	}
	_, done, err := f.ensure("a/b", Limits{MemoryMax: MiB(2)}, true, false)
	require.ErrorAs(t, err, &busy)
	require.ErrorIs(t, err, syscall.EBUSY)
	require.Empty(t, done)
}

func TestGroupThatVanishes(t *testing.T) {
	f := newFake(everything)
	_, _, err := f.ensure("a", Limits{TasksMax: Tasks(3)}, true, false)
	require.NoError(t, err)
	f.before = func(rel, file, _ string) error {
		delete(f.groups, "a")
		return syscall.ENODEV
	}
	_, done, err := f.ensure("a", Limits{TasksMax: Tasks(4)}, false, false)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "went away")
	require.Empty(t, done)
}

func TestAnErrorTellsWhatWasDone(t *testing.T) {
	f := newFake(everything)
	f.before = func(_, file, _ string) error {
		if file == "memory.max" {
			return syscall.EBUSY
		}
		return nil
	}
	_, done, err := f.ensure("a", Limits{MemoryMax: MiB(4), TasksMax: Tasks(2)}, true, false)
	require.ErrorIs(t, err, syscall.EBUSY)
	require.ErrorContains(t, err, "can't be reclaimed")
	require.Equal(t, "pids.max: max → 2", changes(done)[len(done)-1].Detail)
}

func TestSomebodyElseWrites(t *testing.T) {
	f := newFake(everything)
	f.before = func(rel, file, value string) error {
		if file == "pids.max" {
			f.groups[rel][file] = "5"
			delete(f.groups[rel], "other")
		}
		return nil
	}
	// The write is lost: what reads back is another's.
	lost := lossy{f}
	o := owner{hierarchy: lost, disks: fakeDisks}
	todo, err := o.plan("a", Limits{TasksMax: Tasks(2)}, true)
	require.NoError(t, err)
	_, err = o.do(todo)
	require.ErrorContains(t, err, `was given "2" and reads "max"`)
}

// lossy takes writes of pids.max and forgets them.
type lossy struct{ *fake }

func (l lossy) Exchange(rel, file, value string) (string, error) {
	if file == "pids.max" {
		return l.Read(rel, file)
	}
	return l.fake.Exchange(rel, file, value)
}

func TestDisks(t *testing.T) {
	f := newFake(everything)
	l := Limits{IOMax: []IOLimit{{Device: "254:16", WriteBytes: PerSecond(1 << 20), ReadOps: UnlimitedRate}}}
	_, done, err := f.ensure("a", l, true, false)
	require.NoError(t, err)
	require.Equal(t, "io.max: 254:16 unlimited → 254:16 wbps=1048576 riops=max", changes(done)[2].Detail)
	require.Equal(t, "254:16 rbps=max wbps=1048576 riops=max wiops=max", f.groups["a"]["io.max"])
	_, done, err = f.ensure("a", l, true, false)
	require.NoError(t, err)
	require.Empty(t, done)
	_, err = l.settings(disksOf{numbers: func(string) (string, error) { return "", fs.ErrNotExist }})
	require.ErrorIs(t, err, fs.ErrNotExist)
	twice := Limits{IOMax: []IOLimit{{Device: "/dev/a", ReadOps: PerSecond(1)}, {Device: "/dev/b", ReadOps: PerSecond(1)}}}
	_, err = twice.settings(disksOf{numbers: func(string) (string, error) { return "8:0", nil }})
	require.ErrorContains(t, err, "the same disk as /dev/a")
	weight := Limits{IOWeights: []IODeviceWeight{{"8:0", 70}}}
	_, done, err = f.ensure("a", weight, true, false)
	require.NoError(t, err)
	require.Equal(t, "io.weight: 8:0 → 8:0 70", changes(done)[0].Detail)
	_, _, err = f.ensure("a", Limits{IOLatency: []IODeviceLatency{{"8:0", time.Second}}}, true, false)
	require.ErrorContains(t, err, "has no io.latency")
	f.groups["a"]["io.latency"] = ""
	_, done, err = f.ensure("a", Limits{IOLatency: []IODeviceLatency{{"8:0", time.Second}}}, true, false)
	require.NoError(t, err)
	require.Equal(t, "io.latency: 8:0 → 8:0 target=1000000", changes(done)[0].Detail)
	_, err = weight.settings(disksOf{fakeDisks.numbers, func(string) (string, error) { return "", nil }})
	var unavailable *UnavailableError
	require.ErrorAs(t, err, &unavailable, "a weight that nothing acts on")
}

func TestWhatIsReadIsWhatWasSet(t *testing.T) {
	f := newFake(everything)
	l := Limits{
		MemoryMax: MiB(64), MemoryHigh: MiB(32), MemoryLow: MiB(2), MemoryMin: Bytes(0), MemorySwapMax: Bytes(0),
		CPUMax: Percent(33.333).WithPeriod(10 * time.Millisecond).WithBurst(time.Millisecond), CPUWeight: 77, CPUSet: CPUs(0, 2, 3), MemoryNodes: CPUs(0),
		TasksMax: Tasks(10), IOWeight: 200, IOMax: []IOLimit{{Device: "8:0", ReadBytes: PerSecond(5), WriteBytes: UnlimitedRate, ReadOps: UnlimitedRate, WriteOps: UnlimitedRate}},
	}
	_, _, err := f.ensure("a", l, true, false)
	require.NoError(t, err)
	got, err := get(f, "a")
	require.NoError(t, err)
	require.InDelta(t, l.CPUMax.cores, got.CPUMax.cores, 1e-4)
	l.CPUMax.cores = got.CPUMax.cores
	require.Equal(t, l, got)
	planned, _, err := f.ensure("a", got, false, false)
	require.NoError(t, err)
	require.Empty(t, planned)
	_, err = get(f, "absent")
	require.ErrorIs(t, err, fs.ErrNotExist)
	f.groups["a"]["memory.max"], f.groups["a"]["io.max"] = "lots", "8:0 rbps=x"
	_, err = get(f, "a")
	require.ErrorContains(t, err, "memory.max")
	require.ErrorContains(t, err, "io.max", "all that is wrong, not the first of it")
}

func TestEffective(t *testing.T) {
	f := newFake(everything).with(t)
	f.groups[""]["cpuset.cpus.effective"] = "0-7"
	all := Limits{MemoryMax: MiB(8), MemoryHigh: MiB(7), CPUMax: Percent(150), TasksMax: Tasks(5), IOMax: []IOLimit{{Device: "8:0", ReadBytes: PerSecond(100)}}}
	wide := Limits{MemoryMax: MiB(16), MemoryHigh: MiB(15), CPUMax: Percent(400), TasksMax: Tasks(50), MemoryLow: MiB(1), IOMax: []IOLimit{{Device: "8:0", ReadBytes: PerSecond(200), WriteOps: PerSecond(3)}}}
	paths := []string{"a", "a/b", "a/b/c"}
	for i, binds := range paths { // each in turn
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			for _, p := range paths {
				l := wide
				if p == binds {
					l = all
				}
				_, _, err := f.ensure(p, l, true, false)
				require.NoError(t, err)
			}
			e, err := effective(f, "a/b/c")
			require.NoError(t, err)
			by := "/sys/fs/cgroup/" + binds
			require.Equal(t, Bound[Memory]{MiB(8), by}, e.MemoryMax)
			require.Equal(t, Bound[Memory]{MiB(7), by}, e.MemoryHigh)
			require.Equal(t, Bound[CPU]{Percent(150), by}, e.CPUMax)
			require.Equal(t, Bound[Count]{Tasks(5), by}, e.TasksMax)
			require.Equal(t, Bound[Rate]{PerSecond(100), by}, e.IOMax[0].ReadBytes)
			require.Equal(t, Bound[Rate]{UnlimitedRate, ""}, e.IOMax[0].ReadOps)
			require.Equal(t, 8, e.Machine.CPUs)

			view := e.Go()
			require.Equal(t, 2, view.Fitting)
			if binds == "a/b/c" {
				require.Equal(t, 2, view.Procs)
			} else {
				require.Equal(t, 4, view.Procs, "the runtime sees the leaf's 400% only")
			}
			require.Equal(t, e.MemoryHigh, view.Memory)
		})
	}
}

// A container sees its own cgroup as the outermost, and that binds.
func TestEffectiveInAContainer(t *testing.T) {
	f := newFake(everything)
	f.groups[""]["memory.max"], f.groups[""]["cpu.max"] = "104857600", "50000 100000"
	_, _, err := f.ensure("a", Limits{MemoryMax: MiB(200)}, true, false)
	require.NoError(t, err)
	for _, at := range []string{"", "a"} {
		e, err := effective(f, at)
		require.NoError(t, err)
		require.Equal(t, Bound[Memory]{MiB(100), "/sys/fs/cgroup"}, e.MemoryMax)
		require.Equal(t, Bound[CPU]{Percent(50), "/sys/fs/cgroup"}, e.CPUMax)
	}
}

func TestEffectiveProtectionIsCapped(t *testing.T) {
	f := newFake(everything)
	_, _, err := f.ensure("a/b", Limits{MemoryLow: MiB(8)}, true, false)
	require.NoError(t, err)
	e, err := effective(f, "a/b")
	require.NoError(t, err)
	require.Equal(t, Bound[Memory]{Bytes(0), "/sys/fs/cgroup/a"}, e.MemoryLow)
	require.Equal(t, Bound[Memory]{UnlimitedMemory, ""}, e.MemoryMax)
	_, err = effective(f, "a/absent")
	require.ErrorIs(t, err, fs.ErrNotExist)

	f.groups[""]["cpuset.cpus.effective"] = "0-3"
	e, err = effective(f, "")
	require.NoError(t, err)
	require.Equal(t, 4, e.Machine.CPUs)
	require.Equal(t, Bound[Memory]{Bytes(0), ""}, e.MemoryLow, "nothing protects the root")
}

// Out of the idle class a group has another weight than it reads there, on a kernel
// where that is 1.
func TestOutOfTheIdleClass(t *testing.T) {
	f := newFake("cpu").with(t, "a")
	_, _, err := f.ensure("a", Limits{CPUWeight: Idle}, true, false)
	require.NoError(t, err)
	f.groups["a"]["cpu.weight"], f.log = "1", nil
	planned, done, err := f.ensure("a", Limits{CPUWeight: 1}, true, false)
	require.NoError(t, err)
	require.Equal(t, planned, done)
	require.Equal(t, []string{"a/cpu.idle=0", "a/cpu.weight=1"}, f.log)
	require.Equal(t, "cpu.weight: idle → 1", changes(done)[1].Detail)
}
