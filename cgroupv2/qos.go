package cgroupv2

import (
	"errors"
	"fmt"
	"regexp"
)

// Grading divides a machine among three classes of services, as slices: critical
// ones are promised memory and come first; standard ones share what is there;
// batch ones have a hard limit and run on what nobody else wants.
type Grading struct {
	// Machine is what there is to divide: ThisMachine.
	Machine Machine
	// Critical is the memory that critical services keep, whatever others demand, as
	// far as possible (MemoryLow); CriticalMin is the part that is kept absolutely
	// (MemoryMin): demand beyond it kills others.
	Critical, CriticalMin Memory
	// Batch is the most memory that batch services have together, and BatchCPU the
	// most CPU time; zero: a quarter of what is neither promised nor reserved, and
	// no limit on CPU time.
	Batch    Memory
	BatchCPU CPU
	// Reserve is left for the system itself; zero: a tenth of the machine.
	Reserve Memory
	// Under is a slice to put the three into, "app" for app-critical.slice and so on.
	// A protection is worth what every slice above gives, so that this one is given
	// the sum. "": they are at the root, which protects everything.
	Under string
}

// Slice is one slice of systemd's, with its limits.
type Slice struct {
	Name        string // "critical.slice"
	Description string
	Limits      Limits
}

// Weights of the classes. Batch services have CPU time that nobody wants (Idle);
// for disks, which have no such class, and where Idle is not to be had, the least
// that is not starvation.
const (
	criticalWeight Weight = 1000
	batchWeight    Weight = 10
)

var slicePart = regexp.MustCompile(`^[A-Za-z0-9_:.]+(-[A-Za-z0-9_:.]+)*$`)

// Slices gives the slices, the outer one first, for a version of systemd. What does
// not fit the machine is an error with the arithmetic.
func (g Grading) Slices(systemd int) ([]Slice, error) {
	total := g.Machine.Memory
	if total == 0 {
		return nil, fieldError("Grading.Machine", "0", "say what there is to divide: ThisMachine")
	}
	if g.Under != "" && !slicePart.MatchString(g.Under) {
		return nil, fieldError("Grading.Under", g.Under, "it is a slice's name without .slice, such as app")
	}
	amount := func(field string, m Memory, otherwise uint64) (uint64, error) {
		if !m.IsSet() {
			return otherwise, nil
		}
		if err := m.validate(field, 0); err != nil {
			return 0, err
		}
		n, ok := m.Of(total).Bytes()
		if !ok {
			return 0, fieldError(field, m.String(), "it is an amount or a percentage: a share of all has no meaning")
		}
		return n, nil
	}
	critical, err1 := amount("Grading.Critical", g.Critical, 0)
	least, err2 := amount("Grading.CriticalMin", g.CriticalMin, 0)
	reserve, err3 := amount("Grading.Reserve", g.Reserve, total/10)
	rest := int64(total) - int64(critical) - int64(reserve)
	batch, err4 := amount("Grading.Batch", g.Batch, uint64(max(rest/4, 0))&^(1<<20-1))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	var errs []error
	if rest < 0 {
		errs = append(errs, fieldError("Grading.Critical", g.Critical.String(), fmt.Sprintf("%s promised and %s reserved are more than the machine's %s", size(critical), size(reserve), size(total))))
	}
	if least > critical {
		errs = append(errs, fieldError("Grading.CriticalMin", g.CriticalMin.String(), "it is a part of Critical, and above it"))
	}
	if batch > total-min(total, least+reserve) {
		errs = append(errs, fieldError("Grading.Batch", g.Batch.String(), fmt.Sprintf("with %s kept absolutely and %s reserved, %s of the machine's %s can be used", size(least), size(reserve), size(total-min(total, least+reserve)), size(total))))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	first := Limits{CPUWeight: criticalWeight, IOWeight: criticalWeight}
	if critical > 0 {
		first.MemoryLow = Bytes(critical)
	}
	if least > 0 {
		first.MemoryMin = Bytes(least)
	}
	last := Limits{MemoryMax: Bytes(batch), CPUMax: g.BatchCPU, CPUWeight: Idle, IOWeight: batchWeight}.ForService()
	if systemd < idleWeight {
		last.CPUWeight = batchWeight
	}
	prefix, list := "", []Slice(nil)
	if g.Under != "" {
		prefix = g.Under + "-"
		list = append(list, Slice{g.Under + ".slice", "Services by class", Limits{MemoryLow: first.MemoryLow, MemoryMin: first.MemoryMin}})
	}
	list = append(list,
		Slice{prefix + "critical.slice", "Critical services: promised memory, first in line", first},
		Slice{prefix + "standard.slice", "Standard services", Limits{CPUWeight: DefaultWeight, IOWeight: DefaultWeight}},
		Slice{prefix + "batch.slice", "Batch services: a hard limit, and what nobody else wants", last},
	)
	for _, s := range list {
		errs = append(errs, s.Limits.Validate())
	}
	return list, errors.Join(errs...)
}

func size(n uint64) string { return Bytes(n &^ (1<<20 - 1)).String() }

// Member is a service in a slice, with its limits.
type Member struct {
	Name   string
	Limits Limits
}

// Fits checks that the protections of what is in a slice can be had: together not
// more than the slice's own, since each is cut down to its part otherwise.
func (s Slice) Fits(machine Machine, members ...Member) error {
	var errs []error
	for i, own := range s.Limits.Of(machine.Memory).memory() {
		if own.file != "memory.low" && own.file != "memory.min" {
			continue
		}
		var sum uint64
		for _, m := range members {
			n, _ := m.Limits.Of(machine.Memory).memory()[i].value.Bytes()
			sum += n
		}
		have, _ := own.value.Bytes()
		if sum > have {
			errs = append(errs, fieldError(own.name, size(have), fmt.Sprintf("the services in %s claim %s together; each gets its part of the slice's only", s.Name, size(sum))))
		}
	}
	return errors.Join(errs...)
}
