package unit

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits are resource limits as systemd's directives; cgroupv2.Limits is one.
type Limits interface {
	Directives(systemd int) iter.Seq2[string, string]
}

// ServiceType is when systemd takes a service for started.
type ServiceType string

// The types. A Go program needs no other: it does not fork into the background.
const (
	// Exec: when the program was executed. It is the zero value; unlike "simple"
	// it reports a missing program or user.
	Exec ServiceType = ""
	// Notify: when the program says so (sd_notify(3), READY=1).
	Notify ServiceType = "notify"
	// NotifyReload is Notify for a program that also says when a reload, which
	// SIGHUP asks for, is done. Before systemd 253 it becomes Notify with an
	// ExecReload=.
	NotifyReload ServiceType = "notify-reload"
	// Oneshot: when the program has ended.
	Oneshot ServiceType = "oneshot"
)

// RestartPolicy is when systemd starts a service again by itself.
type RestartPolicy string

// The policies.
const (
	// RestartOnFailure: after an error, a signal, a timeout. The zero value.
	RestartOnFailure RestartPolicy = ""
	RestartAlways    RestartPolicy = "always" // whatever the reason
	RestartNever     RestartPolicy = "no"     // not at all
)

// KillMode is who is told to stop.
type KillMode string

// The modes. The last two leave processes behind, which is rarely meant.
const (
	// KillMixed: SIGTERM for the main process, SIGKILL for what is left. The zero value.
	KillMixed        KillMode = ""
	KillControlGroup KillMode = "control-group" // both signals for all processes
	// KillMainProcessAndLeaveTheRest signals the main process only.
	KillMainProcessAndLeaveTheRest KillMode = "process"
)

// Service is a service unit. Its zero fields are the defaults of a hardened
// network service.
type Service struct {
	// Name is the unit's name, with or without ".service"; "app@" is a template.
	Name string
	// Description is one line for people. "": Name.
	Description string
	// Documentation are URLs.
	Documentation []string

	// Exec is the program, an absolute path, and its arguments. It is an argv:
	// no shell, no variables, no specifiers.
	Exec []string
	// Type is when it counts as started.
	Type ServiceType
	// User and Group it runs as. "": root, for User; the user's own, for Group.
	User, Group string
	// DynamicUser lets systemd make the account, by the name of User, while it runs.
	DynamicUser bool
	// WorkingDirectory is an absolute path. "": "/".
	WorkingDirectory string
	// Environment are variables. They can be read by everybody: no secrets.
	Environment map[string]string
	// EnvironmentFiles are read when it starts; a missing one is an error.
	EnvironmentFiles []string
	// Credentials are secrets, by name, from files that only root need be able to
	// read. The program finds them in $CREDENTIALS_DIRECTORY.
	Credentials map[string]string

	// Restart is when it is started again. With RestartOnFailure or Always, at
	// first after RestartDelay (zero: 1 s), then more and more slowly up to
	// RestartDelayMax (zero: 30 s; systemd 254), and at most StartLimitBurst
	// times (zero: 5) in StartLimitInterval (zero: 5 min).
	Restart                       RestartPolicy
	RestartDelay, RestartDelayMax time.Duration
	StartLimitBurst               int
	StartLimitInterval            time.Duration
	// StartTimeout and StopTimeout: zero: systemd's own, 90 s.
	StartTimeout, StopTimeout time.Duration
	// Watchdog is how often the program has to say that it is alive. Zero: never.
	Watchdog time.Duration
	// KillMode is who is told to stop.
	KillMode KillMode

	// NetworkOnline waits until an address is configured. Few servers need it:
	// a wildcard address can be bound before.
	NetworkOnline bool
	// Sockets hand over what they listen on; the service needs them.
	Sockets []string
	// Slice is where its cgroup is. "": system.slice.
	Slice string
	// Requires, Wants, After, Before, BindsTo and PartOf name other units. BindsTo implies After.
	Requires, Wants, After, Before, BindsTo, PartOf []string

	// Limits of memory, CPU, IO and tasks: a cgroupv2.Limits. Nil: none.
	Limits Limits
	// OpenFiles is the limit of open files. Zero: systemd's own, which Go raises
	// to the hard limit.
	OpenFiles uint64
	// Delegate gives the cgroup below it to the service.
	Delegate bool

	// Directories below /var/lib, /var/cache, /var/log, /run and /etc that systemd
	// makes; all but the last belong to the service's user.
	StateDirectory, CacheDirectory, LogsDirectory, RuntimeDirectory, ConfigurationDirectory []string
	// ReadWritePaths are what it may write besides.
	ReadWritePaths []string

	// Sandbox is what it is kept from. Zero: everything that a network service
	// in Go can do without.
	Sandbox Sandbox

	// WantedBy is what starts it when it is enabled. Nil: multi-user.target.
	WantedBy []string
	// NoInstall leaves [Install] out: a socket, a timer or another unit starts it.
	NoInstall bool
	// Extra are directives that have no field here; their values are taken as
	// they are.
	Extra []Directive
}

// UnitName is the whole name, "app.service".
func (s Service) UnitName() string { return full(s.Name, "service") }

func (s Service) draft(d *draft) {
	d.text("Unit", "Description", orElse(s.Description, s.Name))
	d.words("Unit", "Documentation", s.Documentation)
	s.dependencies(d)
	s.run(d)
	s.restart(d)
	s.resources(d)
	s.directories(d)
	s.Sandbox.draft(d, s)
	d.installed(s.WantedBy, "multi-user.target", s.NoInstall)
	d.extra(s.Extra)
}

func (s Service) dependencies(d *draft) {
	after := slices.Concat(s.After, s.Sockets, s.BindsTo)
	wants := slices.Clone(s.Wants)
	if s.NetworkOnline {
		// After alone orders it behind something that nobody starts.
		after, wants = append(after, "network-online.target"), append(wants, "network-online.target")
	}
	d.units("Requires", slices.Concat(s.Requires, s.Sockets))
	d.units("BindsTo", s.BindsTo)
	d.units("PartOf", s.PartOf)
	d.units("Wants", wants)
	d.units("After", after)
	d.units("Before", s.Before)
}

func (s Service) run(d *draft) {
	line, err := command("Exec", s.Exec)
	d.fail(err)
	switch s.Type {
	case Exec:
		d.raw("Run", "Type", "exec")
	case NotifyReload:
		if d.target.lacks(Directive{"Service", "Type", "notify-reload"}) != "" {
			d.raw("Run", "Type", "notify")
			d.raw("Run", "ExecReload", "/bin/kill -HUP $MAINPID")
		} else {
			d.raw("Run", "Type", "notify-reload")
		}
	case Notify, Oneshot:
		d.raw("Run", "Type", string(s.Type))
	default:
		d.fail(fmt.Errorf("unit: Type=%q; a Go service is Exec, Notify, NotifyReload or Oneshot", s.Type))
	}
	d.raw("Run", "ExecStart", line)
	d.fail(checkAccount("User", s.User))
	d.fail(checkAccount("Group", s.Group))
	d.text("Run", "User", s.User)
	d.text("Run", "Group", s.Group)
	d.yes("Run", "DynamicUser", s.DynamicUser)
	if s.DynamicUser && s.User == "root" {
		d.fail(errors.New("unit: DynamicUser with User=root; a dynamic user is never root"))
	}
	if s.WorkingDirectory != "" {
		d.fail(absolute("WorkingDirectory", s.WorkingDirectory))
	}
	d.text("Run", "WorkingDirectory", s.WorkingDirectory)
	s.environment(d)
}

func (s Service) environment(d *draft) {
	for _, name := range sorted(s.Environment) {
		if !variable(name) {
			d.fail(fmt.Errorf("unit: Environment name %q; letters, digits and _ only", name))
			continue
		}
		q, err := quoted("Environment["+name+"]", name+"="+s.Environment[name])
		d.fail(err)
		d.raw("Run", "Environment", q)
	}
	for i, f := range s.EnvironmentFiles {
		d.fail(absolute(fmt.Sprintf("EnvironmentFiles[%d]", i), f))
		d.text("Run", "EnvironmentFile", f)
	}
	for _, name := range sorted(s.Credentials) {
		from := s.Credentials[name]
		if name == "" || strings.ContainsAny(name, "/:% ") || printable("Credentials", name) != nil {
			d.fail(fmt.Errorf("unit: Credentials name %q; it becomes a file's name", name))
			continue
		}
		d.fail(absolute("Credentials["+name+"]", from))
		d.text("Run", "LoadCredential", name+":"+from)
	}
}

func (s Service) restart(d *draft) {
	switch s.Restart {
	case RestartOnFailure:
		d.raw("Restart", "Restart", "on-failure")
	case RestartAlways, RestartNever:
		d.raw("Restart", "Restart", string(s.Restart))
	default:
		d.fail(fmt.Errorf("unit: Restart=%q; use RestartOnFailure, RestartAlways or RestartNever", s.Restart))
	}
	if s.Type == Oneshot && s.Restart == RestartAlways {
		d.fail(errors.New("unit: Restart=always for a oneshot would run it for ever; use a Timer"))
	}
	if s.Restart != RestartNever {
		s.backoff(d)
	}
	d.duration("Restart", "TimeoutStartSec", s.StartTimeout)
	d.duration("Restart", "TimeoutStopSec", s.StopTimeout)
	d.duration("Restart", "WatchdogSec", s.Watchdog)
	if s.Watchdog > 0 && s.Type != Notify && s.Type != NotifyReload {
		d.fail(errors.New("unit: Watchdog needs a program that reports: set Type to Notify or NotifyReload"))
	}
	switch s.KillMode {
	case KillMixed:
		d.raw("Restart", "KillMode", "mixed")
	case KillControlGroup, KillMainProcessAndLeaveTheRest:
		d.raw("Restart", "KillMode", string(s.KillMode))
	default:
		d.fail(fmt.Errorf("unit: KillMode=%q; use KillMixed or KillControlGroup", s.KillMode))
	}
}

// Defaults of a restart. systemd's own limit, 5 in 10 s, never trips with a
// delay of seconds: a crash loop then goes on for ever.
const (
	defaultDelay    = time.Second
	defaultDelayMax = 30 * time.Second
	defaultBurst    = 5
	defaultInterval = 5 * time.Minute
)

func (s Service) backoff(d *draft) {
	delay, slowest := orElse(s.RestartDelay, defaultDelay), orElse(s.RestartDelayMax, max(defaultDelayMax, s.RestartDelay))
	burst, interval := orElse(s.StartLimitBurst, defaultBurst), orElse(s.StartLimitInterval, defaultInterval)
	switch {
	case burst < 1:
		d.fail(fmt.Errorf("unit: StartLimitBurst=%d; it is 1 or more", burst))
	case interval <= time.Duration(burst)*slowest:
		// Without steps (before 254) the delay is shorter, and the limit trips earlier.
		d.fail(fmt.Errorf("unit: StartLimitInterval=%v with StartLimitBurst=%d and up to %v between starts never trips the limit; set it over %v",
			interval, burst, slowest, time.Duration(burst)*slowest))
	case slowest < delay:
		d.fail(fmt.Errorf("unit: RestartDelayMax=%v is below RestartDelay=%v", slowest, delay))
	}
	d.duration("Restart", "RestartSec", delay)
	if slowest > delay {
		d.raw("Restart", "RestartSteps", "5")
		d.duration("Restart", "RestartMaxDelaySec", slowest)
	}
	d.duration("Unit", "StartLimitIntervalSec", interval)
	d.raw("Unit", "StartLimitBurst", strconv.Itoa(burst))
}

func (s Service) resources(d *draft) {
	if s.Slice != "" {
		d.fail(checkName("Slice", s.Slice))
		if !strings.HasSuffix(s.Slice, ".slice") {
			d.fail(fmt.Errorf("unit: Slice=%q is no slice", s.Slice))
		}
		d.text("Limits", "Slice", s.Slice)
	}
	limits(d, s.Limits)
	if s.OpenFiles > 0 {
		d.raw("Limits", "LimitNOFILE", strconv.FormatUint(s.OpenFiles, 10))
	}
	d.yes("Limits", "Delegate", s.Delegate)
}

// limits adds what a Limits says. Its values come from another package, and are
// checked like a caller's.
func limits(d *draft, l Limits) {
	if l == nil {
		return
	}
	if v, ok := l.(interface{ Validate() error }); ok {
		d.fail(v.Validate())
	}
	for name, value := range l.Directives(d.target.version()) {
		if err := checkAssignment(section("Limits", d.kind), name, value); err != nil {
			d.fail(err)
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
	d.checked("Directories", "StateDirectory", s.StateDirectory, relative)
	d.checked("Directories", "CacheDirectory", s.CacheDirectory, relative)
	d.checked("Directories", "LogsDirectory", s.LogsDirectory, relative)
	d.checked("Directories", "RuntimeDirectory", s.RuntimeDirectory, relative)
	d.checked("Directories", "ConfigurationDirectory", s.ConfigurationDirectory, relative)
	d.checked("Directories", "ReadWritePaths", s.ReadWritePaths, absolute)
}

func variable(name string) bool {
	return name != "" && (name[0] < '0' || name[0] > '9') && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	})
}

func sorted(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
