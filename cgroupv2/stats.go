package cgroupv2

import (
	"strconv"
	"time"
)

// Stats is what a cgroup has used. A part whose controller is not enabled here
// is nil, which is not the same as nothing used.
type Stats struct {
	Memory *MemoryStats `json:"memory,omitempty"`
	CPU    *CPUStats    `json:"cpu,omitempty"`
	Tasks  *TaskStats   `json:"tasks,omitempty"`
	IO     []IOStats    `json:"io,omitempty"` // by device; nil without the controller
	// HugePages are by size; nil without the controller.
	HugePages []HugePageStats `json:"huge_pages,omitempty"`
	// Pressure is zero where the kernel does not measure it (psi=0).
	Pressure PressureStats `json:"pressure"`
}

// Reading is a number that not every kernel, or not every cgroup, has.
type Reading struct {
	n     uint64
	known bool
}

// Value is the number, and whether there is one.
func (r Reading) Value() (uint64, bool) { return r.n, r.known }

// String is the number, or "-".
func (r Reading) String() string {
	if !r.known {
		return "-"
	}
	return strconv.FormatUint(r.n, 10)
}

// MarshalJSON gives the number, or null.
func (r Reading) MarshalJSON() ([]byte, error) {
	if !r.known {
		return []byte("null"), nil
	}
	return strconv.AppendUint(nil, r.n, 10), nil
}

func known(n uint64) Reading { return Reading{n, true} }

// MemoryStats are in bytes, where they are not counts. See the kernel's
// Documentation/admin-guide/cgroup-v2.rst, memory.stat.
type MemoryStats struct {
	Current uint64
	Peak    Reading // the most it ever was (kernel 5.19)
	Swap    Reading // without swap in the kernel there is none
	// SwapPeak is the most that was swapped out (kernel 6.5).
	SwapPeak Reading

	Anon, File, Shmem, Slab, Sock, KernelStack uint64
	Kernel                                     Reading // all that the kernel holds for the group (5.18)
	Faults, MajorFaults                        uint64

	Events MemoryEvents
}

// CPUStats are times of all CPUs together.
type CPUStats struct {
	Usage, User, System time.Duration
	// Periods are the intervals in which a bandwidth was enforced, Throttled
	// those in which the group was held back; unknown without the controller.
	Periods, Throttled Reading
	// ThrottledTime is how long it was, summed over its CPUs.
	ThrottledTime time.Duration
	// Bursts are the periods that used saved bandwidth (kernel 5.14).
	Bursts Reading
}

// TaskStats are counts of processes and threads.
type TaskStats struct {
	Current uint64
	Peak    Reading // kernel 6.1
	// Refused is how many forks failed at a limit here or above.
	Refused uint64
}

// IOStats are of one disk.
type IOStats struct {
	Device
	ReadBytes, WriteBytes, ReadOps, WriteOps, DiscardBytes, DiscardOps uint64
}

// HugePageStats are of huge pages of one size, in bytes.
type HugePageStats struct {
	Size, Current uint64
	// Refused is how many allocations failed at a limit here or below.
	Refused uint64
}

// PressureStats is how much time was lost for want of each resource.
type PressureStats struct{ CPU, Memory, IO Pressure }

// Pressure has the time in which at least one task waited, and in which all that
// were not idle did.
type Pressure struct {
	Some Stall
	// Full is unknown for CPUs before kernel 5.13.
	Full Stall
}

// Stall is one line of a pressure file: parts of the last 10, 60 and 300 seconds
// in percent, and the time in all.
type Stall struct {
	Known                bool
	Avg10, Avg60, Avg300 float64
	Total                time.Duration
}
