package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

func TestArguments(t *testing.T) {
	for want, args := range map[string][]string{
		"no -unit":                      {},
		"only services are tuned":       {"-unit", "app.socket"},
		"give one of them":              {"-unit", "app", "-write", "-undo"},
		"-for=10ms; a second":           {"-unit", "app", "-for", "10ms"},
		"-clients=0; give 1 to 1000":    {"-unit", "app", "-clients", "0"},
		`unexpected argument "now"`:     {"-unit", "app", "now"},
		"flag provided but not defined": {"-unit", "app", "-later"},
	} {
		code, err := run(t.Context(), args, io.Discard, io.Discard)
		require.ErrorContains(t, err, want)
		require.Equal(t, exitTrouble, code)
	}
	o, err := parse([]string{"-unit", "app"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "app.service", o.unit)
}

// What was tuned before stays, unless it is advised anew; foreign directives, too.
func TestMerge(t *testing.T) {
	d := func(name, value string) unit.Directive {
		return unit.Directive{Section: "Service", Name: name, Value: value}
	}
	require.Equal(t,
		[]unit.Directive{d("TasksMax", "64"), d("Nice", "1"), d("MemoryMax", "20971520")},
		merge([]unit.Directive{d("MemoryMax", "1"), d("TasksMax", "64"), d("Nice", "1")}, []unit.Directive{d("MemoryMax", "20971520")}))
}

// Only what is advised is written, with what a Go program has to be told.
func TestDirectives(t *testing.T) {
	s := sight{
		limits: cgroupv2.Limits{TasksMax: cgroupv2.Tasks(64)}, wanted: cgroupv2.Limits{MemoryMax: cgroupv2.MiB(20), MemoryHigh: cgroupv2.MiB(18), TasksMax: cgroupv2.Tasks(64)},
		Advice: []cgroupv2.Advice{{Field: "MemoryMax", To: "20M"}, {Field: "MemoryHigh", To: "18M"}}, goEnv: []string{"GOMEMLIMIT=18MiB"},
	}
	require.Equal(t, []unit.Directive{
		{Section: "Service", Name: "MemoryHigh", Value: "18M"}, {Section: "Service", Name: "MemoryMax", Value: "20M"},
		{Section: "Service", Name: "Environment", Value: "GOMEMLIMIT=18MiB"},
	}, s.directives(257))
}

func TestAsk(t *testing.T) {
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%3 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	a, err := ask(ctx, server.URL, 3)
	require.NoError(t, err)
	require.Positive(t, a.Good)
	require.Positive(t, a.Failed)
	require.Contains(t, a.Last, "503")
	require.LessOrEqual(t, a.Median, a.P99)
	require.LessOrEqual(t, a.P99, a.Worst)

	server.Close()
	_, err = ask(t.Context(), server.URL, 1)
	require.ErrorContains(t, err, "-url="+server.URL)
}

func TestPrint(t *testing.T) {
	var out bytes.Buffer
	s := sight{
		Unit: "app.service", Over: time.Minute, limits: cgroupv2.Limits{MemoryMax: cgroupv2.MiB(512)},
		Before: cgroupv2.Stats{CPU: &cgroupv2.CPUStats{Usage: 10 * time.Second}},
		After:  cgroupv2.Stats{CPU: &cgroupv2.CPUStats{Usage: 25 * time.Second}, Memory: &cgroupv2.MemoryStats{Current: 12 << 20}, Tasks: &cgroupv2.TaskStats{Current: 9}},
		Advice: []cgroupv2.Advice{{Field: "MemoryMax", From: "512M", To: "20M", Reason: "more than half was never used"}}, Go: []string{"GOMEMLIMIT is not set"},
	}
	require.NoError(t, printer{stdout: &out}.sight(s, nil))
	require.Contains(t, out.String(), "25.0% of one in the mean")
	require.Contains(t, out.String(), "12.0 MiB now, no peak in this kernel")
	require.Contains(t, out.String(), "MemoryMax: 512M → 20M: more than half was never used\nGo, from the next start on: GOMEMLIMIT is not set\n")
	require.NotContains(t, out.String(), "the limits fit")
	out.Reset()
	require.NoError(t, printer{&out, true}.sight(s, nil))
	require.Contains(t, out.String(), `"over_ns": 60000000000`)
	require.Contains(t, out.String(), `"changes": []`)
}
