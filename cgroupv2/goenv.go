package cgroupv2

import (
	"fmt"
	"math"
	"strconv"
)

// GoEnv gives what the Go runtime should know of the limits, as environment
// variables for the unit.
//
// GOMEMLIMIT is the tighter of MemoryHigh and MemoryMax less headroom (0.1
// leaves a tenth for what the runtime does not count: cgo, mmap, the kernel's
// memory for the program's sockets); the runtime reads no memory limit by
// itself. GOMAXPROCS follows the runtime's own rule: the bandwidth rounded up,
// and at least 2, since with 1 the garbage collector stops the program to work.
// It is given although the runtime has that rule, because it applies it to its
// own cgroup only, and not to those above.
//
// A percentage needs Limits.Of first.
func (l Limits) GoEnv(headroom float64) ([]string, error) {
	if math.IsNaN(headroom) || headroom < 0 || headroom >= 1 {
		return nil, fmt.Errorf("cgroupv2: headroom=%v; it is a part of the limit, 0 to 1, such as 0.1", headroom)
	}
	if err := l.Validate(); err != nil {
		return nil, err
	}
	var env []string
	if c, ok := l.CPUMax.Cores(); ok {
		env = append(env, "GOMAXPROCS="+strconv.Itoa(goProcs(c)))
	}
	tightest := UnlimitedMemory
	for _, m := range l.memory() {
		if m.file != "memory.high" && m.file != "memory.max" {
			continue
		}
		if m.value.state == relative {
			return nil, fieldError(m.name, m.value.String(), "what it comes to depends on the machine; use Limits.Of first")
		}
		if memoryBelow(m.value, tightest) {
			tightest = m.value
		}
	}
	if n, ok := tightest.Bytes(); ok {
		env = append(env, "GOMEMLIMIT="+strconv.FormatUint(n-uint64(math.Ceil(float64(n)*headroom)), 10))
	}
	return env, nil
}

// goProcs is the runtime's rule for GOMAXPROCS (Go 1.25 and later), but for the
// number of CPUs that it may run on, which bounds it.
func goProcs(cores float64) int { return max(2, int(math.Ceil(cores))) }
