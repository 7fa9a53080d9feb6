package cgroupv2

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// CPUSet is a set of CPUs, or of memory nodes, by number. The zero value leaves
// a limit alone; AllCPUs takes it away.
type CPUSet struct {
	state state
	list  string // canonical: "0-2,7"
}

// AllCPUs is every CPU, or node, that the cgroup above has.
var AllCPUs = CPUSet{state: unlimited}

// mostCPU is more than any kernel is built for.
const mostCPU = 8191

// CPUs is a set of CPUs or nodes: CPUs(0, 1, 2, 7).
func CPUs(numbers ...int) CPUSet {
	if len(numbers) == 0 {
		return CPUSet{state: invalid}
	}
	var set bitmap
	for _, n := range numbers {
		if n < 0 || n > mostCPU {
			return CPUSet{state: invalid, list: strconv.Itoa(n)}
		}
		set.add(n)
	}
	return CPUSet{state: limited, list: set.list()}
}

// ParseCPUSet reads the kernel's and systemd's lists, "0-2,7", and "all".
func ParseCPUSet(s string) (CPUSet, error) {
	if s == "all" {
		return AllCPUs, nil
	}
	set, ok := parseList(s)
	if !ok {
		return CPUSet{}, fmt.Errorf("cgroupv2: CPU set %q; write 0-2,7, or all", s)
	}
	return CPUSet{state: limited, list: set.list()}, nil
}

func parseList(s string) (set bitmap, ok bool) {
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		a, errA := strconv.ParseUint(from, 10, 16)
		b, errB := strconv.ParseUint(to, 10, 16)
		if errA != nil || errB != nil || a > b || b > mostCPU {
			return nil, false
		}
		for n := int(a); n <= int(b); n++ {
			set.add(n)
		}
	}
	return set, len(set) > 0
}

// IsSet says whether it is anything but the zero value.
func (s CPUSet) IsSet() bool { return s.state != unset }

// CPUs are the numbers, in order: nil for AllCPUs and the zero value.
func (s CPUSet) CPUs() []int {
	set, _ := parseList(s.list)
	return set.numbers()
}

// String is "0-2,7", "all", or "" for the zero value.
func (s CPUSet) String() string {
	switch s.state {
	case unlimited:
		return "all"
	case invalid:
		return "invalid(" + s.list + ")"
	}
	return s.list
}

// kernel is the set as it is written to cpuset.cpus. A write of nothing at all
// would not be one.
func (s CPUSet) kernel() string {
	if s.list == "" {
		return "\n"
	}
	return s.list
}

// MarshalText and UnmarshalText let a CPUSet stand in flags and configuration.
func (s CPUSet) MarshalText() ([]byte, error) { return marshal(s.state, s.String()) }

// UnmarshalText reads what ParseCPUSet reads; empty text is the zero value.
func (s *CPUSet) UnmarshalText(b []byte) error { return unmarshal(b, s, ParseCPUSet) }

func (s CPUSet) validate(field string) error {
	if s.state == invalid {
		return fieldError(field, s.list, fmt.Sprintf("it is numbers from 0 to %d, at least one, or AllCPUs", mostCPU))
	}
	return nil
}

// bitmap is a set of small numbers.
type bitmap []uint64

func (b *bitmap) add(n int) {
	if need := n/64 + 1 - len(*b); need > 0 {
		*b = append(*b, make([]uint64, need)...)
	}
	(*b)[n/64] |= 1 << (n % 64)
}

func (b bitmap) has(n int) bool { return n/64 < len(b) && b[n/64]&(1<<(n%64)) != 0 }

func (b bitmap) numbers() (list []int) {
	for i, word := range b {
		for ; word != 0; word &= word - 1 {
			list = append(list, i*64+bits.TrailingZeros64(word))
		}
	}
	return slices.Clip(list)
}

func (b bitmap) list() string {
	var parts []string
	for _, n := range b.numbers() {
		if n > 0 && b.has(n-1) {
			continue
		}
		end := n
		for b.has(end + 1) {
			end++
		}
		part := strconv.Itoa(n)
		if end > n {
			part += "-" + strconv.Itoa(end)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}
