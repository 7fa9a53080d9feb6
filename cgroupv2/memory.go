package cgroupv2

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// state says whether a limit was given. Zero: it leaves things alone.
type state uint8

const (
	unset state = iota
	limited
	unlimited
	relative
	invalid
)

// Memory is an amount of memory. The zero value leaves a limit alone; Bytes(0)
// is none at all.
type Memory struct {
	state state
	n     uint64 // bytes; hundredths of a percent of a relative one
	text  string // of an invalid one
}

// UnlimitedMemory takes a limit away.
var UnlimitedMemory = Memory{state: unlimited}

// Bytes is an amount of memory. The kernel rounds it down to whole pages.
func Bytes(n uint64) Memory {
	if n > mostBytes {
		return Memory{state: invalid, text: strconv.FormatUint(n, 10)}
	}
	return Memory{state: limited, n: n}
}

// mostBytes keeps clear of what the kernel takes for "max".
const mostBytes = 1 << 62

// KiB is n × 1,024 bytes.
func KiB(n uint64) Memory { return scaled(n, 10) }

// MiB is n × 1,048,576 bytes.
func MiB(n uint64) Memory { return scaled(n, 20) }

// GiB is n × 1,073,741,824 bytes.
func GiB(n uint64) Memory { return scaled(n, 30) }

func scaled(n uint64, shift int) Memory {
	if n > mostBytes>>shift {
		return Memory{state: invalid, text: fmt.Sprintf("%d%c", n, " KMGT"[shift/10])}
	}
	return Bytes(n << shift)
}

// MemoryPercent is a part of the machine's memory, to a hundredth of a percent.
// Set takes it of the memory that the kernel has, as systemd does.
func MemoryPercent(p float64) Memory {
	if math.IsNaN(p) || p < 0 || p > 100 {
		return Memory{state: invalid, text: strconv.FormatFloat(p, 'g', -1, 64) + "%"}
	}
	return Memory{state: relative, n: uint64(math.Round(p * 100))}
}

// IsSet says whether it is anything but the zero value.
func (m Memory) IsSet() bool { return m.state != unset }

// Bytes is the amount, and whether there is one: not for the zero value, not
// for UnlimitedMemory, not for a percentage before Of made it an amount.
func (m Memory) Bytes() (uint64, bool) { return m.n, m.state == limited }

// Of makes an amount of a percentage, given the machine's memory in bytes.
// Everything else stays as it is.
func (m Memory) Of(total uint64) Memory {
	if m.state != relative {
		return m
	}
	return Bytes(total/10000*m.n + total%10000*m.n/10000)
}

// String is "512M", "1000000", "75%", "infinity", or "" for the zero value:
// systemd's own spelling.
func (m Memory) String() string {
	switch m.state {
	case unset:
		return ""
	case unlimited:
		return "infinity"
	case relative:
		return strconv.FormatFloat(float64(m.n)/100, 'f', -1, 64) + "%"
	case invalid:
		return "invalid(" + m.text + ")"
	}
	for _, unit := range []struct {
		shift int
		name  string
	}{{40, "T"}, {30, "G"}, {20, "M"}, {10, "K"}} {
		if m.n != 0 && m.n%(1<<unit.shift) == 0 {
			return strconv.FormatUint(m.n>>unit.shift, 10) + unit.name
		}
	}
	return strconv.FormatUint(m.n, 10)
}

// kernel is the amount as it stands in memory.max.
func (m Memory) kernel() string {
	if m.state == unlimited {
		return "max"
	}
	return strconv.FormatUint(m.n, 10)
}

// kept is what the kernel makes of the amount: it counts whole pages.
func (m Memory) kept() Memory {
	if m.state == limited {
		m.n -= m.n % uint64(os.Getpagesize())
	}
	return m
}

// ParseMemory reads "512M", "1.5G", "1000000", "75%" and "infinity" (or "max").
// Suffixes are K, M, G, T with an optional iB, to the base of 1,024. "512MB",
// which systemd ignores and the kernel refuses, is an error. Parts of a byte
// are dropped.
func ParseMemory(s string) (Memory, error) {
	bad := func(why string) (Memory, error) {
		return Memory{}, fmt.Errorf("cgroupv2: memory %q: %s; write 512M, 1.5G, 75%%, a number of bytes, or infinity", s, why)
	}
	text := strings.TrimSpace(s)
	if text == "infinity" || text == "max" {
		return UnlimitedMemory, nil
	}
	if strings.HasSuffix(text, "B") && !strings.HasSuffix(text, "iB") {
		return bad("B after K, M, G could mean 1,000 or 1,024")
	}
	if number, ok := strings.CutSuffix(text, "%"); ok {
		if !decimal(number, 2) {
			return bad("a percentage has digits, and at most two after the point")
		}
		f, err := strconv.ParseFloat(number, 64)
		if err != nil || f > 100 {
			return bad("a percentage is 0 to 100")
		}
		return MemoryPercent(f), nil
	}
	number, shift := strings.TrimSuffix(text, "iB"), 0
	if number == "" {
		return bad("it has no number")
	}
	if i := strings.IndexByte("KMGT", number[len(number)-1]); i >= 0 {
		number, shift = number[:len(number)-1], 10*(i+1)
	} else if number != text {
		return bad("iB needs K, M, G or T before it")
	}
	if !decimal(number, len(number)) {
		return bad("it is no amount")
	}
	m := Memory{state: invalid}
	if n, err := strconv.ParseUint(number, 10, 64); err == nil {
		m = scaled(n, shift)
	} else if f, err := strconv.ParseFloat(number, 64); err == nil && shift > 0 && f*float64(uint64(1)<<shift) < mostBytes {
		m = Bytes(uint64(f * float64(uint64(1)<<shift)))
	} else if shift == 0 && strings.Contains(number, ".") {
		return bad("there is no part of a byte")
	}
	if m.state == invalid {
		return bad("it is more than can be counted")
	}
	return m, nil
}

// decimal says whether s is digits with at most so many after a point: no sign,
// no exponent, no hexadecimal, all of which strconv takes.
func decimal(s string, places int) bool {
	whole, part, point := strings.Cut(s, ".")
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	return whole != "" && digits(whole) && digits(part) && len(part) <= places && (!point || part != "")
}

// MarshalText and UnmarshalText let a Memory stand in flags and configuration.
func (m Memory) MarshalText() ([]byte, error) { return marshal(m.state, m.String()) }

// UnmarshalText reads what ParseMemory reads; empty text is the zero value.
func (m *Memory) UnmarshalText(b []byte) error { return unmarshal(b, m, ParseMemory) }

func marshal(s state, text string) ([]byte, error) {
	if s == invalid {
		return nil, fmt.Errorf("cgroupv2: %s has no text form", text)
	}
	return []byte(text), nil
}

// unmarshal leaves the value alone where the text is wrong.
func unmarshal[T any](b []byte, to *T, parse func(string) (T, error)) error {
	var v T
	if len(b) > 0 {
		var err error
		if v, err = parse(string(b)); err != nil {
			return err
		}
	}
	*to = v
	return nil
}

// least is the smallest memory.max that is not a mistake: below it not even a
// shell starts, and 0 kills everything in the group.
const least = 1 << 20

func (m Memory) validate(field string, floor uint64) error {
	switch {
	case m.state == invalid:
		return fieldError(field, m.text, "it is no amount of memory that can be; MiB(512), MemoryPercent(75), or UnlimitedMemory")
	case m.state == limited && m.n < floor:
		return fieldError(field, m.String(), fmt.Sprintf("it would kill or stop everything in the group (0 is not unlimited); give at least %s, or UnlimitedMemory", Bytes(floor)))
	case m.state == relative && m.n == 0 && floor > 0:
		return fieldError(field, m.String(), "it would kill or stop everything in the group (0 is not unlimited); give more, or UnlimitedMemory")
	}
	return nil
}
