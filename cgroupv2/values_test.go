package cgroupv2

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseMemory(t *testing.T) {
	for text, want := range map[string]Memory{
		"512M": MiB(512), "512MiB": MiB(512), "1.5G": MiB(1536), "1G": GiB(1), "2T": GiB(2048), "4K": KiB(4), "1000000": Bytes(1_000_000), "0": Bytes(0),
		"75%": MemoryPercent(75), "12.34%": MemoryPercent(12.34), "0%": MemoryPercent(0), "infinity": UnlimitedMemory, "max": UnlimitedMemory, " 8M ": MiB(8), "0.3K": Bytes(307),
	} {
		got, err := ParseMemory(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		again, err := ParseMemory(got.String())
		require.NoError(t, err, text)
		require.Equal(t, got, again, text)
	}
	for _, text := range []string{"", "512MB", "512B", "-1", "+5M", "1e9", "0x10", "5 M", "M", "iB", "5iB", "1.5", ".5G", "5.G", "101%", "-5%", "1.234%", "%", "NaN", "Inf", "inf", "unlimited", "9999999999999999999", "8388608T", "512m", "∞"} {
		_, err := ParseMemory(text)
		require.Error(t, err, text)
		require.ErrorContains(t, err, "512M", "says how: %s", text)
	}
}

func TestParseCPU(t *testing.T) {
	for text, want := range map[string]CPU{
		"50%": Percent(50), "1.5 cores": Cores(1.5), "1 core": Cores(1), "200%": Cores(2), "infinity": UnlimitedCPU, "max": UnlimitedCPU, "1.25%": Percent(1.25),
		"50% per 10ms":           Percent(50).WithPeriod(10 * time.Millisecond),
		"50% per 10ms burst 5ms": Percent(50).WithPeriod(10 * time.Millisecond).WithBurst(5 * time.Millisecond),
		"50% per 100ms":          Percent(50), "50% burst 1ms": Percent(50).WithBurst(time.Millisecond), "infinity per 20ms": UnlimitedCPU.WithPeriod(20 * time.Millisecond),
	} {
		got, err := ParseCPU(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		again, err := ParseCPU(got.String())
		require.NoError(t, err, text)
		require.Equal(t, got, again, text)
	}
	for _, text := range []string{
		"", "50", "0.5", "50000 100000", "0%", "-50%", "NaN%", "1e3%", "50 percent", "0 cores", "0.001%", "50% per", "50% per 2s", "50% per 999us", "50% per 10", "50% burst 60ms",
		"infinity burst 5ms", "50% burst 5ms per 10ms", "50% per -1ms", "50% and more", "7000000%", "%",
	} {
		_, err := ParseCPU(text)
		require.Error(t, err, text)
	}
	_, err := ParseCPU("75")
	require.ErrorContains(t, err, "bare number")
}

func TestKernelForms(t *testing.T) {
	require.Equal(t, "50000 100000", Cores(0.5).kernel())
	require.Equal(t, "50000 100000", Percent(50).kernel())
	require.Equal(t, "5000 10000", Percent(50).WithPeriod(10*time.Millisecond).kernel())
	require.Equal(t, "max 100000", UnlimitedCPU.kernel())
	require.Equal(t, "33333 100000", Cores(1.0/3).kernel())
	for _, text := range []string{"50000 100000", "max 100000", "1000 1000", "33333 100000", "99999 100000", "1 1000000", "123456 7890"} {
		c, err := parseKernelCPU(text)
		require.NoError(t, err)
		require.Equal(t, text, c.kernel())
	}
	for _, text := range []string{"", "50000", "50000 0", "0 100000", "-1 100000", "50% 100000", "1 2 3", "max 2000000"} {
		_, err := parseKernelCPU(text)
		require.Error(t, err, text)
	}
}

func TestWeights(t *testing.T) {
	for shares, want := range map[uint64]Weight{0: 1, 2: 1, 1024: 100, 262144: 10000, 1 << 40: 10000} {
		require.Equal(t, want, WeightFromShares(shares))
	}
	require.Equal(t, uint64(2), Weight(1).Shares())
	for w := Weight(1); w <= mostWeight; w++ {
		if back := WeightFromShares(w.Shares()); back != w {
			require.Failf(t, "shares", "weight %d converts to %d shares and back to %d", w, w.Shares(), back)
		}
	}
	for nice := -20; nice <= 19; nice++ {
		w, err := WeightFromNice(nice)
		require.NoError(t, err)
		require.NoError(t, w.validate(""))
		require.InDelta(t, nice, w.Nice(), 1, "small weights are far apart")
	}
	for _, nice := range []int{-21, 20} {
		_, err := WeightFromNice(nice)
		require.Error(t, err)
	}
	require.Equal(t, 19, Idle.Nice())
	for w, bfq := range map[Weight]Weight{1: 1, 100: 100, 1000: 181, 10000: 1000} {
		require.Equal(t, bfq, w.bfq())
	}
	w, err := ParseWeight("idle")
	require.NoError(t, err)
	require.Equal(t, "idle", w.String())
	for _, text := range []string{"", "0", "10001", "-1", "1.5", "100%", "Idle", "70000"} {
		_, err := ParseWeight(text)
		require.Error(t, err, text)
	}
}

func TestCPUSets(t *testing.T) {
	for text, want := range map[string]string{"0-2,7": "0-2,7", "7,2,1,0": "0-2,7", "0 1 2": "0-2", "3": "3", "all": "all", "63-65": "63-65", "8191": "8191"} {
		s, err := ParseCPUSet(text)
		require.NoError(t, err, text)
		require.Equal(t, want, s.String())
	}
	for _, text := range []string{"", ",", "-1", "2-1", "8192", "a", "1-", "0-9999999999", "0x1"} {
		_, err := ParseCPUSet(text)
		require.Error(t, err, text)
	}
	require.Equal(t, []int{0, 1, 2, 7}, CPUs(7, 0, 1, 2, 2).CPUs())
	require.Error(t, CPUs().validate("CPUSet"))
	require.Error(t, CPUs(-1).validate("CPUSet"))
}

func TestParseRateAndCount(t *testing.T) {
	for text, want := range map[string]uint64{"10485760": 10 << 20, "10MiB": 10 << 20, "10MiB/s": 10 << 20, "10MB/s": 10_000_000, "5kB": 5000, "2GiB": 2 << 30, "1/s": 1} {
		r, err := ParseRate(text)
		require.NoError(t, err, text)
		n, ok := r.PerSecond()
		require.True(t, ok)
		require.Equal(t, want, n, text)
	}
	for _, text := range []string{"", "0", "10M", "10K", "-1", "1.5MiB", "MiB", "10 MiB", "99999999999GiB"} {
		_, err := ParseRate(text)
		require.Error(t, err, text)
	}
	for _, text := range []string{"", "0", "-1", "4194305", "1.5", "1k"} {
		_, err := ParseCount(text)
		require.Error(t, err, text)
	}
}

// A wrong value is refused with its field, its value, and the right form; all of
// them at once.
func TestValidate(t *testing.T) {
	for _, row := range []struct {
		l      Limits
		field  string
		saying string
	}{
		{Limits{MemoryMax: Bytes(0)}, "MemoryMax", "0 is not unlimited"},
		{Limits{MemoryMax: MemoryPercent(0)}, "MemoryMax", "0 is not unlimited"},
		{Limits{MemoryHigh: Bytes(512)}, "MemoryHigh", "UnlimitedMemory"},
		{Limits{MemoryMax: Bytes(math.MaxUint64)}, "MemoryMax", "MiB(512)"},
		{Limits{MemoryMax: GiB(1 << 60)}, "MemoryMax", "no amount"},
		{Limits{MemoryMax: MemoryPercent(math.NaN())}, "MemoryMax", "no amount"},
		{Limits{MemoryMax: MemoryPercent(101)}, "MemoryMax", "no amount"},
		{Limits{MemoryHigh: MiB(9), MemoryMax: MiB(8)}, "MemoryHigh", "above MemoryMax=8M"},
		{Limits{MemoryLow: MiB(9), MemoryMax: MiB(8)}, "MemoryLow", "above MemoryMax=8M"},
		{Limits{MemoryMin: MiB(9), MemoryHigh: MiB(8)}, "MemoryMin", "above MemoryHigh=8M"},
		{Limits{CPUMax: Cores(0)}, "CPUMax", "half a CPU"},
		{Limits{CPUMax: Cores(-1)}, "CPUMax", "no bandwidth"},
		{Limits{CPUMax: Cores(math.NaN())}, "CPUMax", "no bandwidth"},
		{Limits{CPUMax: Cores(math.Inf(1))}, "CPUMax", "no bandwidth"},
		{Limits{CPUMax: Percent(0.5)}, "CPUMax", "longer period"},
		{Limits{CPUMax: Percent(50).WithPeriod(2 * time.Second)}, "CPUMax", "1ms to 1s"},
		{Limits{CPUMax: Percent(50).WithPeriod(1500 * time.Nanosecond)}, "CPUMax", "1ms to 1s"},
		{Limits{CPUMax: Percent(50).WithBurst(time.Second)}, "CPUMax", "at most the quota"},
		{Limits{CPUMax: CPU{}.WithPeriod(time.Second)}, "CPUMax", "no bandwidth"},
		{Limits{CPUWeight: 10001}, "CPUWeight", "1 to 10000"},
		{Limits{IOWeight: Idle}, "IOWeight", "no such class"},
		{Limits{CPUSet: CPUs(9000)}, "CPUSet", "0 to 8191"},
		{Limits{TasksMax: Tasks(0)}, "TasksMax", "0 is not unlimited"},
		{Limits{IOMax: []IOLimit{{Device: "sda", ReadBytes: PerSecond(1)}}}, "IOMax[0].Device", "/dev/vdb"},
		{Limits{IOLatency: []IODeviceLatency{{"8:0", 0}}}, "IOLatency[0].Target", "20ms"},
		{Limits{IOWeights: []IODeviceWeight{{"8:0", 0}}}, "IOWeights[0].Weight", "1 to 10000"},
		{Limits{IOMax: []IOLimit{{Device: "/dev/../etc/passwd", ReadBytes: PerSecond(1)}}}, "IOMax[0].Device", "/dev/vdb"},
		{Limits{IOMax: []IOLimit{{Device: "8:0"}}}, "IOMax[0]", "limits nothing"},
		{Limits{IOMax: []IOLimit{{Device: "8:0", WriteBytes: PerSecond(0)}}}, "IOMax[0].WriteBytes", "0 is not unlimited"},
		{Limits{IOMax: []IOLimit{{Device: "8:0", WriteOps: PerSecond(1)}, {Device: "8:0", ReadOps: PerSecond(1)}}}, "IOMax[1].Device", "twice"},
		{Limits{HugePages: []HugePageLimit{{Size: MiB(3), Max: GiB(1)}}}, "HugePages[0].Size", "power of two"},
		{Limits{HugePages: []HugePageLimit{{Size: MiB(2)}}}, "HugePages[0].Max", "GiB(1)"},
		{Limits{Misc: []MiscLimit{{Resource: "a b", Max: Tasks(1)}}}, "Misc[0].Resource", "misc.capacity"},
	} {
		err := row.l.Validate()
		var field *FieldError
		require.ErrorAs(t, err, &field, "%+v", row.l)
		require.Equal(t, row.field, field.Field)
		require.ErrorContains(t, err, row.saying)
	}
	err := Limits{MemoryMax: Bytes(0), CPUMax: Cores(-1), TasksMax: Tasks(0)}.Validate()
	for _, field := range []string{"MemoryMax", "CPUMax", "TasksMax"} {
		require.ErrorContains(t, err, field)
	}
	require.NoError(t, Limits{}.Validate())
}

func TestTextForms(t *testing.T) {
	type config struct {
		Memory Memory
		CPU    CPU
		Weight Weight
		Tasks  Count
		Set    CPUSet
		Rate   Rate
	}
	c := config{MiB(512), Percent(50).WithBurst(time.Millisecond), 77, Tasks(5), CPUs(0, 1), PerSecond(1000)}
	b, err := json.Marshal(c)
	require.NoError(t, err)
	require.JSONEq(t, `{"Memory":"512M","CPU":"50% burst 1ms","Weight":"77","Tasks":"5","Set":"0-1","Rate":"1000"}`, string(b))
	var back config
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, c, back)
	require.NoError(t, json.Unmarshal([]byte(`{"Memory":""}`), &back))
	require.Equal(t, Memory{}, back.Memory)
	require.Error(t, json.Unmarshal([]byte(`{"CPU":"75"}`), &back))
	_, err = json.Marshal(config{Memory: MemoryPercent(math.NaN())})
	require.Error(t, err)
}

func collect[V any](seq func(func(string, V) bool)) (list []string, values []V) {
	for k, v := range seq {
		list, values = append(list, k), append(values, v)
	}
	return list, values
}

func TestDirectives(t *testing.T) {
	l := Limits{
		MemoryMax: MiB(512), MemoryHigh: MemoryPercent(12.34), MemoryLow: Bytes(1000), MemoryMin: Bytes(0), MemorySwapMax: UnlimitedMemory,
		CPUMax: Cores(1.0 / 3).WithPeriod(10 * time.Millisecond).WithBurst(time.Millisecond), CPUWeight: Idle, CPUSet: CPUs(0, 1, 9), MemoryNodes: AllCPUs,
		TasksMax: UnlimitedTasks, IOWeight: 50, IOWeights: []IODeviceWeight{{"/var/lib/app", 70}}, IOLatency: []IODeviceLatency{{"8:0", 20 * time.Millisecond}}, IOMax: []IOLimit{{Device: "8:0", ReadBytes: PerSecond(5), WriteOps: UnlimitedRate}, {Device: "/dev/vdb", ReadBytes: PerSecond(6)}},
		HugePages: []HugePageLimit{{MiB(2), GiB(1)}}, Misc: []MiscLimit{{"sev", Tasks(3)}},
	}
	require.NoError(t, l.Validate())
	lines := func(systemd int) (list []string) {
		for name, value := range l.Directives(systemd) {
			list = append(list, name+"="+value)
		}
		return list
	}
	require.Equal(t, []string{
		"MemoryMin=0", "MemoryLow=1000", "MemoryHigh=12.34%", "MemoryMax=512M", "MemorySwapMax=infinity", "CPUWeight=idle", "CPUQuota=33.33%", "CPUQuotaPeriodSec=10000us",
		"AllowedCPUs=0-1,9", "AllowedMemoryNodes=", "TasksMax=infinity", "IOWeight=50", "IODeviceWeight=/var/lib/app 70", "IODeviceLatencyTargetSec=/dev/block/8:0 20000us", "IOReadBandwidthMax=/dev/block/8:0 5", "IOWriteIOPSMax=/dev/block/8:0 infinity", "IOReadBandwidthMax=/dev/vdb 6",
	}, lines(257))
	require.Equal(t, []string{
		"CPUMax=33.333333%: systemd 257 rounds it to 33.33%", "CPUMax burst 1ms: systemd has no directive for it; write it to a delegated cgroup with Set",
		"HugePages 2M=1G: systemd has no directive for it", "Misc sev=3: systemd has no directive for it",
	}, l.Undirected(257))
	require.NotContains(t, lines(247), "CPUWeight=idle")
	require.NotContains(t, lines(247), "MemoryHigh=12.34%")
	require.Contains(t, lines(247), "CPUQuota=33.3%")
	require.Len(t, l.Undirected(247), 6)

	names, values := collect(l.Properties(257))
	require.Equal(t, []string{
		"MemoryMin", "MemoryLow", "MemoryHighScale", "MemoryMax", "MemorySwapMax", "CPUWeight", "CPUQuotaPerSecUSec", "CPUQuotaPeriodUSec", "AllowedCPUs", "AllowedMemoryNodes",
		"TasksMax", "IOWeight", "IODeviceWeight", "IODeviceLatencyTargetUSec", "IOReadBandwidthMax", "IOWriteIOPSMax",
	}, names)
	require.Equal(t, []any{
		uint64(0), uint64(1000), uint32(529998965), uint64(512 << 20), uint64(math.MaxUint64), uint64(0), uint64(333300), uint64(10000), []byte{3, 2}, []byte{},
		uint64(math.MaxUint64), uint64(50), []DeviceRate{{"/var/lib/app", 70}}, []DeviceRate{{"/dev/block/8:0", 20000}}, []DeviceRate{{"/dev/block/8:0", 5}, {"/dev/vdb", 6}}, []DeviceRate{{"/dev/block/8:0", math.MaxUint64}},
	}, values)
	for name := range l.Directives(257) { // a caller that stops early
		require.Equal(t, "MemoryMin", name)
		break
	}
	names, _ = collect(Limits{}.Directives(257))
	require.Empty(t, names)
	names, values2 := collect(Limits{CPUMax: UnlimitedCPU}.Directives(257))
	require.Equal(t, []string{"CPUQuota"}, names)
	require.Equal(t, []string{""}, values2)
}

func TestGoEnv(t *testing.T) {
	for _, row := range []struct {
		l        Limits
		headroom float64
		want     []string
	}{
		{Limits{}, 0.1, nil},
		{Limits{MemoryMax: MiB(500)}, 0.1, []string{"GOMEMLIMIT=471859200"}},
		{Limits{MemoryMax: MiB(500), MemoryHigh: MiB(400)}, 0, []string{"GOMEMLIMIT=419430400"}},
		{Limits{MemoryMax: UnlimitedMemory, CPUMax: UnlimitedCPU}, 0.1, nil},
		{Limits{CPUMax: Percent(50)}, 0.1, []string{"GOMAXPROCS=2"}},
		{Limits{CPUMax: Percent(250), MemoryMax: MiB(100)}, 0.5, []string{"GOMAXPROCS=3", "GOMEMLIMIT=52428800"}},
	} {
		got, err := row.l.GoEnv(row.headroom)
		require.NoError(t, err)
		require.Equal(t, row.want, got)
	}
	for _, headroom := range []float64{-0.1, 1, math.NaN()} {
		_, err := Limits{}.GoEnv(headroom)
		require.Error(t, err)
	}
	_, err := Limits{MemoryMax: MemoryPercent(50)}.GoEnv(0.1)
	require.ErrorContains(t, err, "Limits.Of")
	got, err := Limits{MemoryMax: MemoryPercent(50)}.Of(1 << 30).GoEnv(0)
	require.NoError(t, err)
	require.Equal(t, []string{"GOMEMLIMIT=536870912"}, got)
	var field *FieldError
	_, err = Limits{MemoryMax: Bytes(0)}.GoEnv(0.1)
	require.True(t, errors.As(err, &field))
}

func TestCheckGo(t *testing.T) {
	e := EffectiveLimits{
		MemoryMax: Bound[Memory]{MiB(100), "/a"}, MemoryHigh: Bound[Memory]{UnlimitedMemory, ""}, CPUMax: Bound[CPU]{Percent(50), "/a"},
		CPUSet: Bound[CPUSet]{CPUs(0, 1, 2, 3), ""}, Machine: Machine{Memory: 1 << 30, CPUs: 4}, leaf: UnlimitedCPU,
	}
	require.Equal(t, GoView{Procs: 4, Fitting: 2, Memory: e.MemoryMax}, e.Go())
	says := func(words string, environ ...string) {
		t.Helper()
		found := e.CheckGo(environ)
		require.Len(t, found, 1, "%q", found)
		require.Contains(t, found[0], words)
	}
	good := []string{"GOMAXPROCS=2", "GOMEMLIMIT=90MiB"}
	require.Empty(t, e.CheckGo(good))
	says("GOMAXPROCS is not set and will be 4", "GOMEMLIMIT=90MiB")
	says("GOMAXPROCS=4 is above the 2", "GOMEMLIMIT=90MiB", "GOMAXPROCS=4")
	says("GOMEMLIMIT is not set", "GOMAXPROCS=2")
	says("GOMEMLIMIT is not set", "GOMAXPROCS=2", "GOMEMLIMIT=off")
	says("is above memory.max=100M", "GOMAXPROCS=2", "GOMEMLIMIT=101MiB")
	says("less than 2%", "GOMAXPROCS=2", "GOMEMLIMIT=99MiB")
	says("is no size", "GOMAXPROCS=2", "GOMEMLIMIT=90MB")
	e.MemoryHigh = Bound[Memory]{MiB(50), "/a/b"}
	says("is above memory.high=50M of /a/b", good...)
	env, err := e.GoEnv(0.1)
	require.NoError(t, err)
	require.Equal(t, []string{"GOMAXPROCS=2", "GOMEMLIMIT=47185920"}, env)
	require.Empty(t, e.CheckGo(env))
}
