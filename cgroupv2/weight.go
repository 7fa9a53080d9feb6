package cgroupv2

import (
	"fmt"
	"math"
	"sort"
	"strconv"
)

// Weight is a share of what is contended, against the siblings' weights: 1 to
// 10,000, where the kernel starts with 100. The zero value leaves it alone.
type Weight uint16

// DefaultWeight is what a group has that nobody gave a weight.
const DefaultWeight Weight = 100

const mostWeight Weight = 10000

// Idle is no weight but a class of its own: CPUs that nobody else wants (cpu.idle,
// kernel 5.15; CPUWeight=idle, systemd 252).
const Idle Weight = 1<<16 - 1

// WeightFromShares converts cgroup v1's cpu.shares (2 to 262,144, default 1,024):
// the least, the default and the most meet those of weights. The curve through
// the three points is the one that OCI runtimes agreed on in 2025.
func WeightFromShares(shares uint64) Weight {
	const low, high = 2, 262144
	switch {
	case shares <= low:
		return 1
	case shares >= high:
		return mostWeight
	}
	l := math.Log2(float64(shares))
	return Weight(math.Ceil(math.Pow(10, (l*l+125*l)/612-7.0/34)))
}

// WeightFromNice gives a group, as a whole, what one process of a nice value
// (-20 to 19) has against another: each step is a factor of about 1.25, and 0 is
// the default weight. The kernel's cpu.weight.nice then reads as that value, down
// to 14: the least weights are too far apart to tell nice values from each other.
func WeightFromNice(nice int) (Weight, error) {
	if nice < -20 || nice > 19 {
		return 0, fmt.Errorf("cgroupv2: nice value %d; it is -20 to 19", nice)
	}
	return Weight(math.Round(float64(DefaultWeight) * math.Pow(1.25, -float64(nice)))), nil
}

// Shares is the least of cgroup v1's cpu.shares that converts to the weight: 1,024
// for the default. Idle has 2, the least there is.
func (w Weight) Shares() uint64 {
	if w == 0 || w == Idle {
		return 2
	}
	return uint64(2 + sort.Search(262144-2, func(n int) bool { return WeightFromShares(uint64(2+n)) >= min(w, mostWeight) }))
}

// Nice is the nice value that comes nearest: 0 for the default, 19 for Idle.
func (w Weight) Nice() int {
	if w == Idle || w == 0 {
		return 19
	}
	n := math.Round(math.Log(float64(DefaultWeight)/float64(w)) / math.Log(1.25))
	return int(min(max(n, -20), 19))
}

// ParseWeight reads "1" to "10000", and "idle".
func ParseWeight(s string) (Weight, error) {
	if s == "idle" {
		return Idle, nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || Weight(n) > mostWeight {
		return 0, fmt.Errorf("cgroupv2: weight %q; write a number from 1 to %d, or idle", s, mostWeight)
	}
	return Weight(n), nil
}

// String is the number, "idle", or "" for the zero value.
func (w Weight) String() string {
	switch w {
	case 0:
		return ""
	case Idle:
		return "idle"
	}
	return strconv.Itoa(int(w))
}

// MarshalText and UnmarshalText let a Weight stand in flags and configuration.
func (w Weight) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads what ParseWeight reads; empty text is the zero value.
func (w *Weight) UnmarshalText(b []byte) error { return unmarshal(b, w, ParseWeight) }

func (w Weight) validate(field string) error {
	if w > mostWeight && w != Idle {
		return fieldError(field, w.String(), "a weight is 1 to 10000")
	}
	return nil
}
