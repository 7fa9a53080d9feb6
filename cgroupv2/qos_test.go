package cgroupv2

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGrading(t *testing.T) {
	m := Machine{Memory: 8 << 30, CPUs: 4}
	list, err := Grading{Machine: m, Critical: GiB(4), CriticalMin: GiB(1), BatchCPU: Cores(2)}.Slices(257)
	require.NoError(t, err)
	require.Equal(t, []Slice{
		{"critical.slice", "Critical services: promised memory, first in line", Limits{MemoryLow: GiB(4), MemoryMin: GiB(1), CPUWeight: 1000, IOWeight: 1000}},
		{"standard.slice", "Standard services", Limits{CPUWeight: 100, IOWeight: 100}},
		{"batch.slice", "Batch services: a hard limit, and what nobody else wants", Limits{
			MemoryMax: MiB(819), MemoryHigh: Bytes(772902912), MemorySwapMax: Bytes(0), CPUMax: Cores(2), CPUWeight: Idle, IOWeight: 10,
		}},
	}, list)
	list, err = Grading{Machine: m, Critical: MemoryPercent(50), Under: "app"}.Slices(247)
	require.NoError(t, err)
	require.Equal(t, Slice{"app.slice", "Services by class", Limits{MemoryLow: GiB(4)}}, list[0])
	require.Equal(t, "app-critical.slice", list[1].Name)
	require.Equal(t, Weight(10), list[3].Limits.CPUWeight, "247 has no idle class")
	for _, s := range list {
		require.Empty(t, s.Limits.Undirected(247))
	}

	for field, g := range map[string]Grading{
		"Grading.Machine":     {Critical: GiB(1)},
		"Grading.Critical":    {Machine: m, Critical: GiB(8)},
		"Grading.CriticalMin": {Machine: m, Critical: GiB(1), CriticalMin: GiB(2)},
		"Grading.Batch":       {Machine: m, Critical: GiB(4), CriticalMin: GiB(4), Batch: GiB(4)},
		"Grading.Reserve":     {Machine: m, Reserve: UnlimitedMemory},
		"Grading.Under":       {Machine: m, Under: "a b"},
	} {
		_, err := g.Slices(257)
		var bad *FieldError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, field, bad.Field)
	}

	critical := list[1]
	fits := []Member{{"db", Limits{MemoryLow: GiB(3)}}, {"web", Limits{MemoryLow: GiB(1)}}}
	require.NoError(t, critical.Fits(m, fits...))
	err = critical.Fits(m, append(fits, Member{"more", Limits{MemoryLow: MemoryPercent(10)}})...)
	require.ErrorContains(t, err, "MemoryLow=4G: the services in app-critical.slice claim")
}
