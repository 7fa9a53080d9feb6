package unit

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s Service) draft(d *draft) {
	d.specifiers = s.Specifiers
	d.text("Unit", "Description", "Description", cmp.Or(s.Description, s.Name))
	d.documented(s.Documentation)
	s.dependencies(d)
	d.conditions(s.Conditions)
	s.run(d)
	s.restart(d)
	s.resources(d)
	s.directories(d)
	s.Sandbox.draft(d, s)
	d.installed(s.WantedBy, "multi-user.target", s.NoInstall)
	if s.DefaultInstance != "" {
		if base, _, _ := cutLast(s.UnitName(), "."); !strings.HasSuffix(base, "@") {
			d.refuse("DefaultInstance", s.DefaultInstance, "is for a template; its name ends in @")
		}
		d.refuse("DefaultInstance", s.DefaultInstance, instanceProblem(s.DefaultInstance))
		d.raw("Install", "DefaultInstance", s.DefaultInstance)
	}
	d.extra("Extra", s.Extra)
}

func instanceProblem(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r != '@' && notInName(r) }) {
		return "is no instance's name; Escape makes one of any text"
	}
	return ""
}

func (s Service) dependencies(d *draft) {
	// What is added to other lists is checked under its own name.
	d.named("Sockets", s.Sockets)
	after := slices.Concat(s.After, s.Sockets, s.BindsTo)
	wants := s.Wants
	if s.NetworkOnline {
		// After alone orders it behind something that nobody starts.
		after, wants = append(after, networkOnline), append(slices.Clone(wants), networkOnline)
	}
	d.named("After", s.After)
	d.named("Requires", s.Requires)
	d.units("Requires", "", slices.Concat(s.Requires, s.Sockets))
	d.units("BindsTo", "BindsTo", s.BindsTo)
	d.units("PartOf", "PartOf", s.PartOf)
	d.units("Wants", "Wants", wants)
	d.units("After", "", after)
	d.units("Before", "Before", s.Before)
	d.units("Conflicts", "Conflicts", s.Conflicts)
	d.units("OnFailure", "OnFailure", s.OnFailure)
}

const networkOnline = "network-online.target"

func (s Service) run(d *draft) {
	line := ""
	startsOtherwise := len(s.Exec) == 0 && slices.ContainsFunc(s.Extra, func(x Directive) bool { return x.Section == "Service" && x.Name == "ExecStart" && x.Value != "" })
	if !startsOtherwise {
		line = d.command("Exec", s.Exec)
	}
	typ := s.Type
	reloads := s.ReloadSignal
	switch typ {
	case Exec:
		typ = "exec"
	case NotifyReload:
		if d.target.lacks(Directive{"Service", "Type", "notify-reload"}) != "" {
			typ, reloads = Notify, cmp.Or(reloads, "SIGHUP")
		}
	case DBus:
		if s.BusName == "" {
			d.fail(errors.New("unit: Type=dbus needs a BusName"))
		}
	case Forking:
		if !strings.HasPrefix(s.PIDFile, "/run/") {
			d.refuse("PIDFile", s.PIDFile, "is not below /run, and Type=forking needs one there; better, run in the foreground with Exec or Notify")
		}
	case Notify, Oneshot, Simple, Idle:
	default:
		d.refuse("Type", string(s.Type), "is no type; a Go service is Exec, Notify, NotifyReload or Oneshot")
	}
	d.raw("Run", "Type", string(typ))
	if s.BusName != "" && typ != DBus || s.PIDFile != "" && typ != Forking {
		d.fail(errors.New("unit: BusName is for Type DBus only, and PIDFile for Forking"))
	}
	if s.BusName != "" && !(d.specifiers && strings.Contains(s.BusName, "%")) {
		d.refuse("BusName", s.BusName, busNameProblem(s.BusName))
	}
	d.text("Run", "BusName", "BusName", s.BusName)
	d.text("Run", "PIDFile", "PIDFile", s.PIDFile)
	switch s.NotifyAccess {
	case NotifyDefault:
	case NotifyFromMain, NotifyFromExec, NotifyFromAll:
		d.raw("Run", "NotifyAccess", string(s.NotifyAccess))
	default:
		d.refuse("NotifyAccess", string(s.NotifyAccess), "is none of NotifyFromMain, NotifyFromExec, NotifyFromAll")
	}
	d.commands("ExecStartPre", "ExecBefore", s.ExecBefore)
	if !startsOtherwise {
		d.raw("Run", "ExecStart", line)
	}
	d.commands("ExecStartPost", "ExecAfter", s.ExecAfter)
	s.reload(d, typ, reloads)
	d.commands("ExecStop", "ExecStop", s.ExecStop)
	d.commands("ExecStopPost", "ExecCleanUp", s.ExecCleanUp)
	d.account("Run", "User", "User", s.User)
	d.account("Run", "Group", "Group", s.Group)
	d.yes("Run", "DynamicUser", s.DynamicUser)
	if s.DynamicUser && (s.User == "root" || s.User == "0") {
		d.fail(errors.New("unit: DynamicUser with User=root; a dynamic user is never root"))
	}
	d.path("Run", "WorkingDirectory", "WorkingDirectory", s.WorkingDirectory)
	s.environment(d)
	d.text("Run", "SyslogIdentifier", "SyslogIdentifier", s.SyslogIdentifier)
}

// reload says how a reload is asked for.
func (s Service) reload(d *draft, typ ServiceType, signal Signal) {
	if signal == "" {
		return
	}
	d.refuse("ReloadSignal", string(signal), signal.problem())
	if typ == NotifyReload {
		d.raw("Run", "ReloadSignal", string(signal))
		return
	}
	d.raw("Run", "ExecReload", reloadCommand+strings.TrimPrefix(string(signal), "SIG")+" $MAINPID")
}

const reloadCommand = "/bin/kill -s "

func (s Service) environment(d *draft) {
	for _, name := range sorted(s.Environment) {
		if !variable(name) {
			d.fail(fmt.Errorf("unit: Environment name %s; letters, digits and _ only", abridged(name)))
			continue
		}
		// Not word(): a value may be a secret, whatever we say, and is not repeated.
		value := s.Environment[name]
		if p := printableProblem(value); p != "" {
			d.fail(fmt.Errorf("unit: Environment[%s] %s", name, p))
		}
		if !d.specifiers {
			value = strings.ReplaceAll(value, "%", "%%")
		} else if p := specifierProblem(value, d.target.version()); p != "" {
			d.fail(fmt.Errorf("unit: Environment[%s] %s", name, p))
		}
		d.raw("Run", "Environment", quote(name+"="+value))
	}
	for i, f := range s.EnvironmentFiles {
		if f == "" {
			d.refuse(index("EnvironmentFiles", i), f, "is no path; leave the entry out")
		}
		d.path("Run", "EnvironmentFile", index("EnvironmentFiles", i), f)
	}
	for _, name := range sorted(s.Credentials) {
		from := s.Credentials[name]
		if p := credentialProblem(name); p != "" {
			d.fail(fmt.Errorf("unit: Credentials name %s %s", abridged(name), p))
			continue
		}
		field := "Credentials[" + name + "]"
		d.refuse(field, from, d.pathProblem(from))
		d.refuse(field, from, plainProblem(from))
		d.raw("Run", "LoadCredential", name+":"+d.percent(field, from))
	}
}

func (s Service) restart(d *draft) {
	restarts := s.Restart
	switch s.Restart {
	case RestartOnFailure:
		restarts = "on-failure"
	case RestartAlways, RestartNever, RestartOnSuccess, RestartOnAbnormal, RestartOnAbort, RestartOnWatchdog:
	default:
		d.refuse("Restart", string(s.Restart), "is no policy; use RestartOnFailure, RestartAlways or RestartNever")
	}
	d.raw("Restart", "Restart", string(restarts))
	if s.Type == Oneshot && (s.Restart == RestartAlways || s.Restart == RestartOnSuccess) {
		d.fail(errors.New("unit: Restart=always for a oneshot would run it for ever; use a Timer"))
	}
	if s.Restart != RestartNever {
		s.backoff(d)
	} else if s.RestartDelay != 0 || s.RestartDelayMax != 0 {
		d.fail(errors.New("unit: RestartDelay without a Restart"))
	}
	d.duration("Restart", "TimeoutStartSec", "StartTimeout", s.StartTimeout)
	d.duration("Restart", "TimeoutStopSec", "StopTimeout", s.StopTimeout)
	if s.Type == Oneshot && s.RuntimeMax != 0 {
		d.refuse("RuntimeMax", span(s.RuntimeMax), "is for what goes on running, and systemd ignores it for a oneshot; set StartTimeout")
	}
	d.duration("Restart", "RuntimeMaxSec", "RuntimeMax", s.RuntimeMax)
	d.duration("Restart", "WatchdogSec", "Watchdog", s.Watchdog)
	if s.Watchdog > 0 && s.Type != Notify && s.Type != NotifyReload && s.NotifyAccess == NotifyDefault {
		d.fail(errors.New("unit: Watchdog needs a program that reports: set Type to Notify or NotifyReload"))
	}
	s.ends(d)
}

// ends says how it is stopped, and which end is a good one.
func (s Service) ends(d *draft) {
	codes := ""
	for i, c := range s.SuccessExit {
		if i > 0 {
			codes += " "
		}
		codes += strconv.Itoa(int(c))
	}
	if codes != "" {
		d.raw("Restart", "SuccessExitStatus", codes)
	}
	d.yes("Restart", "RemainAfterExit", s.RemainAfterExit)
	switch s.KillMode {
	case KillMixed:
		d.raw("Restart", "KillMode", "mixed")
	case KillControlGroup, KillMainProcessAndLeaveTheRest, KillNothingAndLeaveAll:
		d.raw("Restart", "KillMode", string(s.KillMode))
	default:
		d.refuse("KillMode", string(s.KillMode), "is no mode; use KillMixed or KillControlGroup")
	}
	if s.KillSignal != "" {
		d.refuse("KillSignal", string(s.KillSignal), s.KillSignal.problem())
		d.raw("Restart", "KillSignal", string(s.KillSignal))
	}
}

// Defaults of a restart. systemd's own limit, 5 in 10 s, never trips with a
// delay of seconds: a crash loop then goes on for ever.
const (
	defaultDelay    = time.Second
	defaultDelayMax = 30 * time.Second
	defaultBurst    = 5
	defaultInterval = 5 * time.Minute
	restartSteps    = "5"
)

func (s Service) backoff(d *draft) {
	delay, slowest := cmp.Or(s.RestartDelay, defaultDelay), cmp.Or(s.RestartDelayMax, max(defaultDelayMax, s.RestartDelay))
	burst, interval := cmp.Or(s.StartLimitBurst, defaultBurst), cmp.Or(s.StartLimitInterval, defaultInterval)
	switch {
	case burst < 1:
		d.refuse("StartLimitBurst", strconv.Itoa(burst), "is out of range; it is 1 or more")
	case interval <= time.Duration(burst)*slowest || slowest > interval: // the latter: an overflow
		// Without steps (before 254) the delay is shorter, and the limit trips earlier.
		d.fail(fmt.Errorf("unit: StartLimitInterval=%v with StartLimitBurst=%d and up to %v between starts never trips the limit; set it over %v",
			interval, burst, slowest, time.Duration(burst)*slowest))
	case slowest < delay:
		d.fail(fmt.Errorf("unit: RestartDelayMax=%v is below RestartDelay=%v", slowest, delay))
	}
	d.duration("Restart", "RestartSec", "RestartDelay", delay)
	if slowest > delay {
		d.raw("Restart", "RestartSteps", restartSteps)
		d.duration("Restart", "RestartMaxDelaySec", "RestartDelayMax", slowest)
	}
	d.duration("Unit", "StartLimitIntervalSec", "StartLimitInterval", interval)
	d.raw("Unit", "StartLimitBurst", strconv.Itoa(burst))
}

func (s Service) resources(d *draft) {
	if s.Slice != "" {
		d.refuse("Slice", s.Slice, d.sliceProblem(s.Slice))
		d.text("Limits", "Slice", "Slice", s.Slice)
	}
	d.limits(s.Limits)
	if s.OpenFiles > 0 {
		if _, twice := s.Rlimits[OpenFiles]; twice {
			d.fail(errors.New("unit: OpenFiles is set together with Rlimits[NOFILE]; which is it?"))
		}
		d.raw("Limits", "LimitNOFILE", strconv.FormatUint(s.OpenFiles, 10))
	}
	d.rlimits(s.Rlimits)
	d.number("Limits", "Nice", "Nice", s.Nice, -20, 19)
	d.number("Limits", "OOMScoreAdjust", "OOMScore", s.OOMScore, -1000, 1000)
	d.yes("Limits", "Delegate", s.Delegate)
}

func (d *draft) sliceProblem(name string) string {
	if !strings.HasSuffix(name, ".slice") {
		return "is no slice; its name ends in .slice"
	}
	return d.unitProblem(name)
}

// limits adds what a Limits says. Its values come from another package, and are
// checked like a caller's.
func (d *draft) limits(l Limits) {
	if l == nil {
		return
	}
	if v, ok := l.(interface{ Validate() error }); ok {
		d.fail(v.Validate())
	}
	for name, value := range l.Directives(d.target.version()) {
		if err := checkAssignment(section("Limits", d.kind), name, value); err != nil {
			d.fail(fmt.Errorf("%w (Limits)", err))
			continue
		}
		d.raw("Limits", name, value)
	}
	if u, ok := l.(interface{ Undirected(systemd int) []string }); ok {
		for _, what := range u.Undirected(d.target.version()) {
			d.drops = append(d.drops, Dropped{Directive{section("Limits", d.kind), "", ""}, what})
		}
	}
}

func (s Service) directories(d *draft) {
	for _, x := range []struct {
		name, modeName, field string
		list                  []string
		mode                  fs.FileMode
	}{
		{"StateDirectory", "StateDirectoryMode", "StateMode", s.StateDirectory, s.StateMode},
		{"CacheDirectory", "CacheDirectoryMode", "CacheMode", s.CacheDirectory, s.CacheMode},
		{"LogsDirectory", "LogsDirectoryMode", "LogsMode", s.LogsDirectory, s.LogsMode},
		{"RuntimeDirectory", "RuntimeDirectoryMode", "RuntimeMode", s.RuntimeDirectory, s.RuntimeMode},
		{"ConfigurationDirectory", "ConfigurationDirectoryMode", "ConfigurationMode", s.ConfigurationDirectory, s.ConfigurationMode},
	} {
		d.words("Directories", x.name, x.name, x.list, d.relativeProblem)
		d.mode("Directories", x.modeName, x.field, x.mode)
	}
	d.words("Directories", "ReadWritePaths", "ReadWritePaths", s.ReadWritePaths, d.pathProblem)
}

func (d *draft) mode(group, name, field string, mode fs.FileMode) {
	if mode == 0 {
		return
	}
	if mode&^fs.ModePerm != 0 {
		d.refuse(field, mode.String(), "has more than permission bits")
	}
	d.raw(group, name, fmt.Sprintf("%04o", mode.Perm()))
}

// path adds one absolute path, which systemd takes whole. "": nothing.
func (d *draft) path(group, name, field, p string) {
	if p != "" {
		d.refuse(field, p, d.pathProblem(p))
	}
	d.text(group, name, field, p)
}

func variable(name string) bool {
	return name != "" && (name[0] < '0' || name[0] > '9') && !strings.ContainsFunc(name, func(r rune) bool { return r != '_' && !letter(r) })
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}
