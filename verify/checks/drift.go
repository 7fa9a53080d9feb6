package checks

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/unit"
	"github.com/bedplate/bedplate/verify"
)

// UnitInForce holds where systemd works with what the unit's files say: each
// directive that is known here is read from the unit's file and its drop-ins and
// compared with systemd's own property. A value that systemd ignored (it does so
// without failing: MemoryMax=512MB) and one that was changed in memory alone are
// found this way. What is compared is listed in the guide; directives with
// specifiers (%i) or quotes are not.
func UnitInForce(name string) verify.Check {
	return ofUnit(name, "in force", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		if err := absent(p); err != nil {
			return verify.Equal("the unit's files in force", "nothing").Because(err.Error(), "systemctl status "+name), nil
		}
		assigned, err := onDisk(p)
		if err != nil {
			return verify.Finding{}, err
		}
		var drifts []string
		compared := 0
		for _, key := range slices.Sorted(keys(assigned)) {
			compare, known := directives[key]
			if !known {
				continue
			}
			drift, ok := compare(p, key, assigned[key])
			if !ok {
				continue
			}
			compared++
			if drift != "" {
				drifts = append(drifts, drift)
			}
		}
		if len(drifts) > 0 {
			return verify.Finding{
				Status: verify.Fail, Wanted: "what the files say", Observed: fmt.Sprintf("%d of %d directives differ", len(drifts), compared),
				Cause: strings.Join(drifts, "; "), Remedy: "unit.Lint says which values systemd ignores; systemctl daemon-reload and restart " + name + " for the rest",
			}, nil
		}
		return verify.Passed(fmt.Sprintf("%d directives as in the files", compared)), nil
	})
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// onDisk gives the assignments of a unit's files in force, in order: an empty one
// takes back those before it.
func onDisk(p properties) (map[string][]string, error) {
	dropIns, err := get[[]string](p, "DropInPaths")
	if err != nil {
		return nil, err
	}
	assigned := map[string][]string{}
	for _, file := range append([]string{p.text("FragmentPath")}, dropIns...) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		f, err := unit.Parse(file, bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		for _, e := range f.Entries() {
			if e.Value == "" {
				delete(assigned, e.Key)
				continue
			}
			assigned[e.Key] = append(assigned[e.Key], e.Value)
		}
	}
	return assigned, nil
}

// comparison says how a directive and its property differ, and whether they
// could be compared.
type comparison func(p properties, key string, values []string) (drift string, ok bool)

// directives are those that can be compared, by name: names that are one
// section's only.
var directives = map[string]comparison{
	"ExecStart": compareArgv, "Environment": compareEnvironment, "LimitNOFILE": compareFiles, "CPUQuota": compareQuota,
	"ListenStream": compareListen("Stream"), "ListenDatagram": compareListen("Datagram"),
}

func init() {
	for _, key := range []string{
		"User", "Group", "Type", "Restart", "KillMode", "Slice", "WorkingDirectory", "RootDirectory", "ProtectSystem", "ProtectHome", "ProtectProc", "ProcSubset",
		"NotifyAccess", "SyslogIdentifier", "Description", "OOMPolicy", "DevicePolicy",
	} {
		directives[key] = compareWord
	}
	for _, key := range []string{
		"NoNewPrivileges", "PrivateTmp", "PrivateDevices", "PrivateUsers", "PrivateNetwork", "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs",
		"ProtectControlGroups", "ProtectClock", "ProtectHostname", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality", "MemoryDenyWriteExecute", "RemoveIPC",
		"DynamicUser", "RemainAfterExit", "Accept",
	} {
		directives[key] = compareBool
	}
	for _, key := range []string{"MemoryMax", "MemoryHigh", "MemoryLow", "MemoryMin", "MemorySwapMax"} {
		directives[key] = compareMemory
	}
	for _, key := range []string{"TasksMax", "CPUWeight", "IOWeight", "StartLimitBurst", "Backlog"} {
		directives[key] = compareCount
	}
	for key, property := range map[string]string{
		"RestartSec": "RestartUSec", "TimeoutStartSec": "TimeoutStartUSec", "TimeoutStopSec": "TimeoutStopUSec", "WatchdogSec": "WatchdogUSec",
		"StartLimitIntervalSec": "StartLimitIntervalUSec", "CPUQuotaPeriodSec": "CPUQuotaPeriodUSec",
	} {
		directives[key] = compareSpan(property)
	}
}

func last(values []string) string { return values[len(values)-1] }

// plain says that a value means what it says, without specifiers or quoting.
func plain(value string) bool { return !strings.ContainsAny(value, `%"'\$`) }

func differ(key, value, have string) string {
	return fmt.Sprintf("%s=%s, systemd has %s", key, value, have)
}

func compareWord(p properties, key string, values []string) (string, bool) {
	have, ok := p[key].(string)
	want := last(values)
	if !ok || !plain(want) || strings.HasPrefix(want, "-") || want == "~" {
		return "", false
	}
	if b, isBool := boolean(want); isBool && (have == "yes" || have == "no") {
		want = show(b)
	}
	if want != have {
		return differ(key, want, orNothing(have)), true
	}
	return "", true
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// boolean reads what systemd takes for one (parse_boolean).
func boolean(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "1", "yes", "y", "true", "t", "on":
		return true, true
	case "0", "no", "n", "false", "f", "off":
		return false, true
	}
	return false, false
}

func compareBool(p properties, key string, values []string) (string, bool) {
	have, ok := p[key].(bool)
	if !ok {
		return "", false // a newer systemd has more than two values
	}
	want, valid := boolean(last(values))
	if !valid || want != have {
		return differ(key, last(values), show(have)), true
	}
	return "", true
}

func compareMemory(p properties, key string, values []string) (string, bool) {
	have, ok := p[key].(uint64)
	if !ok || strings.HasSuffix(last(values), "%") {
		return "", false
	}
	m, err := cgroupv2.ParseMemory(last(values))
	want, limited := m.Bytes()
	if !limited {
		want = math.MaxUint64
	}
	if err != nil || want != have {
		return differ(key, last(values), show(have)), true
	}
	return "", true
}

func compareCount(p properties, key string, values []string) (string, bool) {
	var have uint64
	switch v := p[key].(type) {
	case uint64:
		have = v
	case uint32:
		have = uint64(v)
	default:
		return "", false
	}
	text := last(values)
	if strings.HasSuffix(text, "%") || text == "idle" {
		return "", false
	}
	want, err := strconv.ParseUint(text, 10, 64)
	if text == "infinity" {
		want, err = math.MaxUint64, nil
	}
	if err != nil || want != have {
		return differ(key, text, show(have)), true
	}
	return "", true
}

// compareQuota: 50% is half a second of CPU time in a second.
func compareQuota(p properties, key string, values []string) (string, bool) {
	have, ok := p["CPUQuotaPerSecUSec"].(uint64)
	if !ok {
		return "", false
	}
	number, isPercent := strings.CutSuffix(last(values), "%")
	percent, err := strconv.ParseFloat(number, 64)
	if !isPercent || err != nil || uint64(math.Round(percent*1e4)) != have {
		now := "none"
		if have != math.MaxUint64 {
			now = strconv.FormatFloat(float64(have)/1e4, 'f', -1, 64) + "%"
		}
		return differ(key, last(values), now), true
	}
	return "", true
}

func compareFiles(p properties, key string, values []string) (string, bool) {
	hard, ok := p["LimitNOFILE"].(uint64)
	soft, okSoft := p["LimitNOFILESoft"].(uint64)
	wantSoft, wantHard, two := strings.Cut(last(values), ":")
	if !two {
		wantHard = wantSoft
	}
	if !ok || !okSoft || wantHard == "infinity" || wantSoft == "infinity" {
		return "", false // infinity is what the kernel allows
	}
	if wantSoft != strconv.FormatUint(soft, 10) || wantHard != strconv.FormatUint(hard, 10) {
		return differ(key, last(values), fmt.Sprintf("%d:%d", soft, hard)), true
	}
	return "", true
}

// compareArgv compares the command lines, which systemd has as (path, argv, ...).
func compareArgv(p properties, key string, values []string) (string, bool) {
	commands, ok := p[key].([][]any)
	if !ok || !plain(strings.Join(values, "")) {
		return "", false
	}
	var have, want []string
	for _, c := range commands {
		if argv, ok := c[1].([]string); ok {
			have = append(have, strings.Join(argv, " "))
		}
	}
	for _, v := range values {
		want = append(want, strings.Join(strings.Fields(strings.TrimLeft(v, "-:+!")), " "))
	}
	if strings.HasPrefix(strings.TrimLeft(values[0], "-:+!"), "@") || strings.Contains(values[0], " ; ") {
		return "", false
	}
	if !slices.Equal(want, have) {
		return differ(key, strings.Join(want, "; "), orNothing(strings.Join(have, "; "))), true
	}
	return "", true
}

// compareEnvironment names variables, never their values.
func compareEnvironment(p properties, _ string, values []string) (string, bool) {
	list, ok := p["Environment"].([]string)
	if !ok || !plain(strings.Join(values, "")) {
		return "", false
	}
	have, want := map[string]string{}, map[string]string{}
	for _, kv := range list {
		name, value, _ := strings.Cut(kv, "=")
		have[name] = value
	}
	for _, kv := range strings.Fields(strings.Join(values, " ")) {
		name, value, _ := strings.Cut(kv, "=")
		want[name] = value
	}
	var names []string
	for name := range want {
		if value, ok := have[name]; !ok || value != want[name] {
			names = append(names, name)
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "", true
	}
	slices.Sort(names)
	return "Environment= differs in " + strings.Join(names, ", "), true
}

func compareListen(kind string) comparison {
	return func(p properties, key string, values []string) (string, bool) {
		pairs, ok := p["Listen"].([][]any)
		if !ok || !plain(strings.Join(values, "")) {
			return "", false
		}
		var have, want []string
		for _, pair := range pairs {
			if fmt.Sprint(pair[0]) == kind {
				have = append(have, fmt.Sprint(pair[1]))
			}
		}
		for _, v := range values {
			if _, err := strconv.ParseUint(v, 10, 16); err == nil {
				v = "[::]:" + v
			}
			want = append(want, v)
		}
		if !slices.Equal(want, have) {
			return differ(key, strings.Join(want, " "), orNothing(strings.Join(have, " "))), true
		}
		return "", true
	}
}

func compareSpan(property string) comparison {
	return func(p properties, key string, values []string) (string, bool) {
		have, ok := p[property].(uint64)
		if !ok {
			return "", false
		}
		want, valid := span(last(values))
		if !valid || want != have {
			now := "infinity"
			if have != math.MaxUint64 {
				now = (time.Duration(have) * time.Microsecond).String()
			}
			return differ(key, last(values), now), true
		}
		return "", true
	}
}

// spans are the units of systemd.time(7), in microseconds.
var spans = map[string]float64{
	"usec": 1, "us": 1, "µs": 1, "msec": 1e3, "ms": 1e3, "seconds": 1e6, "second": 1e6, "sec": 1e6, "s": 1e6, "": 1e6,
	"minutes": 60e6, "minute": 60e6, "min": 60e6, "m": 60e6, "hours": 3600e6, "hour": 3600e6, "hr": 3600e6, "h": 3600e6,
	"days": 86400e6, "day": 86400e6, "d": 86400e6,
}

// span reads "5s", "1min 30s", "90" and "infinity", in microseconds.
func span(text string) (uint64, bool) {
	if text == "infinity" {
		return math.MaxUint64, true
	}
	total, any := 0.0, false
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		end := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if end < 0 {
			end = len(rest)
		}
		n, err := strconv.ParseFloat(rest[:end], 64)
		if err != nil {
			return 0, false
		}
		rest = strings.TrimLeft(rest[end:], " ")
		end = strings.IndexAny(rest, "0123456789. ")
		if end < 0 {
			end = len(rest)
		}
		factor, ok := spans[rest[:end]]
		if !ok {
			return 0, false
		}
		total, any, rest = total+n*factor, true, rest[end:]
	}
	return uint64(math.Round(total)), any
}
