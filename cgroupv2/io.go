package cgroupv2

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Rate is an amount a second, of bytes or of operations. The zero value leaves
// a limit alone.
type Rate struct {
	state state
	n     uint64
}

// UnlimitedRate takes a limit away.
var UnlimitedRate = Rate{state: unlimited}

// PerSecond is an amount a second.
func PerSecond(n uint64) Rate { return Rate{state: limited, n: n} }

// IsSet says whether it is anything but the zero value.
func (r Rate) IsSet() bool { return r.state != unset }

// PerSecond is the amount, and whether there is one.
func (r Rate) PerSecond() (uint64, bool) { return r.n, r.state == limited }

// String is the amount, "infinity", or "" for the zero value.
func (r Rate) String() string { return amountText(r.state, r.n, "infinity") }

func (r Rate) kernel() string { return amountText(r.state, r.n, "max") }

// mostRate keeps clear of what the kernel takes for "max".
const mostRate = 1 << 62

// ParseRate reads "10485760", "10MiB", "10MB" and "infinity" (or "max"), each
// amount perhaps followed by "/s". KiB, MiB, GiB are to the base of 1,024; kB,
// MB, GB of 1,000. A bare K, M or G is refused: systemd takes it for 1,000, and
// the kernel drops it and reads ten bytes a second.
func ParseRate(s string) (Rate, error) {
	if s == "infinity" || s == "max" {
		return UnlimitedRate, nil
	}
	number := strings.TrimSuffix(s, "/s")
	scale := uint64(1)
	for suffix, factor := range map[string]uint64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 1e3, "MB": 1e6, "GB": 1e9} {
		if n, ok := strings.CutSuffix(number, suffix); ok {
			number, scale = n, factor
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || n == 0 || n > mostRate/scale {
		return Rate{}, fmt.Errorf("cgroupv2: rate %q; write 10MiB/s, 10MB/s, a number a second from 1, or infinity", s)
	}
	return PerSecond(n * scale), nil
}

// MarshalText and UnmarshalText let a Rate stand in flags and configuration.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what ParseRate reads; empty text is the zero value.
func (r *Rate) UnmarshalText(b []byte) error { return unmarshal(b, r, ParseRate) }

// IOLimit limits one disk.
type IOLimit struct {
	// Device is the disk's node ("/dev/vdb") or its numbers ("254:16"). It is a
	// whole disk: the kernel refuses a partition.
	Device string
	// Bytes and operations a second, each way. Zero: left alone.
	ReadBytes, WriteBytes, ReadOps, WriteOps Rate
}

var (
	numbers = regexp.MustCompile(`^(\d{1,8}):(\d{1,8})$`)
	node    = regexp.MustCompile(`^/dev/[A-Za-z0-9/_.:+-]+$`)
)

// each gives the four limits with their names in io.max and in systemd.
func (l IOLimit) each() []ioRate {
	return []ioRate{
		{"ReadBytes", "rbps", "IOReadBandwidthMax", l.ReadBytes}, {"WriteBytes", "wbps", "IOWriteBandwidthMax", l.WriteBytes},
		{"ReadOps", "riops", "IOReadIOPSMax", l.ReadOps}, {"WriteOps", "wiops", "IOWriteIOPSMax", l.WriteOps},
	}
}

type ioRate struct {
	field, key, directive string
	rate                  Rate
}

func (l IOLimit) validate(field string) error {
	var errs []error
	if !numbers.MatchString(l.Device) && (!node.MatchString(l.Device) || strings.Contains(l.Device, "..")) {
		errs = append(errs, fieldError(field+".Device", strconv.Quote(l.Device), "it is a whole disk's node (/dev/vdb) or its numbers (254:16)"))
	}
	some := false
	for _, r := range l.each() {
		some = some || r.rate.IsSet()
		if n, ok := r.rate.PerSecond(); ok && (n == 0 || n > mostRate) {
			errs = append(errs, fieldError(field+"."+r.field, r.rate.String(), "give a rate from 1 (0 is not unlimited: nothing could be read or written), or UnlimitedRate"))
		}
	}
	if !some {
		errs = append(errs, fieldError(field, l.Device, "it limits nothing; set one of its rates"))
	}
	return errors.Join(errs...)
}

// path is the device as systemd wants it: a node. It takes the numbers out of
// /dev/block's names without looking whether they exist there (measured: 247, 257).
func (l IOLimit) path() string {
	if numbers.MatchString(l.Device) {
		return "/dev/block/" + l.Device
	}
	return l.Device
}
