package cgroupv2

import (
	"fmt"
	"strconv"
	"strings"
)

// GoView is what the Go runtime makes of the limits, against what is true.
type GoView struct {
	// Procs is what GOMAXPROCS is where nobody sets it (Go 1.25 and later): the
	// CPUs to run on, bounded by the bandwidth of the cgroup itself. The runtime
	// does not look at those above.
	Procs int
	// Fitting is what it ought to be, by the same rule for the bandwidth that
	// really holds.
	Fitting int
	// Memory is the limit that GOMEMLIMIT has to stay below: the tighter of
	// memory.max and memory.high, unlimited if there is neither. The runtime reads
	// neither.
	Memory Bound[Memory]
}

// Go says what a Go program in the cgroup makes of its limits.
func (e EffectiveLimits) Go() GoView {
	cpus := e.Machine.CPUs
	if set := e.CPUSet.Value.CPUs(); len(set) > 0 {
		cpus = len(set)
	}
	v := GoView{Procs: max(cpus, 1), Fitting: max(cpus, 1), Memory: e.MemoryMax}
	if c, ok := e.leaf.Cores(); ok {
		v.Procs = min(v.Procs, goProcs(c))
	}
	if c, ok := e.CPUMax.Value.Cores(); ok {
		v.Fitting = min(v.Fitting, goProcs(c))
	}
	if memoryBelow(e.MemoryHigh.Value, e.MemoryMax.Value) {
		v.Memory = e.MemoryHigh
	}
	return v
}

// GoEnv is Limits.GoEnv for what really holds.
func (e EffectiveLimits) GoEnv(headroom float64) ([]string, error) {
	return Limits{MemoryMax: e.MemoryMax.Value, MemoryHigh: lower(e.MemoryHigh.Value, e.MemoryMax.Value), CPUMax: e.CPUMax.Value}.GoEnv(headroom)
}

// lower leaves out a bound that lies above the other: ancestors' may, and it does
// not act then.
func lower(high, limit Memory) Memory {
	if memoryBelow(limit, high) {
		return Memory{}
	}
	return high
}

// CheckGo says what is wrong with a Go program's environment (as os.Environ and
// /proc/PID/environ have it) under the limits that hold, a line for each: nothing
// means that it fits.
func (e EffectiveLimits) CheckGo(environ []string) (findings []string) {
	say := func(format string, args ...any) { findings = append(findings, fmt.Sprintf(format, args...)) }
	view := e.Go()
	value := func(name string) (v string) {
		for _, entry := range environ { // the last one counts
			if rest, ok := strings.CutPrefix(entry, name+"="); ok {
				v = rest
			}
		}
		return v
	}

	procs := value("GOMAXPROCS")
	n, err := strconv.Atoi(procs)
	switch {
	case (procs == "" || err != nil || n <= 0) && view.Procs > view.Fitting:
		say("GOMAXPROCS is not set and will be %d: the runtime looks at the cgroup itself, not at the %s of %s; set GOMAXPROCS=%d", view.Procs, e.CPUMax.Value, e.CPUMax.By, view.Fitting)
	case err == nil && n > view.Fitting:
		say("GOMAXPROCS=%d is above the %d that %s of CPU bandwidth and %d CPUs carry; set GOMAXPROCS=%d", n, view.Fitting, e.CPUMax.Value, len(e.CPUSet.Value.CPUs()), view.Fitting)
	}

	limit, bounded := view.Memory.Value.Bytes()
	file := "memory.max"
	if view.Memory == e.MemoryHigh && view.Memory != e.MemoryMax {
		file = "memory.high"
	}
	text := value("GOMEMLIMIT")
	goal, ok := goBytes(text)
	switch {
	case text != "" && !ok:
		say("GOMEMLIMIT=%s is no size, and the program won't start; write 450MiB, or a number of bytes", text)
	case !bounded:
	case text == "" || goal == noGoLimit:
		say("GOMEMLIMIT is not set, and the runtime reads no limit by itself: the heap grows until %s=%s of %s stops it; set GOMEMLIMIT to a tenth less", file, view.Memory.Value, view.Memory.By)
	case goal > limit:
		say("GOMEMLIMIT=%s is above %s=%s of %s, so it never acts; set it to a tenth less than that", text, file, view.Memory.Value, view.Memory.By)
	case goal > limit-limit/50:
		say("GOMEMLIMIT=%s leaves less than 2%% of %s=%s for what the runtime does not count; set it to a tenth less than that", text, file, view.Memory.Value)
	}
	if bounded && value("GOGC") == "off" && (text == "" || goal > limit) {
		say("GOGC=off without a GOMEMLIMIT below %s: nothing is ever collected before the limit kills", view.Memory.Value)
	}
	return findings
}

const noGoLimit = 1<<63 - 1

// goBytes reads GOMEMLIMIT as the runtime does: "off", or an integer with B, KiB,
// MiB, GiB, TiB.
func goBytes(s string) (uint64, bool) {
	if s == "" || s == "off" {
		return noGoLimit, true
	}
	shift := 0
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if rest, ok := strings.CutSuffix(s, unit); ok {
			s, shift = rest, 10*(i+1)
		}
	}
	if shift == 0 {
		s = strings.TrimSuffix(s, "B")
	}
	n, ok := number([]byte(s))
	if !ok || n > noGoLimit>>shift {
		return 0, false
	}
	return n << shift, true
}
