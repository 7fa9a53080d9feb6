package cgroupv2

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
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
	// Device is the disk: its node ("/dev/vdb"), its numbers ("254:16"), or
	// something that lies on it and on no other, as Disks finds it: a path
	// ("/var/lib/app"), a node of LVM, LUKS, md ("/dev/mapper/data"). A partition is
	// refused: limits are for whole disks.
	Device string
	// Bytes and operations a second, each way. Zero: left alone.
	ReadBytes, WriteBytes, ReadOps, WriteOps Rate
}

var (
	numbers = regexp.MustCompile(`^(\d{1,8}):(\d{1,8})$`)
	place   = regexp.MustCompile(`^/[A-Za-z0-9/_.:+@=-]*$`)
)

// validDevice: what systemd's directives can hold as well.
func validDevice(field, device string) error {
	if !numbers.MatchString(device) && (!place.MatchString(device) || slices.Contains(strings.Split(device, "/"), "..")) {
		return fieldError(field, strconv.Quote(device), "it is a disk's node (/dev/vdb), its numbers (254:16), or an absolute path that lies on it")
	}
	return nil
}

// IODeviceWeight is a group's share of one disk: see Limits.IOWeight.
type IODeviceWeight struct {
	Device string // as in IOLimit
	Weight Weight
}

func (w IODeviceWeight) validate(field string) error {
	err := validDevice(field+".Device", w.Device)
	if w.Weight == 0 || w.Weight > mostWeight {
		err = errors.Join(err, fieldError(field+".Weight", w.Weight.String(), "it is 1 to 10000"))
	}
	return err
}

// IODeviceLatency is how long a group's reads and writes of a disk may take; where
// they take longer, siblings with a longer target, or none, are held back
// (io.latency, a matter of the kernel's configuration).
type IODeviceLatency struct {
	Device string // as in IOLimit
	Target time.Duration
}

func (l IODeviceLatency) validate(field string) error {
	err := validDevice(field+".Device", l.Device)
	if l.Target < time.Microsecond || l.Target > time.Minute || l.Target%time.Microsecond != 0 {
		err = errors.Join(err, fieldError(field+".Target", l.Target.String(), "it is 1µs to 1m, such as 20ms"))
	}
	return err
}

// bfq is the weight as the BFQ scheduler counts, from 1 to 1,000 with the same
// default: what is above that is squeezed, as systemd does it.
func (w Weight) bfq() Weight {
	if w <= DefaultWeight {
		return w
	}
	return DefaultWeight + Weight(int(w-DefaultWeight)*(1000-int(DefaultWeight))/int(mostWeight-DefaultWeight))
}

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
	errs = append(errs, validDevice(field+".Device", l.Device))
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
func (l IOLimit) path() string { return systemdPath(l.Device) }

func systemdPath(device string) string {
	if numbers.MatchString(device) {
		return "/dev/block/" + device
	}
	return device
}
