package cgroupv2

import (
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

// String is the amount, "infinity", or "" for the zero value.
func (r Rate) String() string {
	switch r.state {
	case unset:
		return ""
	case unlimited:
		return "infinity"
	}
	return strconv.FormatUint(r.n, 10)
}

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
		{"rbps", "IOReadBandwidthMax", l.ReadBytes}, {"wbps", "IOWriteBandwidthMax", l.WriteBytes},
		{"riops", "IOReadIOPSMax", l.ReadOps}, {"wiops", "IOWriteIOPSMax", l.WriteOps},
	}
}

type ioRate struct {
	key, directive string
	rate           Rate
}

func (l IOLimit) validate(field string) error {
	if !numbers.MatchString(l.Device) && (!node.MatchString(l.Device) || strings.Contains(l.Device, "..")) {
		return fmt.Errorf("cgroupv2: %s.Device=%q; it is a whole disk's node (/dev/vdb) or its numbers (254:16)", field, l.Device)
	}
	some := false
	for _, r := range l.each() {
		some = some || r.rate.state != unset
		if r.rate.state == limited && r.rate.n == 0 {
			return fmt.Errorf("cgroupv2: %s %s=0 for %s; nothing could be read or written: give a rate, or UnlimitedRate", field, r.key, l.Device)
		}
	}
	if !some {
		return fmt.Errorf("cgroupv2: %s for %s limits nothing; set one of its rates", field, l.Device)
	}
	return nil
}

// path is the device as systemd wants it: a node.
func (l IOLimit) path() string {
	if numbers.MatchString(l.Device) {
		return "/dev/block/" + l.Device
	}
	return l.Device
}
