package cgroupv2

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// difference is a setting whose value is another one now.
type difference struct {
	setting
	now string
}

// outsideIn are the files whose values bound each other, the outermost bound
// first. Memory's protections lie inside its limits, and a burst inside its quota:
// the kernel refuses a quota below the burst that is set.
var outsideIn = []string{
	"memory.swap.max", "memory.max", "memory.high", "memory.low", "memory.min",
	"cpu.max", "cpu.max.burst",
}

// ordered sorts so that no moment has bounds that contradict each other: first
// what grows, from the outside in, then what has no order, then what shrinks,
// from the inside out. memory.high so falls before memory.max, and gives the
// group a chance to shrink before it is killed for its size.
func ordered(list []difference) []difference {
	rank := func(d difference) int {
		i := slices.Index(outsideIn, d.file)
		switch {
		case i < 0:
			return 0
		case quantity(d.read) >= quantity(d.now):
			return i - len(outsideIn)
		}
		return len(outsideIn) - i
	}
	slices.SortStableFunc(list, func(a, b difference) int { return rank(a) - rank(b) })
	return list
}

// quantity is the first number of a value: bytes, or the quota.
func quantity(s string) uint64 {
	s, _, _ = strings.Cut(s, " ")
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil { // "max"
		return math.MaxUint64
	}
	return n
}
