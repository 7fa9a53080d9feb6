package unit

import (
	"math"
	"net/netip"
	"slices"
	"strings"

	sd "github.com/coreos/go-systemd/v22/dbus"
)

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
