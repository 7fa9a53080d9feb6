package cgroupv2

import (
	"fmt"
	"math"
	"time"
)

// ForService fills in what a service should have beside a MemoryMax and that
// nobody says: MemoryHigh a tenth below it, so that reclaiming comes before
// killing, and no swap, which MemoryMax does not count. What is set stays.
func (l Limits) ForService() Limits {
	if l.MemoryMax.state == limited || l.MemoryMax.state == relative {
		if !l.MemoryHigh.IsSet() {
			l.MemoryHigh = l.MemoryMax
			l.MemoryHigh.n -= l.MemoryHigh.n / 10
			if l.MemoryHigh.state == limited {
				l.MemoryHigh.n &^= 1<<12 - 1 // whole pages
			}
		}
		if !l.MemorySwapMax.IsSet() {
			l.MemorySwapMax = Bytes(0)
		}
	}
	return l
}

// Warnings lists what is valid and does nothing, or not what was meant, on a
// machine: a quota of more CPUs than there are, more memory than there is, a
// MemoryMax with swap left open.
func (l Limits) Warnings(m Machine) (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if c, ok := l.CPUMax.Cores(); ok && c > float64(m.CPUs) {
		say("CPUMax=%s is more than the machine's %d CPUs and never acts; Percent(50) is half of one", l.CPUMax, m.CPUs)
	}
	for _, limit := range l.Of(m.Memory).memory() {
		if n, ok := limit.value.Bytes(); ok && n > m.Memory {
			say("%s=%s is more than the machine's memory, %s, and never acts", limit.name, limit.value, Bytes(m.Memory&^(1<<20-1)))
		}
	}
	if l.MemoryMax.state == limited && !l.MemorySwapMax.IsSet() {
		say("MemoryMax=%s does not count swap, which stays unlimited; say MemorySwapMax, Bytes(0) for none", l.MemoryMax)
	}
	for _, n := range l.CPUSet.CPUs() {
		if n >= m.CPUs {
			say("CPUSet=%s names CPU %d, and the machine has %d", l.CPUSet, n, m.CPUs)
			break
		}
	}
	return list
}

// ThisMachine is what the machine has: the memory of /proc/meminfo, and the CPUs
// that are online.
func ThisMachine() (Machine, error) {
	memory, err := machineMemory()
	if err != nil {
		return Machine{}, fmt.Errorf("cgroupv2: %w", err)
	}
	cpus, err := machineCPUs()
	if err != nil {
		return Machine{}, fmt.Errorf("cgroupv2: %w", err)
	}
	return Machine{Memory: memory, CPUs: cpus}, nil
}

// Observation is a group over a time that is typical of it: a day, a load test.
type Observation struct {
	Limits        Limits // that it had, as Get reads them
	Before, After Stats
	Over          time.Duration
}

// Advice is one limit that should be another, and why.
type Advice struct {
	Field  string // of Limits
	From   string // "" where there was none
	To     string
	Reason string
}

// String is the advice on one line.
func (a Advice) String() string {
	from := a.From
	if from == "" {
		from = "unset"
	}
	return a.Field + ": " + from + " → " + a.To + ": " + a.Reason
}

// Thresholds of advice: above them a limit is felt, below them it is loose.
const (
	feltThrottling = 0.05     // of the periods
	feltPressure   = 0.10     // of the time
	memoryMargin   = 1.25     // over the peak
	leastMemory    = 16 << 20 // a program's start may take more than what was seen of it later
	loose          = 2.0      // a limit of more than so many times what is advised
)

// Recommend gives the limits that the observation speaks for, with a reason for
// each that differs. A limit is raised where it was felt (a kill, pressure,
// throttling, refused forks), and lowered where more than half of it was never
// used; between the two it is left alone, and so is what was not measured.
func (o Observation) Recommend() (Limits, []Advice) {
	l := o.Limits
	var list []Advice
	advise := func(field, from, to, format string, args ...any) {
		if from != to {
			list = append(list, Advice{field, from, to, fmt.Sprintf(format, args...)})
		}
	}
	if memory, high, reason := o.memory(); reason != "" {
		advise("MemoryMax", l.MemoryMax.String(), memory.String(), "%s", reason)
		advise("MemoryHigh", l.MemoryHigh.String(), high.String(), "a tenth below MemoryMax, so that reclaiming comes before killing")
		l.MemoryMax, l.MemoryHigh = memory, high
		if n, ok := l.MemoryLow.Bytes(); ok && memoryBelow(high, Bytes(n)) {
			l.MemoryLow = high
		}
		if n, ok := l.MemoryMin.Bytes(); ok && memoryBelow(high, Bytes(n)) {
			l.MemoryMin = high
		}
	}
	if cpu, reason := o.cpu(); reason != "" {
		advise("CPUMax", l.CPUMax.String(), cpu.String(), "%s", reason)
		l.CPUMax = cpu
	}
	if tasks, reason := o.tasks(); reason != "" {
		advise("TasksMax", l.TasksMax.String(), tasks.String(), "%s", reason)
		l.TasksMax = tasks
	}
	return l, list
}

func (o Observation) memory() (limit, high Memory, reason string) {
	before, after := o.Before.Memory, o.After.Memory
	if after == nil {
		return Memory{}, Memory{}, ""
	}
	if before == nil {
		before = &MemoryStats{}
	}
	peak, known := after.Peak.Value()
	what := "a peak"
	if !known {
		peak, what = max(before.Current, after.Current), "a use (this kernel keeps no peak)"
	}
	// Where a limit was felt, the peak is the limit and says nothing of the need.
	need, margin := float64(peak)*memoryMargin, "a quarter"
	if need < leastMemory {
		need, margin = leastMemory, "what a start needs"
	}
	now, bounded := o.Limits.MemoryMax.Bytes()
	if n, ok := o.Limits.MemoryHigh.Bytes(); ok && (!bounded || n < now) {
		now, bounded = n, true
	}
	stalled := share(o.After.Pressure.Memory.Some.Total-o.Before.Pressure.Memory.Some.Total, o.Over)
	kills := after.Events.OOMKills - before.Events.OOMKills
	switch {
	case kills > 0 && bounded:
		need, reason = max(need, 1.5*float64(now)), fmt.Sprintf("%d processes were killed for want of memory; half as much again", kills)
	case stalled > feltPressure && bounded && float64(peak) > 0.9*float64(now):
		need, reason = max(need, memoryMargin*float64(now)), fmt.Sprintf("for %.0f%% of the time some task waited for memory, at the limit", stalled*100)
	case !bounded:
		reason = fmt.Sprintf("%s of %s and %s, so that a leak ends here and not in the machine", what, Bytes(peak), margin)
	case float64(now) < need && stalled <= feltPressure:
		return Memory{}, Memory{}, "" // tight, and it does well
	case float64(now) > loose*need:
		reason = fmt.Sprintf("more than half was never used: %s of %s and %s", what, Bytes(peak), margin)
	default:
		return Memory{}, Memory{}, ""
	}
	mib := uint64(math.Ceil(need / (1 << 20)))
	limit = MiB(mib)
	high = Bytes((limit.n - limit.n/10) &^ (1<<20 - 1))
	return limit, high, reason
}

func (o Observation) cpu() (CPU, string) {
	now, ok := o.Limits.CPUMax.Cores()
	if !ok || o.After.CPU == nil || o.Over <= 0 {
		return CPU{}, ""
	}
	before := o.Before.CPU
	if before == nil {
		before = &CPUStats{}
	}
	used := float64(o.After.CPU.Usage-before.Usage) / float64(o.Over)
	periods, throttled := o.After.CPU.Periods.n-before.Periods.n, o.After.CPU.Throttled.n-before.Throttled.n
	round := func(cores float64) CPU { // to a twentieth of a CPU
		c := o.Limits.CPUMax
		c.cores, c.burst = math.Ceil(cores*20-1e-9)/20, 0
		return c
	}
	part := 0.0
	if periods > 0 {
		part = float64(throttled) / float64(periods)
	}
	switch {
	case part > feltThrottling:
		return round(max(1.5*now, 2*used)), fmt.Sprintf("held back in %.0f%% of the periods, at a mean of %s", part*100, percent(used, 1))
	case throttled == 0 && 4*used < now && periods > 0:
		return round(max(2*used, 0.05)), fmt.Sprintf("never held back, and a mean of %s; twice that", percent(used, 1))
	}
	return CPU{}, ""
}

func (o Observation) tasks() (Count, string) {
	now, bounded := o.Limits.TasksMax.Tasks()
	if o.After.Tasks == nil {
		return Count{}, ""
	}
	refused := o.After.Tasks.Refused
	if o.Before.Tasks != nil {
		refused -= o.Before.Tasks.Refused
	}
	peak, known := o.After.Tasks.Peak.Value()
	switch {
	case refused > 0 && bounded:
		return Tasks(2 * now), fmt.Sprintf("%d forks were refused; twice as many", refused)
	case !bounded && known:
		return Tasks(max(64, 2*peak)), fmt.Sprintf("a peak of %d, doubled, so that a fork bomb ends here", peak)
	}
	return Count{}, ""
}

// share is a part of a time, 0 where there is none.
func share(part, of time.Duration) float64 {
	if of <= 0 || part <= 0 {
		return 0
	}
	return float64(part) / float64(of)
}
