package unit

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate/unit/internal/directives"
	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// Over D-Bus directives are typed properties, some with names of their own
// (org.freedesktop.systemd1(5)). assign makes them of a directive as it stands in
// a file; an empty value, which resets a list, has no property.

// busKinds are directives by how they are written on the bus. Of what is not
// here, BOOLEAN, SECONDS, MODE and the limits of processes follow from the table
// of directives.
var busKinds = map[string]func(name, value string) ([]sd.Property, error){
	"CPUQuota": busQuota, "CPUWeight": busWeight, "StartupCPUWeight": busWeight, "IOWeight": busWeight, "StartupIOWeight": busWeight,
	"MemoryMin": busSize, "MemoryLow": busSize, "MemoryHigh": busSize, "MemoryMax": busSize, "MemorySwapMax": busSize, "MemoryZSwapMax": busSize,
	"TasksMax": busSize, "AllowedCPUs": busNumbers, "AllowedMemoryNodes": busNumbers,
	"IOReadBandwidthMax": busDevice, "IOWriteBandwidthMax": busDevice, "IOReadIOPSMax": busDevice, "IOWriteIOPSMax": busDevice, "IODeviceWeight": busDevice,
	"IODeviceLatencyTargetSec": busDeviceLatency, "IPAddressAllow": busAddresses, "IPAddressDeny": busAddresses, "DeviceAllow": busDeviceAllow,
	"CapabilityBoundingSet": busCapabilities, "AmbientCapabilities": busCapabilities, "RestrictNamespaces": busNamespaces,
	"SystemCallFilter": busFilter, "RestrictAddressFamilies": busFilter, "RestrictFileSystems": busFilter, "SystemCallErrorNumber": busErrno,
	"EnvironmentFile": busEnvironmentFile, "LoadCredential": busCredential,
	"Nice": busInt, "OOMScoreAdjust": busInt, "StartLimitBurst": busUint, "RestartSteps": busUint,
}

// busTexts are passed as they are, busLists as lists of words.
var (
	busTexts = strings.Fields(`Description User Group Slice WorkingDirectory RootDirectory Type Restart RestartMode KillMode ProtectSystem ProtectHome ProtectProc
		ProcSubset KeyringMode DevicePolicy NotifyAccess SyslogIdentifier StandardInput StandardOutput StandardError OOMPolicy ExitType ManagedOOMSwap
		ManagedOOMMemoryPressure ManagedOOMPreference DelegateSubgroup`)
	busLists = strings.Fields(`Requires Wants After Before BindsTo PartOf Conflicts OnFailure Environment SystemCallArchitectures ReadWritePaths ReadOnlyPaths InaccessiblePaths
		StateDirectory CacheDirectory LogsDirectory RuntimeDirectory ConfigurationDirectory Documentation`)
)

func assign(d Directive) ([]sd.Property, error) {
	if f := busKinds[d.Name]; f != nil {
		return f(d.Name, d.Value)
	}
	switch {
	case slices.Contains(busTexts, d.Name):
		return one(d.Name, strings.ReplaceAll(d.Value, "%%", "%")), nil
	case slices.Contains(busLists, d.Name):
		words, ok := split(d.Value)
		if !ok {
			return nil, unassignable(d.Name, d.Value)
		}
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "%%", "%")
		}
		return one(d.Name, words), nil
	}
	known, ok := directives.Find(d.Section, d.Name)
	switch {
	case !ok:
	case known.Kind == "BOOLEAN":
		if on, ok := boolean(d.Value); ok {
			return one(d.Name, on), nil
		}
	case known.Kind == "SECONDS":
		if strings.HasSuffix(d.Name, "Sec") {
			return busSpan(d.Name, d.Value)
		}
	case known.Kind == "MODE":
		if mode, err := strconv.ParseUint(d.Value, 8, 12); err == nil {
			return one(d.Name, uint32(mode)), nil
		}
	case strings.HasPrefix(d.Name, "Limit"):
		return busRlimit(d.Name, d.Value)
	}
	switch d.Name {
	case "TimeoutStartSec", "TimeoutStopSec", "RestartMaxDelaySec", "RuntimeMaxSec", "WatchdogSec":
		return busSpan(d.Name, d.Value)
	}
	return nil, unassignable(d.Name, d.Value)
}

func unassignable(name, value string) error {
	return fmt.Errorf("unit: %s=%s can't be set on a unit that runs, or for one; write it into the unit's file", name, value)
}

func one(name string, value any) []sd.Property {
	return []sd.Property{{Name: name, Value: dbus.MakeVariant(value)}}
}

// busSpan is a span of time; "Sec" in the directive's name is "USec" on the bus.
func busSpan(directive, value string) ([]sd.Property, error) {
	name := strings.TrimSuffix(directive, "Sec") + "USec"
	if value == "infinity" {
		return one(name, uint64(math.MaxUint64)), nil
	}
	v, ok := timeSpan(value)
	if !ok {
		return nil, unassignable(directive, value)
	}
	return one(name, uint64(v.Microseconds())), nil
}

func busQuota(name, value string) ([]sd.Property, error) {
	if value == "" {
		return one("CPUQuotaPerSecUSec", uint64(math.MaxUint64)), nil
	}
	number, percent := strings.CutSuffix(value, "%")
	v, err := strconv.ParseFloat(number, 64)
	if !percent || err != nil || v <= 0 {
		return nil, fmt.Errorf("unit: %s=%s; it is a percentage of one CPU, such as 50%%", name, value)
	}
	return one("CPUQuotaPerSecUSec", uint64(math.Round(v*1e4))), nil
}

func busWeight(name, value string) ([]sd.Property, error) {
	if value == "" {
		return one(name, uint64(math.MaxUint64)), nil
	}
	if value == "idle" {
		return one(name, uint64(0)), nil
	}
	v, err := strconv.ParseUint(value, 10, 64)
	if err != nil || v < 1 || v > 10000 {
		return nil, fmt.Errorf("unit: %s=%s; a weight is 1 to 10000", name, value)
	}
	return one(name, v), nil
}

// busSize is an amount of bytes or tasks, or a share of all there is.
func busSize(name, value string) ([]sd.Property, error) {
	if value == "" || value == "infinity" {
		return one(name, uint64(math.MaxUint64)), nil
	}
	if number, percent := strings.CutSuffix(value, "%"); percent {
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || v < 0 || v > 100 {
			return nil, fmt.Errorf("unit: %s=%s; a share is 0%% to 100%%", name, value)
		}
		return one(name+"Scale", uint32(math.Round(v/100*math.MaxUint32))), nil
	}
	if v, err := strconv.ParseUint(value, 10, 64); err == nil {
		return one(name, v), nil
	}
	v, ok := quantity(value, sizeUnits)
	if !ok || v < 0 || v > 1<<60 {
		return nil, fmt.Errorf("unit: %s=%s; write a number, K, M, G or T behind it", name, value)
	}
	return one(name, uint64(v)), nil
}

// busNumbers are CPUs or nodes, "0-3 5", as a bitmap.
func busNumbers(name, value string) ([]sd.Property, error) {
	bits := []byte{}
	for _, w := range strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ',' }) {
		from, to, isRange := strings.Cut(w, "-")
		if !isRange {
			to = from
		}
		a, errA := strconv.ParseUint(from, 10, 13)
		b, errB := strconv.ParseUint(to, 10, 13)
		if errA != nil || errB != nil || a > b {
			return nil, fmt.Errorf("unit: %s=%s; write numbers and ranges, 0-3 5", name, value)
		}
		for n := a; n <= b; n++ {
			for uint64(len(bits)) <= n/8 {
				bits = append(bits, 0)
			}
			bits[n/8] |= 1 << (n % 8)
		}
	}
	return one(name, bits), nil
}

type deviceValue struct {
	Path  string
	Value uint64
}

func busDevice(name, value string) ([]sd.Property, error) {
	path, amount, ok := strings.Cut(value, " ")
	if value == "" {
		return one(name, []deviceValue{}), nil
	}
	v, sized := quantity(amount, map[string]float64{"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}) // to the base of 1000 here (systemd.resource-control(5))
	if !ok || !sized {
		return nil, unassignable(name, value)
	}
	n := uint64(math.MaxUint64)
	if !math.IsInf(v, 1) {
		n = uint64(v)
	}
	return one(name, []deviceValue{{path, n}}), nil
}

func busDeviceLatency(name, value string) ([]sd.Property, error) {
	path, amount, _ := strings.Cut(value, " ")
	v, ok := timeSpan(amount)
	if !ok {
		return nil, unassignable(name, value)
	}
	return one("IODeviceLatencyTargetUSec", []deviceValue{{path, uint64(v.Microseconds())}}), nil
}

func busDeviceAllow(name, value string) ([]sd.Property, error) {
	path, access, _ := strings.Cut(value, " ")
	return one(name, []struct{ Path, Access string }{{path, access}}), nil
}

type addressPrefix struct {
	Family  int32
	Address []byte
	Length  uint32
}

const (
	afINET  = 2
	afINET6 = 10
)

func busAddresses(name, value string) ([]sd.Property, error) {
	list := []addressPrefix{}
	four := func(a string, n uint32) {
		list = append(list, addressPrefix{afINET, netip.MustParseAddr(a).AsSlice(), n})
	}
	six := func(a string, n uint32) {
		list = append(list, addressPrefix{afINET6, netip.MustParseAddr(a).AsSlice(), n})
	}
	for _, w := range strings.Fields(value) {
		switch w {
		case "any":
			four("0.0.0.0", 0)
			six("::", 0)
		case "localhost":
			four("127.0.0.0", 8)
			six("::1", 128)
		case "link-local":
			four("169.254.0.0", 16)
			six("fe80::", 64)
		case "multicast":
			four("224.0.0.0", 4)
			six("ff00::", 8)
		default:
			p, err := netip.ParsePrefix(w)
			if err != nil {
				a, err := netip.ParseAddr(w)
				if err != nil {
					return nil, unassignable(name, value)
				}
				p = netip.PrefixFrom(a, a.BitLen())
			}
			family := int32(afINET6)
			if p.Addr().Is4() {
				family = afINET
			}
			list = append(list, addressPrefix{family, p.Addr().AsSlice(), uint32(p.Bits())})
		}
	}
	return one(name, list), nil
}

// capabilityNames in the order of their numbers (capability.h).
var capabilityNames = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN
	NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
	AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

func busCapabilities(name, value string) ([]sd.Property, error) {
	list, inverted := strings.CutPrefix(value, "~")
	var bits uint64
	for _, w := range strings.Fields(list) {
		n := slices.Index(capabilityNames, strings.TrimPrefix(w, "CAP_"))
		if n < 0 {
			return nil, unassignable(name, value)
		}
		bits |= 1 << n
	}
	if inverted {
		bits = ^bits & (1<<len(capabilityNames) - 1)
	}
	return one(name, bits), nil
}

// namespaceFlags of clone(2).
var namespaceFlags = map[string]uint64{"cgroup": 0x02000000, "ipc": 0x08000000, "net": 0x40000000, "mnt": 0x00020000, "pid": 0x20000000, "user": 0x10000000, "uts": 0x04000000}

// busNamespaces are those that remain allowed.
func busNamespaces(name, value string) ([]sd.Property, error) {
	var all, listed uint64
	for _, f := range namespaceFlags {
		all |= f
	}
	if on, ok := boolean(value); ok {
		if on {
			return one(name, uint64(0)), nil
		}
		return one(name, all), nil
	}
	list, inverted := strings.CutPrefix(value, "~")
	for _, w := range strings.Fields(list) {
		f, ok := namespaceFlags[w]
		if !ok {
			return nil, unassignable(name, value)
		}
		listed |= f
	}
	if inverted {
		listed = all &^ listed
	}
	return one(name, listed), nil
}

type filter struct {
	Allow bool
	Names []string
}

func busFilter(name, value string) ([]sd.Property, error) {
	list, inverted := strings.CutPrefix(value, "~")
	return one(name, filter{!inverted, append([]string{}, strings.Fields(list)...)}), nil
}

func busErrno(name, value string) ([]sd.Property, error) {
	n, ok := map[string]int32{"EPERM": 1, "EACCES": 13, "ENOSYS": 38}[value]
	if v, err := strconv.ParseInt(value, 10, 12); err == nil {
		n, ok = int32(v), true
	}
	if !ok {
		return nil, unassignable(name, value)
	}
	return one(name, n), nil
}

func busEnvironmentFile(_, value string) ([]sd.Property, error) {
	path, optional := strings.CutPrefix(value, "-")
	return one("EnvironmentFiles", []struct {
		Path     string
		Optional bool
	}{{path, optional}}), nil
}

func busCredential(name, value string) ([]sd.Property, error) {
	id, path, ok := strings.Cut(value, ":")
	if !ok {
		return nil, unassignable(name, value)
	}
	return one(name, []struct{ ID, Path string }{{id, path}}), nil
}

func busInt(name, value string) ([]sd.Property, error) {
	v, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return nil, unassignable(name, value)
	}
	return one(name, int32(v)), nil
}

func busUint(name, value string) ([]sd.Property, error) {
	v, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return nil, unassignable(name, value)
	}
	return one(name, uint32(v)), nil
}

func busRlimit(name, value string) ([]sd.Property, error) {
	soft, hard, both := strings.Cut(value, ":")
	if !both {
		hard = soft
	}
	number := func(s string) (uint64, bool) {
		if s == "infinity" {
			return math.MaxUint64, true
		}
		v, ok := quantity(s, sizeUnits)
		return uint64(v), ok && v >= 0 && v < 1<<62
	}
	s, okS := number(soft)
	h, okH := number(hard)
	if !okS || !okH {
		return nil, unassignable(name, value)
	}
	return append(one(name, h), one(name+"Soft", s)...), nil
}
