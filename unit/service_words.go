package unit

import (
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
)

// Limits are resource limits as systemd's directives; cgroupv2.Limits is one.
type Limits interface {
	Directives(systemd int) iter.Seq2[string, string]
}

// ServiceType is when systemd takes a service for started.
type ServiceType string

// The types. A Go program needs none but the first four: it does not fork into
// the background.
const (
	// Exec: when the program was executed. It is the zero value; unlike Simple
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
	// DBus: when it has taken its BusName.
	DBus ServiceType = "dbus"
	// Simple: at once, even if there is no such program. Prefer Exec.
	Simple ServiceType = "simple"
	// Idle: as Simple, after other jobs. It is for the console's sake.
	Idle ServiceType = "idle"
	// Forking: when the program has forked twice and left. It needs a PIDFile.
	Forking ServiceType = "forking"
)

// RestartPolicy is when systemd starts a service again by itself.
type RestartPolicy string

// The policies.
const (
	// RestartOnFailure: after an error, a signal, a timeout. The zero value.
	RestartOnFailure  RestartPolicy = ""
	RestartAlways     RestartPolicy = "always"      // whatever the reason
	RestartNever      RestartPolicy = "no"          // not at all
	RestartOnSuccess  RestartPolicy = "on-success"  // after a clean end only
	RestartOnAbnormal RestartPolicy = "on-abnormal" // after a signal or a timeout, not an exit code
	RestartOnAbort    RestartPolicy = "on-abort"    // after a signal that was not asked for
	RestartOnWatchdog RestartPolicy = "on-watchdog" // when the watchdog barked
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
	// KillNothingAndLeaveAll signals nobody; systemd calls it deprecated.
	KillNothingAndLeaveAll KillMode = "none"
)

// NotifyAccess is whose sd_notify(3) messages count.
type NotifyAccess string

// Whose messages.
const (
	NotifyDefault  NotifyAccess = ""     // what the type needs
	NotifyFromMain NotifyAccess = "main" // the main process's
	NotifyFromExec NotifyAccess = "exec" // those of all processes that systemd started itself
	NotifyFromAll  NotifyAccess = "all"  // those of any process of the service
)

// Signal is a signal by its name, "SIGTERM". systemd takes real-time ones too,
// "SIGRTMIN+3".
type Signal string

func (s Signal) problem() string {
	if !strings.HasPrefix(string(s), "SIG") || signalProblem(nil, "", string(s)) != "" {
		return "is no signal; it is written SIGHUP"
	}
	return ""
}

// Command is a program and its arguments, as Service.Exec.
type Command struct {
	Argv []string
	// MayFail goes on when it ends in an error.
	MayFail bool
	// Privileged runs it as root and without the sandbox.
	Privileged bool
}

func (d *draft) commands(name, field string, list []Command) {
	for i, c := range list {
		prefix := ""
		if c.MayFail {
			prefix += "-"
		}
		if c.Privileged {
			prefix += "+"
		}
		d.raw("Run", name, prefix+d.command(index(field, i)+".Argv", c.Argv))
	}
}

// Resource is a limit of setrlimit(2). There is none for the address space: it
// breaks Go programs; limit memory by Limits.
type Resource string

// The resources, with systemd's names behind "Limit".
const (
	OpenFiles        Resource = "NOFILE"
	Processes        Resource = "NPROC"      // of the user, whatever the service
	CoreSize         Resource = "CORE"       // bytes
	FileSize         Resource = "FSIZE"      // bytes
	LockedMemory     Resource = "MEMLOCK"    // bytes
	StackSize        Resource = "STACK"      // bytes
	MessageQueues    Resource = "MSGQUEUE"   // bytes
	PendingSignals   Resource = "SIGPENDING" // signals
	RealtimePriority Resource = "RTPRIO"     // the highest
)

var resources = []Resource{CoreSize, FileSize, LockedMemory, MessageQueues, OpenFiles, Processes, RealtimePriority, PendingSignals, StackSize}

// Infinite is no limit.
const Infinite = math.MaxUint64

// Rlimit is a limit, and how far the program may raise it.
type Rlimit struct{ Soft, Hard uint64 }

// String is the limit as systemd reads it.
func (r Rlimit) String() string {
	if r.Soft == r.Hard {
		return limitValue(r.Hard)
	}
	return limitValue(r.Soft) + ":" + limitValue(r.Hard)
}

func limitValue(v uint64) string {
	if v == Infinite {
		return "infinity"
	}
	return strconv.FormatUint(v, 10)
}

func (d *draft) rlimits(list map[Resource]Rlimit) {
	for _, r := range sorted(list) {
		if !containsResource(r) {
			d.fail(fmt.Errorf("unit: Rlimits[%q]: there is no such limit here; NOFILE and CORE are some", string(r)))
			continue
		}
		l := list[r]
		if l.Soft > l.Hard {
			d.fail(fmt.Errorf("unit: Rlimits[%s]: the soft limit %d is over the hard one, %d", r, l.Soft, l.Hard))
		}
		d.raw("Limits", "Limit"+string(r), l.String())
	}
}

func containsResource(r Resource) bool {
	for _, known := range resources {
		if r == known {
			return true
		}
	}
	return false
}
