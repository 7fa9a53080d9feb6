package cgroupv2

import (
	"fmt"
	"path"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// EffectiveLimits is what really holds for a cgroup: the tightest of its own
// and its ancestors' limits.
type EffectiveLimits struct {
	MemoryMax, MemoryHigh, MemorySwapMax Bound[Memory]
	CPUMax                               Bound[CPU]
	TasksMax                             Bound[Count]
	// MemoryLow is the protection that is left of the cgroup's own memory.low:
	// every ancestor's caps it.
	MemoryLow Bound[Memory]
}

// Bound is a value in force and whose it is.
type Bound[T any] struct {
	Value T
	// By is the path of the cgroup that binds; "" if nobody does, and Value is
	// unlimited.
	By string
}

// Effective reads what holds for a cgroup, from the kernel's files of it and of
// every ancestor.
func Effective(p string) (EffectiveLimits, error) {
	rel, err := cgfs.Relative(p)
	if err != nil {
		return EffectiveLimits{}, err
	}
	tree, err := cgfs.Open()
	if err != nil {
		return EffectiveLimits{}, fmt.Errorf("cgroupv2: %w", err)
	}
	defer tree.Close()
	if _, err := tree.Dir(rel); err != nil {
		return EffectiveLimits{}, fmt.Errorf("cgroupv2: %w", err)
	}
	return effective(func(rel string) *reader { return &reader{tree: tree, rel: rel} }, rel)
}

func effective(at func(rel string) *reader, rel string) (EffectiveLimits, error) {
	e := EffectiveLimits{
		MemoryMax: Bound[Memory]{Value: UnlimitedMemory}, MemoryHigh: Bound[Memory]{Value: UnlimitedMemory}, MemorySwapMax: Bound[Memory]{Value: UnlimitedMemory},
		CPUMax: Bound[CPU]{Value: UnlimitedCPU}, TasksMax: Bound[Count]{Value: UnlimitedTasks}, MemoryLow: Bound[Memory]{Value: UnlimitedMemory},
	}
	for ; rel != "" && rel != "."; rel = path.Dir(rel) {
		r := at(rel)
		tighten(r, "memory.max", parseKernelMemory, memoryBelow, &e.MemoryMax)
		tighten(r, "memory.high", parseKernelMemory, memoryBelow, &e.MemoryHigh)
		tighten(r, "memory.swap.max", parseKernelMemory, memoryBelow, &e.MemorySwapMax)
		tighten(r, "memory.low", parseKernelMemory, memoryBelow, &e.MemoryLow)
		tighten(r, "cpu.max", parseKernelCPU, func(a, b CPU) bool {
			x, okX := a.Cores()
			y, okY := b.Cores()
			return okX && (!okY || x < y)
		}, &e.CPUMax)
		tighten(r, "pids.max", parseKernelCount, func(a, b Count) bool {
			x, okX := a.Tasks()
			y, okY := b.Tasks()
			return okX && (!okY || x < y)
		}, &e.TasksMax)
		if r.err != nil {
			return EffectiveLimits{}, r.err
		}
	}
	return e, nil
}

func memoryBelow(a, b Memory) bool {
	x, okX := a.Bytes()
	y, okY := b.Bytes()
	return okX && (!okY || x < y)
}

// tighten takes a cgroup's value where it is below what was found so far. The
// innermost of equals binds, since it is met first.
func tighten[T any](r *reader, file string, parse func(string) (T, error), below func(a, b T) bool, found *Bound[T]) {
	text, ok := r.text(file)
	if !ok {
		return
	}
	v, err := parse(text)
	if err != nil {
		r.fail(file, err)
		return
	}
	if below(v, found.Value) {
		*found = Bound[T]{v, "/" + r.rel}
	}
}
