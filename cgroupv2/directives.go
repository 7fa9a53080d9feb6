package cgroupv2

import (
	"fmt"
	"iter"
	"math"
	"strconv"
)

// Versions of systemd, as measured on 247, 252 and 257.
const (
	finePercent = 252 // CPUQuota=12.34% and MemoryMax=12.34%; 247 ignores them
	idleWeight  = 252 // CPUWeight=idle
)

// Directives gives the limits as systemd's directives, in a fixed order, for a
// version of systemd (systemd.resource-control(5)). What that version has no
// directive for is in Undirected. The values are valid where Validate is content.
func (l Limits) Directives(systemd int) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, d := range l.directives(systemd) {
			if !yield(d.name, d.value) {
				return
			}
		}
	}
}

type directive struct{ name, value string }

func (l Limits) directives(systemd int) (list []directive) {
	add := func(name, value string) { list = append(list, directive{name, value}) }
	for _, m := range l.memory() {
		if m.value.IsSet() && m.value.sayable(systemd) {
			add(m.name, m.value.String())
		}
	}
	if l.CPUWeight != 0 && (l.CPUWeight != Idle || systemd >= idleWeight) {
		add("CPUWeight", l.CPUWeight.String())
	}
	switch l.CPUMax.state {
	case limited:
		add("CPUQuota", percent(l.CPUMax.cores, places(systemd)))
	case unlimited: // systemd's word for no quota is an empty value
		add("CPUQuota", "")
	}
	if p := l.CPUMax.Period(); p != defaultPeriod {
		add("CPUQuotaPeriodSec", strconv.FormatInt(p.Microseconds(), 10)+"us")
	}
	for _, s := range []struct {
		name string
		set  CPUSet
	}{{"AllowedCPUs", l.CPUSet}, {"AllowedMemoryNodes", l.MemoryNodes}} {
		if s.set.IsSet() {
			add(s.name, s.set.list) // empty takes the limit away
		}
	}
	if l.TasksMax.IsSet() {
		add("TasksMax", l.TasksMax.String())
	}
	if l.IOWeight != 0 {
		add("IOWeight", l.IOWeight.String())
	}
	for _, w := range l.IOWeights {
		add("IODeviceWeight", systemdPath(w.Device)+" "+w.Weight.String())
	}
	for _, w := range l.IOLatency {
		add("IODeviceLatencyTargetSec", systemdPath(w.Device)+" "+strconv.FormatInt(w.Target.Microseconds(), 10)+"us")
	}
	for _, io := range l.IOMax {
		for _, r := range io.each() {
			if r.rate.IsSet() {
				add(r.directive, io.path()+" "+r.rate.String())
			}
		}
	}
	return list
}

// memory lists the limits on memory, with their directives and their files.
func (l Limits) memory() []memoryLimit {
	return []memoryLimit{
		{"MemoryMin", "memory.min", l.MemoryMin}, {"MemoryLow", "memory.low", l.MemoryLow}, {"MemoryHigh", "memory.high", l.MemoryHigh},
		{"MemoryMax", "memory.max", l.MemoryMax}, {"MemorySwapMax", "memory.swap.max", l.MemorySwapMax},
	}
}

type memoryLimit struct {
	name, file string
	value      Memory
}

// places is how many decimals of a percentage a version of systemd takes.
func places(systemd int) int {
	if systemd >= finePercent {
		return 2
	}
	return 1
}

// sayable says whether a version of systemd takes the amount as it is.
func (m Memory) sayable(systemd int) bool {
	return m.state != relative || places(systemd) == 2 || m.n%10 == 0
}

// Undirected lists what a version of systemd has no directive for, or rounds,
// each with the field's name first.
func (l Limits) Undirected(systemd int) (what []string) {
	for _, m := range l.memory() {
		if !m.value.sayable(systemd) {
			what = append(what, fmt.Sprintf("%s=%s: systemd %d takes one decimal; give an amount instead", m.name, m.value, systemd))
		}
	}
	if c, ok := l.CPUMax.Cores(); ok {
		scale := math.Pow10(places(systemd) + 2)
		if math.Abs(c*scale-math.Round(c*scale)) > 1e-6 {
			what = append(what, fmt.Sprintf("CPUMax=%s: systemd %d rounds it to %s", percent(c, 6), systemd, percent(c, places(systemd))))
		}
	}
	if l.CPUMax.burst != 0 {
		what = append(what, fmt.Sprintf("CPUMax burst %s: systemd has no directive for it; write it to a delegated cgroup with Set", l.CPUMax.burst))
	}
	if l.CPUWeight == Idle && systemd < idleWeight {
		what = append(what, fmt.Sprintf("CPUWeight=idle: systemd %d takes 1 to 10000; 1 comes nearest", systemd))
	}
	for _, h := range l.HugePages {
		what = append(what, fmt.Sprintf("HugePages %s=%s: systemd has no directive for it", h.Size, h.Max))
	}
	for _, m := range l.Misc {
		what = append(what, fmt.Sprintf("Misc %s=%s: systemd has no directive for it", m.Resource, m.Max))
	}
	return what
}
