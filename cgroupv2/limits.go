package cgroupv2

import (
	"errors"
	"fmt"
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
	// CPUSet are the CPUs to run on, MemoryNodes the NUMA nodes to take memory from.
	CPUSet, MemoryNodes CPUSet
	// TasksMax limits processes and threads.
	TasksMax Count
	// IOMax limits disks; IOWeight is the share of them, which acts only under
	// the BFQ scheduler or with io.cost enabled.
	IOMax    []IOLimit
	IOWeight Weight
	// IOWeights are the shares of single disks, where IOWeight is not meant.
	IOWeights []IODeviceWeight
	// IOLatency are the latencies that single disks are to have.
	IOLatency []IODeviceLatency
	// HugePages and Misc limit what few groups use. systemd knows neither.
	HugePages []HugePageLimit
	Misc      []MiscLimit
}

// Validate says what is wrong with the values, all of it, as FieldErrors.
func (l Limits) Validate() error {
	errs := []error{
		l.MemoryMax.validate("MemoryMax", least), l.MemoryHigh.validate("MemoryHigh", least), l.MemoryLow.validate("MemoryLow", 0),
		l.MemoryMin.validate("MemoryMin", 0), l.MemorySwapMax.validate("MemorySwapMax", 0),
		l.CPUMax.validate("CPUMax"), l.CPUWeight.validate("CPUWeight"), l.CPUSet.validate("CPUSet"), l.MemoryNodes.validate("MemoryNodes"),
		l.TasksMax.validate("TasksMax"), l.IOWeight.validate("IOWeight"),
		notAbove("MemoryHigh", l.MemoryHigh, "MemoryMax", l.MemoryMax), notAbove("MemoryLow", l.MemoryLow, "MemoryMax", l.MemoryMax),
		notAbove("MemoryMin", l.MemoryMin, "MemoryMax", l.MemoryMax), notAbove("MemoryMin", l.MemoryMin, "MemoryHigh", l.MemoryHigh),
		notAbove("MemoryLow", l.MemoryLow, "MemoryHigh", l.MemoryHigh),
	}
	seen := map[string]bool{}
	for i, io := range l.IOMax {
		field := fmt.Sprintf("IOMax[%d]", i)
		errs = append(errs, io.validate(field))
		if seen[io.Device] {
			errs = append(errs, fieldError(field+".Device", io.Device, "it is named twice; say all of a disk's limits in one"))
		}
		seen[io.Device] = true
	}
	for i, w := range l.IOWeights {
		errs = append(errs, w.validate(fmt.Sprintf("IOWeights[%d]", i)))
	}
	for i, w := range l.IOLatency {
		errs = append(errs, w.validate(fmt.Sprintf("IOLatency[%d]", i)))
	}
	if l.IOWeight == Idle {
		errs = append(errs, fieldError("IOWeight", "idle", "disks have no such class; 1 is the least"))
	}
	return errors.Join(append(errs, l.validateHuge())...)
}

// notAbove compares amounts with amounts, and percentages with percentages.
func notAbove(lowName string, low Memory, highName string, high Memory) error {
	if low.state == high.state && (low.state == limited || low.state == relative) && low.n > high.n {
		return fieldError(lowName, low.String(), fmt.Sprintf("it is above %s=%s, so it never acts; put it below", highName, high))
	}
	return nil
}

// Of makes amounts of percentages, given the machine's memory in bytes.
func (l Limits) Of(total uint64) Limits {
	for _, m := range []*Memory{&l.MemoryMax, &l.MemoryHigh, &l.MemoryLow, &l.MemoryMin, &l.MemorySwapMax} {
		*m = m.Of(total)
	}
	return l
}
