package unit

import (
	"io/fs"
	"time"
)

// Service is a service unit. Its zero fields are the defaults of a hardened
// network service.
type Service struct {
	// Name is the unit's name, with or without ".service"; "app@" is a template
	// and "app@one" an instance of it.
	Name string
	// Description is one line for people. "": Name.
	Description string
	// Documentation are URLs: http:, https:, file:, info:, man:.
	Documentation []string

	// Exec is the program, an absolute path, and its arguments. It is an argv:
	// no shell, no variables, and no specifiers but for Specifiers. A command line
	// that has more is an ExecStart= in Extra; Exec is empty then.
	Exec []string
	// Specifiers leaves "%" in the fields of this unit to systemd, as templates
	// need it: %i is the instance. A plain percent sign is written "%%" then.
	Specifiers bool
	// Type is when it counts as started.
	Type ServiceType
	// BusName is the name on the bus that a service of type DBus takes.
	BusName string
	// PIDFile is where a service of type Forking leaves its main process's id, in /run.
	PIDFile string
	// NotifyAccess is whose messages count. Zero: the main process's, with Notify
	// and NotifyReload.
	NotifyAccess NotifyAccess
	// ExecBefore run in order before Exec, ExecAfter once it has started. ExecStop
	// ask it to end, before the signal. ExecCleanUp run after it has ended,
	// whatever the reason.
	ExecBefore, ExecAfter, ExecStop, ExecCleanUp []Command
	// ReloadSignal asks it to read its configuration again. "": no reload, but
	// with NotifyReload SIGHUP. Before systemd 253, and with other types, kill(1)
	// sends it.
	ReloadSignal Signal
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
	// SyslogIdentifier is the name in the journal. "": the program's.
	SyslogIdentifier string

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
	// RuntimeMax ends it, as failed, after this time. Zero: never. A oneshot, which is
	// starting for as long as it runs, has StartTimeout instead.
	RuntimeMax time.Duration
	// Watchdog is how often the program has to say that it is alive. Zero: never.
	Watchdog time.Duration
	// SuccessExit are exit codes that are no failure besides 0.
	SuccessExit []uint8
	// RemainAfterExit counts it as active after its processes have ended.
	RemainAfterExit bool
	// KillMode is who is told to stop.
	KillMode KillMode
	// KillSignal is what tells it. "": SIGTERM.
	KillSignal Signal

	// NetworkOnline waits until an address is configured. Few servers need it:
	// a wildcard address can be bound before.
	NetworkOnline bool
	// Sockets hand over what they listen on; the service needs them.
	Sockets []string
	// Slice is where its cgroup is. "": system.slice.
	Slice string
	// Requires, Wants, After, Before, BindsTo and PartOf name other units. BindsTo implies After.
	Requires, Wants, After, Before, BindsTo, PartOf []string
	// Conflicts are units that it can't run beside, OnFailure what is started when
	// it has failed.
	Conflicts, OnFailure []string
	// Conditions must hold, or it is not started.
	Conditions []Condition

	// Limits of memory, CPU, IO and tasks: a cgroupv2.Limits. Nil: none.
	Limits Limits
	// OpenFiles is the limit of open files. Zero: systemd's own, which Go raises
	// to the hard limit.
	OpenFiles uint64
	// Rlimits are other limits of setrlimit(2). Nil: systemd's own.
	Rlimits map[Resource]Rlimit
	// Nice is the CPU priority, from -20 to 19. OOMScore makes it likelier to be
	// killed when memory runs out, or less likely, from -1000 to 1000.
	Nice, OOMScore int
	// Delegate gives the cgroup below it to the service.
	Delegate bool

	// Directories below /var/lib, /var/cache, /var/log, /run and /etc that systemd
	// makes; all but the last belong to the service's user.
	StateDirectory, CacheDirectory, LogsDirectory, RuntimeDirectory, ConfigurationDirectory []string
	// Their modes. Zero: 0755.
	StateMode, CacheMode, LogsMode, RuntimeMode, ConfigurationMode fs.FileMode
	// ReadWritePaths are what it may write besides.
	ReadWritePaths []string

	// Sandbox is what it is kept from. Zero: everything that a network service
	// in Go can do without.
	Sandbox Sandbox

	// WantedBy is what starts it when it is enabled. Nil: multi-user.target.
	WantedBy []string
	// NoInstall leaves [Install] out: a socket, a timer or another unit starts it.
	NoInstall bool
	// DefaultInstance is the instance of a template that is enabled without a name.
	DefaultInstance string
	// Extra are directives that have no field here; their values are taken as
	// they are.
	Extra []Directive
}

// UnitName is the whole name, "app.service".
func (s Service) UnitName() string { return full(s.Name, "service") }
