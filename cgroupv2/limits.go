package cgroupv2

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
)

// Limits is what a group of processes may use and what it is protected from
// losing. Every zero value leaves things alone.
type Limits struct {
	// MemoryMax is the hard limit: beyond it the kernel kills.
	MemoryMax Memory
	// MemoryHigh is where the kernel begins to reclaim and to slow down; it
	// belongs below MemoryMax.
	MemoryHigh Memory
	// MemoryLow and MemoryMin protect memory from others' demand, as far as
	// possible or absolutely. Every ancestor's protection caps them.
	MemoryLow, MemoryMin Memory
	// MemorySwapMax limits swap, which MemoryMax does not. Bytes(0): no swap.
	MemorySwapMax Memory
	// CPUMax is the bandwidth, CPUWeight the share where CPUs are contended.
	CPUMax    CPU
	CPUWeight Weight
	// TasksMax limits processes and threads.
	TasksMax Count
	// IOMax limits disks; IOWeight is the share of them, which acts only under
	// the BFQ scheduler or with io.cost enabled.
	IOMax    []IOLimit
	IOWeight Weight
}

// Validate says what is wrong with the values, all of it.
func (l Limits) Validate() error {
	errs := []error{
		l.MemoryMax.validate("MemoryMax", least), l.MemoryHigh.validate("MemoryHigh", least), l.MemoryLow.validate("MemoryLow", 0),
		l.MemoryMin.validate("MemoryMin", 0), l.MemorySwapMax.validate("MemorySwapMax", 0),
		l.CPUMax.validate("CPUMax"), l.CPUWeight.validate("CPUWeight"), l.TasksMax.validate("TasksMax"), l.IOWeight.validate("IOWeight"),
		below("MemoryHigh", l.MemoryHigh, "MemoryMax", l.MemoryMax), below("MemoryLow", l.MemoryLow, "MemoryMax", l.MemoryMax),
		below("MemoryMin", l.MemoryMin, "MemoryMax", l.MemoryMax), below("MemoryMin", l.MemoryMin, "MemoryHigh", l.MemoryHigh),
		below("MemoryLow", l.MemoryLow, "MemoryHigh", l.MemoryHigh),
	}
	seen := map[string]bool{}
	for i, io := range l.IOMax {
		errs = append(errs, io.validate(fmt.Sprintf("IOMax[%d]", i)))
		if seen[io.Device] {
			errs = append(errs, fmt.Errorf("cgroupv2: IOMax names %s twice; say all of a disk's limits in one", io.Device))
		}
		seen[io.Device] = true
	}
	return errors.Join(errs...)
}

func below(lowName string, low Memory, highName string, high Memory) error {
	a, okA := low.Bytes()
	b, okB := high.Bytes()
	if okA && okB && a > b {
		return fmt.Errorf("cgroupv2: %s=%s is above %s=%s, which would never let it act", lowName, low, highName, high)
	}
	return nil
}

// Directives gives the limits as systemd's directives, in a fixed order, for a
// version of systemd. What that version has no directive for is in Undirected.
// The values are valid where Validate is content.
func (l Limits) Directives(systemd int) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, m := range []struct {
			name  string
			value Memory
		}{
			{"MemoryMin", l.MemoryMin}, {"MemoryLow", l.MemoryLow}, {"MemoryHigh", l.MemoryHigh},
			{"MemoryMax", l.MemoryMax}, {"MemorySwapMax", l.MemorySwapMax},
		} {
			if m.value.IsSet() && !yield(m.name, m.value.String()) {
				return
			}
		}
		if !l.cpuDirectives(yield) {
			return
		}
		if l.TasksMax.IsSet() && !yield("TasksMax", l.TasksMax.String()) {
			return
		}
		if l.IOWeight != 0 && !yield("IOWeight", strconv.Itoa(int(l.IOWeight))) {
			return
		}
		for _, io := range l.IOMax {
			for _, r := range io.each() {
				if r.rate.state != unset && !yield(r.directive, io.path()+" "+r.rate.String()) {
					return
				}
			}
		}
	}
}

func (l Limits) cpuDirectives(yield func(string, string) bool) bool {
	if l.CPUWeight != 0 && !yield("CPUWeight", strconv.Itoa(int(l.CPUWeight))) {
		return false
	}
	switch l.CPUMax.state {
	case limited:
		if !yield("CPUQuota", l.CPUMax.percent()) {
			return false
		}
	case unlimited: // systemd's word for no quota is an empty value
		if !yield("CPUQuota", "") {
			return false
		}
	}
	if p := l.CPUMax.Period(); p != defaultPeriod {
		return yield("CPUQuotaPeriodSec", strconv.FormatInt(p.Microseconds(), 10)+"us")
	}
	return true
}

// percent is CPUQuota's value. It has one decimal in every version that we know.
func (c CPU) percent() string {
	return strconv.FormatFloat(math.Round(c.cores*1000)/10, 'f', -1, 64) + "%"
}

// Undirected lists what a version of systemd has no directive for, or would
// round: CPU burst, and shares of a CPU finer than a thousandth.
func (l Limits) Undirected(systemd int) (what []string) {
	if l.CPUMax.burst != 0 {
		what = append(what, "CPUMax burst "+l.CPUMax.burst.String())
	}
	if c, ok := l.CPUMax.Cores(); ok && math.Abs(c*1000-math.Round(c*1000)) > 1e-9 {
		what = append(what, fmt.Sprintf("CPUMax %s is rounded to %s", l.CPUMax, l.CPUMax.percent()))
	}
	return what
}

// GoEnv gives what the Go runtime should know of the limits, as environment
// variables: GOMEMLIMIT is the tighter of MemoryHigh and MemoryMax less
// headroom (0.1 leaves a tenth for what the runtime does not count), GOMAXPROCS
// the CPUs rounded up. The runtime itself reads the CPU limit of its own cgroup
// only, and no memory limit at all.
func (l Limits) GoEnv(headroom float64) ([]string, error) {
	if math.IsNaN(headroom) || headroom < 0 || headroom >= 1 {
		return nil, fmt.Errorf("cgroupv2: headroom=%v; it is a part of the limit, 0 to 1, such as 0.1", headroom)
	}
	if err := l.Validate(); err != nil {
		return nil, err
	}
	var env []string
	if c, ok := l.CPUMax.Cores(); ok {
		env = append(env, "GOMAXPROCS="+strconv.Itoa(max(1, int(math.Ceil(c)))))
	}
	tightest := uint64(math.MaxUint64)
	for _, m := range []Memory{l.MemoryHigh, l.MemoryMax} {
		if b, ok := m.Bytes(); ok {
			tightest = min(tightest, b)
		}
	}
	if tightest != math.MaxUint64 {
		env = append(env, "GOMEMLIMIT="+strconv.FormatUint(uint64(float64(tightest)*(1-headroom)), 10))
	}
	return env, nil
}
