package cgroupv2

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// state says whether a limit was given. Zero: it leaves things alone.
type state uint8

const (
	unset state = iota
	limited
	unlimited
	invalid
)

// Memory is an amount of memory. The zero value leaves a limit alone; Bytes(0)
// is none at all.
type Memory struct {
	state state
	bytes uint64
	text  string // of an invalid one
}

// UnlimitedMemory takes a limit away.
var UnlimitedMemory = Memory{state: unlimited}

// Bytes is an amount of memory. The kernel rounds it down to whole pages.
func Bytes(n uint64) Memory { return Memory{state: limited, bytes: n} }

// KiB is n × 1,024 bytes.
func KiB(n uint64) Memory { return scaled(n, 10) }

// MiB is n × 1,048,576 bytes.
func MiB(n uint64) Memory { return scaled(n, 20) }

// GiB is n × 1,073,741,824 bytes.
func GiB(n uint64) Memory { return scaled(n, 30) }

func scaled(n uint64, shift int) Memory {
	if n > math.MaxInt64>>shift {
		return Memory{state: invalid, text: fmt.Sprintf("%d<<%d bytes", n, shift)}
	}
	return Bytes(n << shift)
}

// IsSet says whether it is anything but the zero value.
func (m Memory) IsSet() bool { return m.state != unset }

// Bytes is the amount, and whether there is one: not for the zero value, not
// for UnlimitedMemory.
func (m Memory) Bytes() (uint64, bool) { return m.bytes, m.state == limited }

// String is "512M", "1000000", "infinity", or "" for the zero value: systemd's
// own spelling.
func (m Memory) String() string {
	switch m.state {
	case unset:
		return ""
	case unlimited:
		return "infinity"
	case invalid:
		return "invalid(" + m.text + ")"
	}
	for _, unit := range []struct {
		shift int
		name  string
	}{{40, "T"}, {30, "G"}, {20, "M"}, {10, "K"}} {
		if m.bytes != 0 && m.bytes%(1<<unit.shift) == 0 {
			return strconv.FormatUint(m.bytes>>unit.shift, 10) + unit.name
		}
	}
	return strconv.FormatUint(m.bytes, 10)
}

// kernel is the amount as it stands in memory.max.
func (m Memory) kernel() string {
	if m.state == unlimited {
		return "max"
	}
	return strconv.FormatUint(m.bytes, 10)
}

// ParseMemory reads "512M", "1.5G", "1000000" and "infinity" (or "max").
// Suffixes are K, M, G, T with an optional iB, to the base of 1,024. "512MB",
// which systemd ignores and the kernel refuses, is an error.
func ParseMemory(s string) (Memory, error) {
	bad := func(why string) (Memory, error) {
		return Memory{}, fmt.Errorf("cgroupv2: memory %q: %s; write 512M, 1.5G, a number of bytes, or infinity", s, why)
	}
	text := strings.TrimSpace(s)
	if text == "infinity" || text == "max" {
		return UnlimitedMemory, nil
	}
	if strings.HasSuffix(text, "B") && !strings.HasSuffix(text, "iB") {
		return bad("B after K, M, G could mean 1,000 or 1,024")
	}
	number, shift := strings.TrimSuffix(text, "iB"), 0
	if number == "" {
		return bad("it is empty")
	}
	if i := strings.IndexByte("KMGT", number[len(number)-1]); i >= 0 {
		number, shift = number[:len(number)-1], 10*(i+1)
	} else if number != text {
		return bad("iB needs K, M, G or T before it")
	}
	if n, err := strconv.ParseUint(number, 10, 63); err == nil {
		m := scaled(n, shift)
		if m.state == invalid {
			return bad("it is more than can be counted")
		}
		return m, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || strings.ContainsAny(number, "eExXpPnNiI_+-") {
		return bad("it is no amount")
	}
	f *= float64(uint64(1) << shift)
	if f >= math.MaxInt64 || f != math.Trunc(f) {
		return bad("it is no whole number of bytes")
	}
	return Bytes(uint64(f)), nil
}

// MarshalText and UnmarshalText let a Memory stand in flags and configuration.
func (m Memory) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what ParseMemory reads; empty text is the zero value.
func (m *Memory) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*m = Memory{}
		return nil
	}
	*m, err = ParseMemory(string(b))
	return err
}

// least is the smallest memory.max that is not a mistake: below it not even a
// shell starts, and 0 kills everything in the group.
const least = 1 << 20

func (m Memory) validate(field string, floor uint64) error {
	switch {
	case m.state == invalid:
		return fmt.Errorf("cgroupv2: %s=%s is more than can be counted", field, m.text)
	case m.state == limited && m.bytes < floor:
		return fmt.Errorf("cgroupv2: %s=%s would kill everything in the group (0 is not unlimited); give at least %s, or UnlimitedMemory", field, m, Bytes(floor))
	}
	return nil
}
