package cgroupv2

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestForService(t *testing.T) {
	require.Equal(t, Limits{MemoryMax: MiB(100), MemoryHigh: MiB(90), MemorySwapMax: Bytes(0)}, Limits{MemoryMax: MiB(100)}.ForService())
	require.Equal(t, Limits{MemoryMax: MemoryPercent(50), MemoryHigh: MemoryPercent(45), MemorySwapMax: Bytes(0)}, Limits{MemoryMax: MemoryPercent(50)}.ForService())
	own := Limits{MemoryMax: MiB(100), MemoryHigh: MiB(50), MemorySwapMax: MiB(1)}
	require.Equal(t, own, own.ForService())
	require.Equal(t, Limits{CPUWeight: 5}, Limits{CPUWeight: 5}.ForService())
}

func TestWarnings(t *testing.T) {
	m := Machine{Memory: 4 << 30, CPUs: 2}
	require.Empty(t, Limits{MemoryMax: GiB(1), CPUMax: Cores(2), CPUSet: CPUs(0, 1)}.ForService().Warnings(m))
	w := Limits{MemoryMax: GiB(8), CPUMax: Cores(5), CPUSet: CPUs(1, 2)}.Warnings(m)
	require.Len(t, w, 4)
	require.Contains(t, w[0], "CPUMax=500% is more than the machine's 2 CPUs")
	require.Contains(t, w[1], "MemoryMax=8G is more than the machine's memory, 4G")
	require.Contains(t, w[2], "swap")
	require.Contains(t, w[3], "CPU 2")
}

func TestRecommend(t *testing.T) {
	memory := func(current, peak, kills uint64) Stats {
		return Stats{Memory: &MemoryStats{Current: current << 20, Peak: known(peak << 20), Events: MemoryEvents{OOMKills: kills}}}
	}
	for name, row := range map[string]struct {
		o    Observation
		want map[string]string
	}{
		"nothing was measured":  {Observation{Limits: Limits{MemoryMax: MiB(100)}, Over: time.Hour}, nil},
		"fits":                  {Observation{Limits: Limits{MemoryMax: MiB(100), MemoryHigh: MiB(90)}, After: memory(50, 75, 0), Over: time.Hour}, nil},
		"tight and well":        {Observation{Limits: Limits{MemoryMax: MiB(100), MemoryHigh: MiB(90)}, After: memory(50, 89, 0), Over: time.Hour}, nil},
		"killed":                {Observation{Limits: Limits{MemoryMax: MiB(100)}, Before: memory(0, 10, 1), After: memory(50, 100, 3), Over: time.Hour}, map[string]string{"MemoryMax": "150M", "MemoryHigh": "135M"}},
		"much too large":        {Observation{Limits: Limits{MemoryMax: GiB(1)}, After: memory(50, 80, 0), Over: time.Hour}, map[string]string{"MemoryMax": "100M", "MemoryHigh": "90M"}},
		"never limited":         {Observation{After: memory(50, 80, 0), Over: time.Hour}, map[string]string{"MemoryMax": "100M", "MemoryHigh": "90M"}},
		"next to nothing":       {Observation{Limits: Limits{MemoryMax: GiB(1)}, After: memory(1, 2, 0), Over: time.Hour}, map[string]string{"MemoryMax": "16M", "MemoryHigh": "14M"}},
		"small and well":        {Observation{Limits: Limits{MemoryMax: MiB(14)}, After: memory(1, 2, 0), Over: time.Hour}, nil},
		"old kills don't count": {Observation{Limits: Limits{MemoryMax: MiB(100)}, Before: memory(0, 10, 3), After: memory(50, 75, 3), Over: time.Hour}, nil},
		"held back": {
			Observation{Limits: Limits{CPUMax: Percent(50)}, Over: time.Minute, After: Stats{CPU: &CPUStats{Usage: 24 * time.Second, Periods: known(600), Throttled: known(300)}}},
			map[string]string{"CPUMax": "80%"},
		},
		"never held back": {
			Observation{Limits: Limits{CPUMax: Cores(2)}, Over: time.Minute, After: Stats{CPU: &CPUStats{Usage: 12 * time.Second, Periods: known(600), Throttled: known(0)}}},
			map[string]string{"CPUMax": "40%"},
		},
		"refused forks": {Observation{Limits: Limits{TasksMax: Tasks(10)}, After: Stats{Tasks: &TaskStats{Refused: 3}}}, map[string]string{"TasksMax": "20"}},
		"no bound":      {Observation{After: Stats{Tasks: &TaskStats{Peak: known(50)}}}, map[string]string{"TasksMax": "100"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, advice := row.o.Recommend()
			require.NoError(t, l.Validate())
			got := map[string]string{}
			for _, a := range advice {
				got[a.Field] = a.To
				require.NotEmpty(t, a.Reason)
				require.Contains(t, a.String(), " → "+a.To+": ")
			}
			if row.want == nil {
				require.Empty(t, got)
				require.Equal(t, row.o.Limits, l)
				return
			}
			require.Equal(t, row.want, got)
		})
	}
	stalled := memory(99, 100, 0)
	stalled.Pressure.Memory.Some.Total = 10 * time.Minute
	_, advice := Observation{Limits: Limits{MemoryMax: MiB(100)}, After: stalled, Over: time.Hour}.Recommend()
	require.Equal(t, "125M", advice[0].To)
	require.Contains(t, advice[0].Reason, "17% of the time")
}
