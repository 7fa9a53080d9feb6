package unit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bedplate/bedplate/unit/journal"
)

// Outcome is what became of a unit.
type Outcome string

// The outcomes. Running and Finished are good ones, and Stopped after a Stop.
const (
	Running         Outcome = "running"           // and has stayed so
	Finished        Outcome = "finished"          // it ended, without an error
	Stopped         Outcome = "stopped"           // it does not run
	Starting        Outcome = "still starting"    // when the caller's time was up
	ConditionNotMet Outcome = "condition not met" // Condition…= or Assert…= said no
	Unloadable      Outcome = "can't be loaded"   // no file, masked, or a bad setting

	MissingProgram    Outcome = "missing program"
	WrongArchitecture Outcome = "program for another architecture" // or no program at all
	MissingAccount    Outcome = "missing user or group"
	SetupFailed       Outcome = "setup failed"       // of the namespace, a directory, a resource
	ExitedWithError   Outcome = "exited with error"  // Status.Exit.Code
	Crashed           Outcome = "killed by signal"   // Status.Exit.Signal
	CrashLoop         Outcome = "crash loop"         // it failed, was restarted, and failed
	NeverReady        Outcome = "never became ready" // TimeoutStartSec= was over
	EndedEarly        Outcome = "ended before ready" // without READY=1, without an error
	OutOfMemory       Outcome = "out of memory"      // the kernel killed it
	WatchdogExpired   Outcome = "watchdog expired"   // it said nothing for WatchdogSec=
	StopTimedOut      Outcome = "did not stop"       // within TimeoutStopSec=; it was killed
	NotReloaded       Outcome = "reload failed"      // it runs on
	DependencyFailed  Outcome = "dependency failed"  // a unit that it requires
	Failed            Outcome = "failed"             // otherwise; Status.Result says how
)

// Exit is how a process ended.
type Exit struct {
	// Code is what it exited with; zero where a signal ended it.
	Code int
	// Signal ended it; zero where it exited.
	Signal syscall.Signal
	// Core says that a core was dumped.
	Core bool
}

// String is "exit 1" or "SIGSEGV".
func (e Exit) String() string {
	switch {
	case e.Signal != 0 && e.Core:
		return signalName(e.Signal) + " (core dumped)"
	case e.Signal != 0:
		return signalName(e.Signal)
	}
	return fmt.Sprintf("exit %d", e.Code)
}

// Status is the state of a unit, and what it means.
type Status struct {
	// Unit is its name.
	Unit string
	// Outcome is what became of it.
	Outcome Outcome
	// Load is "loaded", "not-found", "masked", "bad-setting" or "error".
	Load string
	// Active is "active", "reloading", "inactive", "failed", "activating" or
	// "deactivating", and Sub its finer state.
	Active, Sub string
	// Enabled is "enabled", "disabled", "static", "masked", ...
	Enabled string
	// Result is a service's Result=, "success" if nothing failed.
	Result string
	// Exit is how the main process ended last, if it did.
	Exit Exit
	// Restarts is how often systemd started it again by itself.
	Restarts int
	// Invocation is the ID of its last run.
	Invocation string
	// PID is the main process; zero if none runs.
	PID int
	// ControlGroup is its cgroup below the mount, as cgroupv2.Stat takes it; "" if
	// it has none, as what does not run.
	ControlGroup string
	// Since is when it came into its state.
	Since time.Time
	// Fragment is its file, DropIns are the files that change it, in the order in
	// which they are read.
	Fragment string
	DropIns  []string
	// NeedsReload means that its files changed since systemd read them.
	NeedsReload bool
	// Text is what the service says of itself (sd_notify(3), STATUS=).
	Text string
	// Problem is a line about what went wrong, "" if nothing did.
	Problem string
	// Log are the last entries of the journal about it. NoLog says why they could
	// not be read.
	Log   []journal.Entry
	NoLog string

	started time.Time // when it last began a run
}

// OK says that it runs, or that it ended as it should.
func (s Status) OK() bool { return s.Outcome == Running || s.Outcome == Finished }

// String is the status on one line.
func (s Status) String() string {
	t := s.Unit + ": " + string(s.Outcome)
	if s.Problem != "" {
		t += ": " + s.Problem
	}
	if s.Restarts > 0 {
		t += fmt.Sprintf(", restarted %d×", s.Restarts)
	}
	return t
}

// StartError is a unit that is not in the state that was asked for.
type StartError struct {
	// Verb is what was asked: "start", "restart", "reload", "stop".
	Verb string
	// Status is what became of it instead, with its last log lines.
	Status Status
	// Cause, if not nil, is why there was no waiting for more.
	Cause error
}

func (e *StartError) Error() string {
	t := "unit: " + e.Verb + " " + e.Status.String()
	if e.Cause != nil {
		t += ": " + e.Cause.Error()
	}
	if line, ok := e.Status.telling(); ok {
		t += "; the last log line: " + oneLine(line.String())
	}
	return t
}

// telling is the last entry of the unit's own, or of systemd's if it said nothing:
// what systemd has to say of how a run ended is in the outcome, and in a crash loop
// the last it says is that the next one begins.
func (s Status) telling() (e journal.Entry, ok bool) {
	for _, e := range slices.Backward(s.Log) {
		if e.Identifier != "systemd" {
			return e, true
		}
	}
	if n := len(s.Log); n > 0 {
		return s.Log[n-1], true
	}
	return e, false
}

func (e *StartError) Unwrap() error { return e.Cause }

func oneLine(s string) string {
	first, _, cut := strings.Cut(s, "\n")
	if cut {
		first += " …"
	}
	return first
}

// Status says how a unit is, with the log of its last run.
func (m Manager) Status(ctx context.Context, unit string) (Status, error) {
	c, err := m.open(ctx, unit)
	if err != nil {
		return Status{}, err
	}
	defer c.close()
	s, err := c.status(ctx, unit)
	if err != nil {
		return s, err
	}
	if s.Log, err = c.log(ctx, s, time.Time{}); err != nil {
		s.NoLog = err.Error()
	}
	c.diagnose(ctx, &s, time.Time{})
	return s, nil
}

// status reads the state and says what it means as far as it alone tells.
func (c *client) status(ctx context.Context, unit string) (Status, error) {
	p, err := c.properties(ctx, unit)
	if err != nil {
		return Status{Unit: unit}, err
	}
	s := Status{
		Unit: unit, Load: p.text("LoadState"), Active: p.text("ActiveState"), Sub: p.text("SubState"), Enabled: p.text("UnitFileState"),
		Since: p.when("StateChangeTimestamp"), Fragment: p.text("FragmentPath"), DropIns: property[[]string](p, "DropInPaths"),
		NeedsReload: property[bool](p, "NeedDaemonReload"), started: p.when("InactiveExitTimestamp"),
	}
	if id := property[[]byte](p, "InvocationID"); len(id) == 16 {
		s.Invocation = fmt.Sprintf("%x", id)
	}
	var q properties
	switch kindOf(unit) {
	case "service", "socket", "mount", "swap", "timer", "path", "slice", "scope":
		if s.Load == "loaded" || s.Active != "inactive" {
			if q, err = c.typeProperties(ctx, unit); err != nil {
				return s, err
			}
		}
	}
	s.service(q)
	s.judge(p)
	return s, nil
}

// service takes what services have; other kinds have no more than a Result.
func (s *Status) service(p properties) {
	s.Result, s.Text, s.PID, s.Restarts = p.text("Result"), p.text("StatusText"), int(property[uint32](p, "MainPID")), int(property[uint32](p, "NRestarts"))
	s.ControlGroup = p.text("ControlGroup")
	status := int(property[int32](p, "ExecMainStatus"))
	switch property[int32](p, "ExecMainCode") { // si_code (sigaction(2))
	case 1:
		s.Exit = Exit{Code: status}
	case 2:
		s.Exit = Exit{Signal: syscall.Signal(status)}
	case 3:
		s.Exit = Exit{Signal: syscall.Signal(status), Core: true}
	}
}

// judge finds the outcome.
func (s *Status) judge(p properties) {
	switch s.Load {
	case "loaded", "merged":
	default:
		s.Outcome, s.Problem = Unloadable, s.Load
		if about := property[[]any](p, "LoadError"); len(about) == 2 {
			if text, _ := about[1].(string); text != "" {
				s.Problem = text
			}
		}
		if s.Active == "inactive" {
			return
		}
	}
	switch s.Active {
	case "active", "reloading", "refreshing":
		s.Outcome, s.Problem = Running, ""
		return
	case "activating", "deactivating":
		if !s.waits() {
			s.Outcome = Starting
			return
		}
	}
	conditions, asserts := p.when("ConditionTimestamp"), p.when("AssertTimestamp")
	switch {
	case s.Active == "inactive" && !conditions.IsZero() && !property[bool](p, "ConditionResult"):
		s.Outcome, s.Problem = ConditionNotMet, unmet(p, "Conditions")
	case s.Active == "inactive" && !asserts.IsZero() && !property[bool](p, "AssertResult"):
		s.Outcome, s.Problem = ConditionNotMet, unmet(p, "Asserts")
	case s.Active == "inactive" && s.Result == "exec-condition":
		s.Outcome, s.Problem = ConditionNotMet, "ExecCondition= said no"
	case s.Result == "" || s.Result == "success":
		s.Outcome = Stopped
		if s.Active == "failed" {
			s.Outcome, s.Problem = Failed, s.Sub
		}
	default:
		s.failed(p.when("ActiveEnterTimestamp").Before(p.when("InactiveExitTimestamp")))
	}
}

// failed names what went wrong by Result= (systemd.exec(5), $SERVICE_RESULT).
// early: it was not active before.
func (s *Status) failed(early bool) {
	s.Outcome, s.Problem = Failed, s.Result
	switch s.Result {
	case "exit-code":
		s.Outcome, s.Problem = ExitedWithError, s.Exit.String()
		if s.Exit == (Exit{}) {
			s.Problem = "a process of it" // ExecStartPre= and the like: its log says more
		}
	case "signal", "core-dump":
		s.Outcome, s.Problem = Crashed, s.Exit.String()
	case "timeout":
		s.Outcome, s.Problem = StopTimedOut, "TimeoutStopSec= was over; it was killed"
		if early {
			s.Outcome, s.Problem = NeverReady, "TimeoutStartSec= was over"
		}
	case "protocol":
		s.Outcome, s.Problem = EndedEarly, s.Exit.String()
	case "watchdog":
		s.Outcome, s.Problem = WatchdogExpired, "it said nothing for WatchdogSec="
	case "oom-kill":
		s.Outcome, s.Problem = OutOfMemory, "the kernel killed a process of it"
	case "start-limit-hit":
		s.Outcome, s.Problem = CrashLoop, "it was started too often; StartLimitBurst="
	case "resources":
		s.Outcome, s.Problem = SetupFailed, "a resource or a file that it needs is missing"
	}
}

// unmet lists the conditions that did not hold.
func unmet(p properties, name string) string {
	var list []string
	for _, c := range property[[][]any](p, name) { // (name, trigger, negate, parameter, state)
		if len(c) != 5 {
			continue
		}
		what, _ := c[0].(string)
		negate, _ := c[2].(bool)
		parameter, _ := c[3].(string)
		if state, _ := c[4].(int32); state < 0 {
			if negate {
				parameter = "!" + parameter
			}
			list = append(list, what+"="+parameter)
		}
	}
	return strings.Join(list, ", ")
}

var signalNames = map[syscall.Signal]string{
	syscall.SIGABRT: "SIGABRT", syscall.SIGALRM: "SIGALRM", syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE", syscall.SIGHUP: "SIGHUP",
	syscall.SIGILL: "SIGILL", syscall.SIGINT: "SIGINT", syscall.SIGKILL: "SIGKILL", syscall.SIGPIPE: "SIGPIPE", syscall.SIGQUIT: "SIGQUIT",
	syscall.SIGSEGV: "SIGSEGV", syscall.SIGSYS: "SIGSYS", syscall.SIGTERM: "SIGTERM", syscall.SIGTRAP: "SIGTRAP",
	syscall.SIGUSR1: "SIGUSR1", syscall.SIGUSR2: "SIGUSR2", syscall.SIGXCPU: "SIGXCPU", syscall.SIGXFSZ: "SIGXFSZ",
}

func signalName(s syscall.Signal) string {
	if n := signalNames[s]; n != "" {
		return n
	}
	return fmt.Sprintf("signal %d", int(s))
}
