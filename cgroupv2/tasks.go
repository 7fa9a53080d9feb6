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
func (c Count) String() string {
	switch c.state {
	case unset:
		return ""
	case unlimited:
		return "infinity"
	}
	return strconv.FormatUint(c.n, 10)
}

func (c Count) kernel() string {
	if c.state == unlimited {
		return "max"
	}
	return strconv.FormatUint(c.n, 10)
}

// most is the kernel's PID_MAX_LIMIT on 64-bit machines.
const most = 1 << 22

func (c Count) validate(field string) error {
	if c.state == limited && (c.n == 0 || c.n > most) {
		return fmt.Errorf("cgroupv2: %s=%d; it is 1 to %d, or UnlimitedTasks (0 is not unlimited: nothing could be started)", field, c.n, most)
	}
	return nil
}
