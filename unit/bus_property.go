package unit

import (
	"fmt"
	"math"
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
	// busSwitches have words besides yes and no in newer versions, which the bus
	// knows by other names.
	busSwitches = strings.Fields("PrivateTmp PrivateMounts PrivateUsers PrivateDevices PrivateNetwork PrivateIPC PrivatePIDs ProtectControlGroups ProtectHostname Delegate")
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
	if on, ok := boolean(d.Value); ok && slices.Contains(busSwitches, d.Name) {
		return one(d.Name, on), nil
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
