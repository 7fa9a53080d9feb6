package unit

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bedplate/bedplate/unit/journal"
)

// Messages of systemd that tell what its properties don't (sd-messages.h).
const (
	spawnFailed   = "641257651c1b4ec9a8624d7a40a9e1e7"
	invalidConfig = "c772d24e9a884cbeb9ea12625c306c01"
)

// most is how many entries are looked through for what happened.
const most = 200

// log reads what was logged by and about a unit: since a time, or in its last run.
func (c *client) log(ctx context.Context, s Status, since time.Time) ([]journal.Entry, error) {
	q := journal.Query{Unit: s.Unit, User: c.manager.User, Since: since, Lines: most}
	if since.IsZero() {
		if s.Invocation == "" {
			return nil, nil
		}
		q.Invocation = s.Invocation
	}
	return q.All(ctx)
}

// explain adds the log, and what only that tells. Without it the status stands
// as it is: Status.NoLog says why.
func (c *client) explain(ctx context.Context, s *Status, since time.Time) {
	for range 5 {
		if os.Geteuid() == 0 {
			// What systemd said last may not be written yet.
			if err := journal.Sync(ctx); err != nil {
				s.NoLog = err.Error()
			}
		}
		log, err := c.log(ctx, *s, since)
		if err != nil {
			s.NoLog = err.Error()
			break
		}
		s.Log = log
		ran := s.Restarts > 0 || s.Result != "" && s.Result != "success"
		if !ran || c.told(log) || ctx.Err() != nil {
			break // of what did not run there is no more to come
		}
		time.Sleep(look)
	}
	c.diagnose(ctx, s, since)
}

// told says whether systemd has said how the run ended.
func (c *client) told(log []journal.Entry) bool {
	for _, e := range log {
		if c.manages(e) && e.Field("UNIT_RESULT") != "" {
			return true
		}
	}
	return false
}

// manages says whether an entry is systemd's own. A service can log fields of
// the same names; it can't be process 1.
func (c *client) manages(e journal.Entry) bool {
	return c.manager.User || e.PID == 1
}

// diagnose looks through the log, and leaves the last lines of it.
func (c *client) diagnose(ctx context.Context, s *Status, since time.Time) {
	if s.Restarts > 0 && !s.Outcome.bad() {
		// It is tried again: the failure is in the log only.
		s.Result, s.Exit = c.lastFailure(s.Log)
		if s.Result != "" {
			s.failed(false)
		}
	}
	if s.Result == "exit-code" && s.Outcome.bad() {
		if e, ok := c.spawning(ctx, s, since); ok {
			s.spawn(e)
		} else if s.Exit.Code >= 200 && s.Exit.Code <= 245 {
			s.byCode() // a program of its own accord rarely ends so
		}
	}
	if n := c.manager.lines(); len(s.Log) > n {
		s.Log = s.Log[len(s.Log)-n:]
	}
}

// spawning finds what systemd's own child said that could not become the
// program. It may be gone before the journal saw whose it was; then it is found by
// the unit that it named.
func (c *client) spawning(ctx context.Context, s *Status, since time.Time) (journal.Entry, bool) {
	for _, e := range slices.Backward(s.Log) {
		if e.Field("MESSAGE_ID") == spawnFailed {
			return e, true
		}
	}
	if s.Exit.Code < 200 || s.NoLog != "" || since.IsZero() {
		return journal.Entry{}, false
	}
	unitField := "UNIT"
	if c.manager.User {
		unitField = "USER_UNIT"
	}
	q := journal.Query{Since: since, Match: []journal.Match{{Field: "MESSAGE_ID", Value: spawnFailed}, {Field: unitField, Value: s.Unit}}, Lines: 1}
	found, err := q.All(ctx)
	if err != nil || len(found) == 0 { // then the exit code has to do
		return journal.Entry{}, false
	}
	return found[0], true
}

// byCode names the step that failed by systemd's exit codes alone.
func (s *Status) byCode() {
	switch s.Exit.Code {
	case 203:
		s.Outcome, s.Problem = MissingProgram, "exit 203/EXEC"
	case 216:
		s.Outcome, s.Problem = MissingAccount, "exit 216/GROUP"
	case 217:
		s.Outcome, s.Problem = MissingAccount, "exit 217/USER"
	case 200:
		s.Outcome, s.Problem = SetupFailed, "exit 200/CHDIR"
	default:
		s.Outcome, s.Problem = SetupFailed, s.Exit.String()+", which is one of systemd's own (systemd.exec(5))"
	}
}

// lastFailure is the result and the exit of the last run that systemd tells of.
func (c *client) lastFailure(log []journal.Entry) (result string, exit Exit) {
	for _, e := range log {
		if !c.manages(e) {
			continue
		}
		if r := e.Field("UNIT_RESULT"); r != "" {
			result = r
		}
		switch e.Field("EXIT_CODE") {
		case "exited":
			exit = Exit{}
			exit.Code, _ = strconv.Atoi(e.Field("EXIT_STATUS")) // systemd's own number
		case "killed", "dumped":
			exit = Exit{Core: e.Field("EXIT_CODE") == "dumped"}
			for sig, name := range signalNames {
				if name == "SIG"+e.Field("EXIT_STATUS") {
					exit.Signal = sig
				}
			}
		}
	}
	return result, exit
}

// errnoOf is the error's number in an entry of systemd: before 250 it stands in
// the text only. Zero for none.
func errnoOf(e journal.Entry) syscall.Errno {
	if n, err := strconv.Atoi(e.Field("ERRNO")); err == nil {
		return syscall.Errno(max(n, -n))
	}
	for _, n := range []syscall.Errno{syscall.ENOENT, syscall.ENOEXEC, syscall.EACCES, syscall.ENOTDIR, syscall.EPERM, syscall.ELOOP, syscall.ETXTBSY} {
		// Go's texts are those of strerror(3), but for the capital.
		if strings.HasSuffix(strings.ToLower(e.Message), ": "+n.Error()) {
			return n
		}
	}
	return 0
}

// spawn names why a program could not be executed: systemd's exit codes from 200
// on say which step failed (systemd.exec(5)), and the error's number why.
func (s *Status) spawn(e journal.Entry) {
	why := errnoOf(e)
	program := e.Field("EXECUTABLE")
	s.Problem = program
	if why != 0 {
		s.Problem += ": " + why.Error()
	}
	switch s.Exit.Code {
	case 203:
		s.Outcome = MissingProgram
		switch why {
		case syscall.ENOEXEC:
			s.Outcome = WrongArchitecture
		case syscall.ENOENT, syscall.ENOTDIR, 0:
		default:
			s.Outcome = SetupFailed // EACCES: it is there, and may not be executed
		}
	case 216, 217:
		s.Outcome = MissingAccount
		s.Problem = strings.TrimPrefix(e.Message, s.Unit+": ")
	default:
		s.Outcome = SetupFailed
		s.Problem = strings.TrimPrefix(e.Message, s.Unit+": ")
	}
}
