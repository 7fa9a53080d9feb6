package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// EffectiveLimits is what really holds for a cgroup: the tightest of its own and
// its ancestors' limits, and whose it is.
type EffectiveLimits struct {
	MemoryMax, MemoryHigh, MemorySwapMax Bound[Memory]
	// MemoryLow and MemoryMin are what is left of the cgroup's own protection:
	// every ancestor's caps it. Where the hierarchy is mounted with
	// memory_recursiveprot, what an ancestor's other children don't claim comes on
	// top of that.
	MemoryLow, MemoryMin Bound[Memory]
	CPUMax               Bound[CPU]
	CPUSet               Bound[CPUSet] // the CPUs that there really are to run on
	TasksMax             Bound[Count]
	// IOMax is by disk, sorted; disks without a limit are not in it.
	IOMax []EffectiveIO
	// Machine is what there is without any limit.
	Machine Machine

	leaf CPU // the cgroup's own bandwidth, which is all that a Go program looks at
}

// Bound is a value in force and whose it is.
type Bound[T any] struct {
	Value T
	// By is the path of the cgroup that binds, the innermost of equals; "" if
	// nobody does, and Value is unlimited.
	By string
}

// EffectiveIO are the rates in force for one disk.
type EffectiveIO struct {
	Device                                   Device
	ReadBytes, WriteBytes, ReadOps, WriteOps Bound[Rate]
}

// Machine is what a machine has.
type Machine struct {
	Memory uint64 // bytes
	CPUs   int
}

// Effective reads what holds for a cgroup, from the kernel's files of it and of
// every ancestor that can be seen. In a container those outside can't.
func Effective(path string) (EffectiveLimits, error) {
	tree, rel, err := at(path)
	if err != nil {
		return EffectiveLimits{}, err
	}
	defer tree.Close()
	e, err := effective(tree, rel)
	if err != nil {
		return e, err
	}
	if e.Machine.Memory, err = machineMemory(); err != nil {
		return e, fmt.Errorf("cgroupv2: %w", err)
	}
	return e, nil
}

func effective(tree hierarchy, rel string) (e EffectiveLimits, err error) {
	e = EffectiveLimits{
		MemoryMax: Bound[Memory]{Value: UnlimitedMemory}, MemoryHigh: Bound[Memory]{Value: UnlimitedMemory}, MemorySwapMax: Bound[Memory]{Value: UnlimitedMemory},
		MemoryLow: Bound[Memory]{Value: UnlimitedMemory}, MemoryMin: Bound[Memory]{Value: UnlimitedMemory},
		CPUMax: Bound[CPU]{Value: UnlimitedCPU}, CPUSet: Bound[CPUSet]{Value: AllCPUs}, TasksMax: Bound[Count]{Value: UnlimitedTasks},
		leaf: UnlimitedCPU,
	}
	// The outermost too: in a container it is the container's own, with limits. The
	// machine's true root has none.
	for at, last := rel, false; !last; at = cgfs.Parent(at) {
		last = at == ""
		l, err := get(tree, at)
		if err != nil {
			return EffectiveLimits{}, err
		}
		if at == rel && l.CPUMax.IsSet() {
			e.leaf = l.CPUMax
		}
		by := cgfs.Host(at)
		tighten(&e.MemoryMax, l.MemoryMax, by, memoryBelow)
		tighten(&e.MemoryHigh, l.MemoryHigh, by, memoryBelow)
		tighten(&e.MemorySwapMax, l.MemorySwapMax, by, memoryBelow)
		tighten(&e.MemoryLow, l.MemoryLow, by, memoryBelow)
		tighten(&e.MemoryMin, l.MemoryMin, by, memoryBelow)
		tighten(&e.CPUMax, l.CPUMax, by, cpuBelow)
		tighten(&e.TasksMax, l.TasksMax, by, countBelow)
		if l.CPUSet.state == limited && e.CPUSet.By == "" {
			e.CPUSet.By = by
		}
		e.tightenIO(l.IOMax, by)
	}
	e.unprotected()
	if e.CPUSet.Value, err = effectiveCPUs(tree, rel); err != nil {
		return EffectiveLimits{}, err
	}
	all, err := effectiveCPUs(tree, "")
	e.Machine.CPUs = len(all.CPUs())
	slices.SortFunc(e.IOMax, func(a, b EffectiveIO) int { return strings.Compare(a.Device.String(), b.Device.String()) })
	return e, err
}

// tighten takes a cgroup's value where it is below what was found so far, from
// the inside out: the innermost of equals binds.
func tighten[T interface{ IsSet() bool }](found *Bound[T], value T, by string, below func(a, b T) bool) {
	if value.IsSet() && below(value, found.Value) {
		*found = Bound[T]{value, by}
	}
}

func memoryBelow(a, b Memory) bool {
	x, okX := a.Bytes()
	y, okY := b.Bytes()
	return okX && (!okY || x < y)
}

func cpuBelow(a, b CPU) bool {
	x, okX := a.Cores()
	y, okY := b.Cores()
	return okX && (!okY || x < y)
}

func countBelow(a, b Count) bool {
	x, okX := a.Tasks()
	y, okY := b.Tasks()
	return okX && (!okY || x < y)
}

func rateBelow(a, b Rate) bool {
	x, okX := a.PerSecond()
	y, okY := b.PerSecond()
	return okX && (!okY || x < y)
}

// unprotected: where no cgroup on the way has the memory controller, nothing is
// protected, and nothing would be a strange way to say it.
func (e *EffectiveLimits) unprotected() {
	for _, p := range []*Bound[Memory]{&e.MemoryLow, &e.MemoryMin} {
		if p.By == "" && p.Value == UnlimitedMemory && e.MemoryMax.By == "" {
			p.Value = Bytes(0)
		}
	}
}

func (e *EffectiveLimits) tightenIO(list []IOLimit, by string) {
	for _, l := range list {
		device, ok := parseDevice([]byte(l.Device))
		if !ok {
			continue
		}
		i := slices.IndexFunc(e.IOMax, func(io EffectiveIO) bool { return io.Device == device })
		if i < 0 {
			none := Bound[Rate]{Value: UnlimitedRate}
			e.IOMax = append(e.IOMax, EffectiveIO{device, none, none, none, none})
			i = len(e.IOMax) - 1
		}
		tighten(&e.IOMax[i].ReadBytes, l.ReadBytes, by, rateBelow)
		tighten(&e.IOMax[i].WriteBytes, l.WriteBytes, by, rateBelow)
		tighten(&e.IOMax[i].ReadOps, l.ReadOps, by, rateBelow)
		tighten(&e.IOMax[i].WriteOps, l.WriteOps, by, rateBelow)
	}
}

// effectiveCPUs reads the nearest cpuset.cpus.effective: a cgroup without the
// controller has that of the one above.
func effectiveCPUs(tree hierarchy, rel string) (CPUSet, error) {
	for at := rel; ; at = cgfs.Parent(at) {
		text, err := tree.Read(at, "cpuset.cpus.effective")
		if err == nil && text != "" {
			return ParseCPUSet(text)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return CPUSet{}, fmt.Errorf("cgroupv2: %w", err)
		}
		if at == "" {
			return AllCPUs, nil // a kernel without cpusets
		}
	}
}
