package cgroupv2

import (
	"fmt"
	"strconv"
)

// Count is a number of tasks: processes and threads. The zero value leaves a
// limit alone.
type Count struct {
	state state
	n     uint64
}

// UnlimitedTasks takes a limit away.
var UnlimitedTasks = Count{state: unlimited}

// Tasks is a number of tasks. A Go program has a dozen threads before it does anything.
func Tasks(n uint64) Count { return Count{state: limited, n: n} }

// IsSet says whether it is anything but the zero value.
func (c Count) IsSet() bool { return c.state != unset }

// Tasks is the number, and whether there is one.
func (c Count) Tasks() (uint64, bool) { return c.n, c.state == limited }

// String is the number, "infinity", or "" for the zero value.
func (c Count) String() string { return amountText(c.state, c.n, "infinity") }

func (c Count) kernel() string { return amountText(c.state, c.n, "max") }

func amountText(s state, n uint64, none string) string {
	switch s {
	case unset:
		return ""
	case unlimited:
		return none
	}
	return strconv.FormatUint(n, 10)
}

// ParseCount reads "512" and "infinity" (or "max").
func ParseCount(s string) (Count, error) {
	if s == "infinity" || s == "max" {
		return UnlimitedTasks, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	c := Tasks(n)
	if err != nil || c.validate("") != nil {
		return Count{}, fmt.Errorf("cgroupv2: number of tasks %q; write 1 to %d, or infinity", s, mostTasks)
	}
	return c, nil
}

// MarshalText and UnmarshalText let a Count stand in flags and configuration.
func (c Count) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what ParseCount reads; empty text is the zero value.
func (c *Count) UnmarshalText(b []byte) error { return unmarshal(b, c, ParseCount) }

// mostTasks is the kernel's PID_MAX_LIMIT on 64-bit machines.
const mostTasks = 1 << 22

func (c Count) validate(field string) error {
	if c.state == limited && (c.n == 0 || c.n > mostTasks) {
		return fieldError(field, c.String(), fmt.Sprintf("it is 1 to %d, or UnlimitedTasks (0 is not unlimited: nothing could be started)", mostTasks))
	}
	return nil
}
