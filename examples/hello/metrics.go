package main

import (
	"bufio"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
)

// metrics writes every number that the Go runtime keeps, and how the heap
// stands against the memory limit that the unit gave us (GOMEMLIMIT), in the
// Prometheus text format.
func (s *service) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	out := bufio.NewWriter(w)
	all := metrics.All()
	samples := make([]metrics.Sample, len(all))
	for i, d := range all {
		samples[i].Name = d.Name
	}
	metrics.Read(samples)
	values := make(map[string]float64, len(samples))
	for i, m := range samples {
		v, ok := number(m.Value)
		if !ok { // histograms: a monitoring agent would export them; a sample does not
			continue
		}
		values[m.Name] = v
		kind := "gauge"
		if all[i].Cumulative {
			kind = "counter"
		}
		write(out, kind, promName(m.Name), v)
	}
	heap := values["/memory/classes/heap/objects:bytes"]
	limit := float64(debug.SetMemoryLimit(-1))
	write(out, "gauge", "hello_heap_bytes", heap)
	if limit < math.MaxInt64 {
		write(out, "gauge", "hello_memory_limit_bytes", limit)
		write(out, "gauge", "hello_heap_ratio", heap/limit)
	}
	write(out, "gauge", "hello_gomaxprocs", float64(runtime.GOMAXPROCS(0)))
	write(out, "counter", "hello_requests_total", float64(s.requests.Load()))
	if err := out.Flush(); err != nil {
		s.log.Warn("metrics cut off", "error", err)
	}
}

func number(v metrics.Value) (float64, bool) {
	switch v.Kind() {
	case metrics.KindUint64:
		return float64(v.Uint64()), true
	case metrics.KindFloat64:
		return v.Float64(), true
	default:
		return 0, false
	}
}

// promName makes "/gc/heap/allocs:bytes" into "go_gc_heap_allocs_bytes".
func promName(name string) string {
	return "go" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
}

func write(w *bufio.Writer, kind, name string, value float64) {
	// The writer keeps its first error for Flush.
	_, _ = fmt.Fprintf(w, "# TYPE %s %s\n%s %g\n", name, kind, name, value)
}
