package cgroupv2

import (
	"iter"
	"math"
)

// DeviceRate is a limit on a disk, its weight or latency, in systemd's D-Bus form, (st).
type DeviceRate struct {
	Path  string
	Limit uint64
}

// Properties gives the limits as the properties that systemd's D-Bus interface
// takes, in SetUnitProperties and StartTransientUnit (org.freedesktop.systemd1(5)),
// in a fixed order: names, and values of the Go types that the D-Bus types are
// made from. What Undirected lists for that version is not among them.
func (l Limits) Properties(systemd int) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, p := range l.properties(systemd) {
			if !yield(p.name, p.value) {
				return
			}
		}
	}
}

type property struct {
	name  string
	value any
}

func (l Limits) properties(systemd int) (list []property) {
	add := func(name string, value any) { list = append(list, property{name, value}) }
	number := func(name string, s state, n uint64) {
		switch s {
		case limited:
			add(name, n)
		case unlimited:
			add(name, uint64(math.MaxUint64))
		}
	}
	for _, m := range l.memory() {
		number(m.name, m.value.state, m.value.n)
		if m.value.state == relative && m.value.sayable(systemd) {
			// A part of the machine's memory is given in parts of 2³² - 1, rounded
			// up so that systemd's own way back gives the percentage again.
			add(m.name+"Scale", uint32((m.value.n*math.MaxUint32+9999)/10000))
		}
	}
	if l.CPUWeight != Idle {
		number("CPUWeight", given(l.CPUWeight != 0), uint64(l.CPUWeight))
	} else if systemd >= idleWeight {
		add("CPUWeight", uint64(0)) // systemd's CGROUP_WEIGHT_IDLE
	}
	if l.CPUMax.IsSet() {
		scale := math.Pow10(places(systemd) + 2)
		number("CPUQuotaPerSecUSec", l.CPUMax.state, uint64(math.Round(math.Round(l.CPUMax.cores*scale)/scale*1e6)))
		if p := l.CPUMax.Period(); p != defaultPeriod {
			add("CPUQuotaPeriodUSec", uint64(p.Microseconds()))
		}
	}
	for _, s := range []struct {
		name string
		set  CPUSet
	}{{"AllowedCPUs", l.CPUSet}, {"AllowedMemoryNodes", l.MemoryNodes}} {
		if s.set.IsSet() {
			add(s.name, s.set.bytes())
		}
	}
	number("TasksMax", l.TasksMax.state, l.TasksMax.n)
	number("IOWeight", given(l.IOWeight != 0), uint64(l.IOWeight))
	weights := []DeviceRate{}
	for _, w := range l.IOWeights {
		weights = append(weights, DeviceRate{systemdPath(w.Device), uint64(w.Weight)})
	}
	if len(weights) > 0 {
		add("IODeviceWeight", weights)
	}
	latencies := []DeviceRate{}
	for _, w := range l.IOLatency {
		latencies = append(latencies, DeviceRate{systemdPath(w.Device), uint64(w.Target.Microseconds())})
	}
	if len(latencies) > 0 {
		add("IODeviceLatencyTargetUSec", latencies)
	}
	rates := map[string][]DeviceRate{}
	for _, io := range l.IOMax {
		for _, r := range io.each() {
			if n, ok := r.rate.PerSecond(); ok {
				rates[r.directive] = append(rates[r.directive], DeviceRate{io.path(), n})
			} else if r.rate.IsSet() {
				rates[r.directive] = append(rates[r.directive], DeviceRate{io.path(), math.MaxUint64})
			}
		}
	}
	for _, r := range (IOLimit{}).each() {
		if len(rates[r.directive]) > 0 {
			add(r.directive, rates[r.directive])
		}
	}
	return list
}

func given(is bool) state {
	if is {
		return limited
	}
	return unset
}

// bytes is the set as a bit mask, lowest byte first.
func (s CPUSet) bytes() []byte {
	set, _ := parseList(s.list)
	mask := []byte{}
	for _, n := range set.numbers() {
		for len(mask) <= n/8 {
			mask = append(mask, 0)
		}
		mask[n/8] |= 1 << (n % 8)
	}
	return mask
}
