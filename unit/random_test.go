package unit_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bedplate/bedplate/unit"
)

// dice makes random units that are valid, with as much that needs escaping as a
// field takes.
type dice struct{ *rand.Rand }

func (d dice) chance() bool { return d.IntN(3) == 0 }

func pick[T any](d dice, list ...T) T { return list[d.IntN(len(list))] }

// some makes a list of up to three, nil as often as not.
func some[T any](d dice, one func() T) (list []T) {
	if d.IntN(2) == 0 {
		return nil
	}
	for range 1 + d.IntN(3) {
		list = append(list, one())
	}
	return list
}

var awkwardWords = []string{"a", "app", "100%", "%i", "%%", "$HOME", "${X}", "$$", `back\slash`, `\n`, `"`, `'`, `it's "so"`, ";", "a;b", "#", "=", "a=b", "-v", "--flag=x y",
	"ü", "日本語", "{{.}}", "\\", "a\\", "  ", " lead", "trail ", "|", ">", "&&", "@", "!x", "+", ":", "~", "*", "?", "[x]", "`id`", "\u00a0", "\u2028", "\ufeff"}

func (d dice) word() string {
	w := pick(d, awkwardWords...)
	for d.IntN(3) == 0 {
		w += pick(d, awkwardWords...)
	}
	return w
}

// line is a text that systemd takes whole: no blanks and no backslash at its ends.
func (d dice) line() string {
	s := strings.TrimRight(strings.Trim(d.word()+" "+d.word(), " \\"), "\\")
	if s = strings.Trim(s, " \\"); s == "" {
		return "x"
	}
	return s
}

func (d dice) name() string { return pick(d, "app", "db", "web-1", "a_b", "x.y", "n:1", `srv\x2d1`) }

func (d dice) path() string {
	p := ""
	for range 1 + d.IntN(3) {
		p += "/" + pick(d, "opt", "srv", "a b", "100%", `q"uote`, "it's", "x;y", "ü", "data-1", "d.ot")
	}
	return p
}

// program is a path that systemd takes for a program.
func (d dice) program() string {
	return pick(d, "/opt/app/bin/app", "/srv/a b/app", "/opt/100%/app", "/opt/ü/app", "/opt/x;y", "/opt/a=b/c", "/opt/#x")
}

func (d dice) file() string {
	return pick(d, "/etc/app/env", "/srv/a b/c", "/run/x", "/etc/100%", `/etc/q"x`)
}

func (d dice) duration() time.Duration {
	return pick(d, 1500*time.Millisecond, 7*time.Second, 3*time.Minute, 2*time.Hour, 250*time.Microsecond, time.Duration(1+d.IntN(1e6))*time.Millisecond)
}

func (d dice) maybe() (t time.Duration) {
	if d.chance() {
		return d.duration()
	}
	return 0
}

func (d dice) unit(kind string) string { return d.name() + "." + kind }

func (d dice) units() []string {
	return some(d, func() string { return d.unit(pick(d, "service", "target", "mount", "timer")) })
}

func (d dice) mode() fs.FileMode { return pick[fs.FileMode](d, 0, 0, 0o700, 0o750, 0o755, 0o600) }

func (d dice) documentation() []string {
	return some(d, func() string {
		return pick(d, "https://example.com/a%20b", "man:app(8)", "file:/usr/share/doc/app", "info:app")
	})
}

func (d dice) description() string {
	if d.chance() {
		return ""
	}
	return "D " + d.line()
}

func (d dice) relations() unit.Relations {
	return unit.Relations{Requires: d.units(), Wants: d.units(), After: d.units(), Before: d.units(), BindsTo: d.units(), PartOf: d.units(), Conflicts: d.units()}
}

func (d dice) conditions() []unit.Condition {
	return some(d, func() unit.Condition {
		c := pick(d, unit.Condition{Test: "PathExists", Value: d.file()}, unit.Condition{Test: "Host", Value: "build-1"}, unit.Condition{Test: "Virtualization", Value: "no"},
			unit.Condition{Test: "KernelCommandLine", Value: "a=100%"}, unit.Condition{Test: "PathIsDirectory", Value: "/srv/a b"})
		c.Not, c.AnyOf, c.Assert = d.chance(), d.chance(), d.chance()
		return c
	})
}

// extra is in the order of a file: [Unit] first.
func (d dice) extra(section string, more ...string) []unit.Directive {
	list := some(d, func() unit.Directive {
		if len(more) > 0 && d.chance() {
			return unit.Directive{Section: section, Name: pick(d, more...), Value: "yes"}
		}
		return unit.Directive{Section: "Unit", Name: pick(d, "RefuseManualStart", "StopWhenUnneeded", "IgnoreOnIsolate"), Value: pick(d, "yes", "no")}
	})
	slices.SortStableFunc(list, func(a, b unit.Directive) int { return btoi(a.Section != "Unit") - btoi(b.Section != "Unit") })
	return list
}

func (d dice) install() (wantedBy []string, never bool) {
	if d.chance() {
		return nil, true
	}
	return some(d, func() string { return d.unit("target") }), false
}

func (d dice) limits(section string) unit.Limits {
	if d.chance() {
		return nil
	}
	g := unit.GivenLimits{{Section: section, Name: "MemoryMax", Value: strconv.Itoa(1+d.IntN(1000)) + "M"}}
	if d.chance() {
		g = append(g, unit.Directive{Section: section, Name: "CPUQuota", Value: strconv.Itoa(1+d.IntN(400)) + "%"}, unit.Directive{Section: section, Name: "TasksMax", Value: "512"})
	}
	return g
}

func (d dice) commands() []unit.Command {
	return some(d, func() unit.Command {
		return unit.Command{Argv: append([]string{d.program()}, some(d, d.word)...), MayFail: d.chance(), Privileged: d.chance()}
	})
}

// Service is a random service.
func (d dice) Service() unit.Service {
	s := unit.Service{
		Name: d.name(), Description: d.description(), Documentation: d.documentation(), Exec: append([]string{d.program()}, some(d, d.word)...),
		Type:       pick(d, unit.Exec, unit.Exec, unit.Notify, unit.NotifyReload, unit.Oneshot, unit.Simple, unit.Idle),
		ExecBefore: d.commands(), ExecAfter: d.commands(), ExecStop: d.commands(), ExecCleanUp: d.commands(),
		User: pick(d, "", "app", "1234", "_x-1"), Group: pick(d, "", "app"), DynamicUser: d.chance(),
		Environment: d.environment(), EnvironmentFiles: some(d, d.file), SyslogIdentifier: pick(d, "", "app", "my app"),
		NotifyAccess: pick(d, unit.NotifyDefault, unit.NotifyFromAll, unit.NotifyFromMain), ReloadSignal: pick[unit.Signal](d, "", "SIGHUP", "SIGUSR1"),
		StartTimeout: d.maybe(), StopTimeout: d.maybe(), RuntimeMax: d.maybe(),
		KillMode: pick(d, unit.KillMixed, unit.KillControlGroup), KillSignal: pick[unit.Signal](d, "", "SIGINT", "SIGQUIT"),
		Requires: d.units(), Wants: d.units(), After: d.units(), Before: d.units(), BindsTo: d.units(), PartOf: d.units(), Conflicts: d.units(), OnFailure: d.units(),
		NetworkOnline: d.chance(), Sockets: some(d, func() string { return d.unit("socket") }), Conditions: d.conditions(),
		Limits: d.limits("Service"), Nice: pick(d, 0, 5, -5), OOMScore: pick(d, 0, 100, -500), Delegate: d.chance(),
		StateDirectory: d.below(), CacheDirectory: d.below(), LogsDirectory: d.below(), RuntimeDirectory: d.below(), ConfigurationDirectory: d.below(),
		StateMode: d.mode(), CacheMode: d.mode(), LogsMode: d.mode(), RuntimeMode: d.mode(), ConfigurationMode: d.mode(), ReadWritePaths: some(d, d.path),
		Sandbox: d.sandbox(), Extra: d.extra("Service", "GuessMainPID", "IgnoreSIGPIPE", "SendSIGHUP", "CPUSchedulingResetOnFork"),
	}
	if d.chance() {
		s.WorkingDirectory = d.path()
	}
	if d.chance() {
		s.Slice = "apps.slice"
	}
	if d.chance() {
		s.Credentials = map[string]string{"key": d.file(), "other.pem": d.file()}
	}
	if d.chance() {
		s.Type, s.BusName = unit.DBus, "com.example.App"
	} else if d.IntN(10) == 0 {
		s.Type, s.PIDFile = unit.Forking, "/run/app/app.pid"
	}
	if d.chance() {
		s.OpenFiles = uint64(1 + d.IntN(1e6))
	}
	if d.chance() {
		s.Rlimits = map[unit.Resource]unit.Rlimit{unit.CoreSize: {Soft: 0, Hard: unit.Infinite}, unit.Processes: {Soft: 100, Hard: 200}, unit.LockedMemory: {Soft: unit.Infinite, Hard: unit.Infinite}}
	}
	if s.Type == unit.Notify && d.chance() {
		s.Watchdog = d.duration()
	}
	if d.chance() {
		s.SuccessExit, s.RemainAfterExit = []uint8{3, 143}, s.Type == unit.Oneshot
	}
	if s.Type == unit.Oneshot {
		s.RuntimeMax = 0
	}
	s.Restart = pick(d, unit.RestartOnFailure, unit.RestartNever, unit.RestartOnAbnormal)
	if s.Restart != unit.RestartNever && d.chance() {
		s.RestartDelay, s.RestartDelayMax, s.StartLimitBurst, s.StartLimitInterval = 2*time.Second, 20*time.Second, 3, 10*time.Minute
	}
	s.WantedBy, s.NoInstall = d.install()
	if d.chance() {
		s.Name += "@"
		s.Specifiers = true
		s.Exec = []string{"/opt/%i/app", "--name=%i", "100%%", "$X"}
		d.plainPercents(&s)
		if !s.NoInstall && d.chance() {
			s.DefaultInstance = "one"
		}
	}
	return s
}

// plainPercents makes the fields of a unit with specifiers valid: a random "%"
// is none.
func (d dice) plainPercents(s *unit.Service) {
	fix := func(text string) string { return strings.ReplaceAll(text, "%", "%%") }
	all := func(list []string) {
		for i := range list {
			list[i] = fix(list[i])
		}
	}
	s.Description, s.WorkingDirectory = fix(s.Description), fix(s.WorkingDirectory)
	for _, l := range [][]string{s.EnvironmentFiles, s.ReadWritePaths, s.Documentation} {
		all(l)
	}
	for _, l := range [][]unit.Command{s.ExecBefore, s.ExecAfter, s.ExecStop, s.ExecCleanUp} {
		for _, c := range l {
			all(c.Argv)
		}
	}
	for _, m := range []map[string]string{s.Environment, s.Credentials} {
		for k, v := range m {
			m[k] = fix(v)
		}
	}
	for i := range s.Conditions {
		s.Conditions[i].Value = fix(s.Conditions[i].Value)
	}
}

func (d dice) below() []string {
	return some(d, func() string { return pick(d, "app", "app/data", "x_y", "a.b") })
}

func (d dice) environment() map[string]string {
	if d.chance() {
		return nil
	}
	m := map[string]string{}
	for i := range 1 + d.IntN(4) {
		m[fmt.Sprintf("V_%d", i)] = d.word()
	}
	return m
}

func (d dice) sandbox() unit.Sandbox {
	if d.IntN(5) == 0 {
		return unit.Sandbox{Off: true}
	}
	b := unit.Sandbox{Netlink: d.chance(), NoNetwork: d.chance(), Chown: d.chance(), WritableCode: d.chance(), Devices: d.chance(), Home: d.chance()}
	if d.chance() {
		b.Capabilities = []string{"CAP_NET_BIND_SERVICE"}
	}
	return b
}

// Unit is a random unit of any kind.
func (d dice) Unit() unit.Unit {
	switch d.IntN(8) {
	case 0:
		return d.Socket()
	case 1:
		return d.Timer()
	case 2:
		return d.Path()
	case 3:
		return d.Mount()
	case 4:
		s := unit.Slice{Name: pick(d, "apps", "apps-web"), Description: d.description(), Documentation: d.documentation(), Relations: d.relations(), Conditions: d.conditions(), Limits: d.limits("Slice")}
		s.Extra = d.extra("Slice", "CPUAccounting", "IOAccounting")
		return s
	case 5:
		t := unit.TargetUnit{Name: d.name(), Description: d.description(), Documentation: d.documentation(), Relations: d.relations(), Conditions: d.conditions(), Isolate: d.chance(), Extra: d.extra("")}
		t.WantedBy, t.NoInstall = d.install()
		return t
	}
	return d.Service()
}

func (d dice) listen() string {
	return pick(d, strconv.Itoa(1+d.IntN(65535)), "127.0.0.1:"+strconv.Itoa(1+d.IntN(65535)), "[::1]:8080", "/run/a b.sock", "/run/100%.sock", "@abstract name")
}

// Socket is a random socket.
func (d dice) Socket() unit.Socket {
	s := unit.Socket{
		Name: d.name(), Description: d.description(), Documentation: d.documentation(), Relations: d.relations(), Conditions: d.conditions(),
		Listen: append(some(d, d.listen), d.listen()), Datagrams: some(d, d.listen), FDName: pick(d, "", "http", "a-b"), Mode: d.mode(), User: pick(d, "", "root"), Group: pick(d, "", "root"),
		RemoveOnStop: d.chance(), Backlog: pick(d, 0, 512), FreeBind: d.chance(), IPv6Only: pick(d, unit.IPv6Default, unit.IPv6Both, unit.IPv6Alone),
		KeepAlive: d.chance(), NoDelay: d.chance(), ReusePort: d.chance(), Interface: pick(d, "", "lo", "eth0"), Extra: d.extra("Socket", "Broadcast", "PassCredentials", "Transparent"),
	}
	if s.Accept = d.IntN(5) == 0; s.Accept {
		s.MaxConnections, s.Datagrams = pick(d, 0, 7), nil
	} else {
		s.Service = pick(d, "", "other.service")
	}
	s.WantedBy, s.NoInstall = d.install()
	return s
}

// Timer is a random timer.
func (d dice) Timer() unit.Timer {
	t := unit.Timer{
		Name: d.name(), Description: d.description(), Documentation: d.documentation(), Relations: d.relations(), Conditions: d.conditions(),
		Calendar:  append(some(d, d.calendar), d.calendar()),
		AfterBoot: d.maybe(), AfterActivation: d.maybe(), Every: d.maybe(), AfterStop: d.maybe(), Spread: d.maybe(), Accuracy: d.maybe(),
		Persistent: d.chance(), Wake: d.chance(), Unit: pick(d, "", "other.service"), Extra: d.extra("Timer", "OnClockChange", "OnTimezoneChange"),
	}
	t.FixedSpread = t.Spread != 0 && d.chance()
	t.WantedBy, t.NoInstall = d.install()
	return t
}

func (d dice) calendar() string {
	return pick(d, "daily", "*-*-* 03:00:00", "Mon..Fri 08:30", "*-*-01,15 04:00:00", "Sat *-*-* 00/6:00:00", "2027-01-01 00:00:00 UTC", "*:0/15")
}

// Path is a random path unit.
func (d dice) Path() unit.Path {
	p := unit.Path{
		Name: d.name(), Description: d.description(), Documentation: d.documentation(), Relations: d.relations(), Conditions: d.conditions(),
		Exists: append(some(d, d.path), d.path()), ExistsGlob: some(d, func() string { return "/srv/*.job" }), Changed: some(d, d.path), Modified: some(d, d.path), NotEmpty: some(d, d.path),
		Unit: pick(d, "", "other.service"), MakeDirectory: d.chance(), DirectoryMode: d.mode(), Extra: d.extra(""),
	}
	p.WantedBy, p.NoInstall = d.install()
	return p
}

// Mount is a random mount unit.
func (d dice) Mount() unit.Mount {
	m := unit.Mount{
		What: pick(d, "tmpfs", "/dev/disk/by-label/a b", "server:/export/100%", "UUID=8c4b1a3e"), Where: d.path(), Description: d.description(), Documentation: d.documentation(),
		Relations: d.relations(), Conditions: d.conditions(), Type: pick(d, "", "tmpfs", "nfs4", "ext4"), Options: some(d, func() string { return pick(d, "noexec", "size=10%", "nosuid", "context=a b c") }),
		DirectoryMode: d.mode(), Timeout: d.maybe(), LazyUnmount: d.chance(), ForceUnmount: d.chance(), Extra: d.extra("Mount", "SloppyOptions", "ReadWriteOnly"),
	}
	m.WantedBy, m.NoInstall = d.install()
	return m
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
