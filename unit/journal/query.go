package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Query says which entries of the journal are wanted: those for which every
// field that is set holds. The zero Query is the whole journal.
type Query struct {
	// Unit is a unit whose log is wanted, with what systemd says of it. "": all.
	Unit string
	// User means that Unit is one of the calling user's own manager.
	User bool
	// Identifier is SYSLOG_IDENTIFIER. "": all.
	Identifier string
	// Priority is a range of priorities; see AtLeast. Zero: all.
	Priority Priorities
	// Invocation is the ID of one run of a unit (Status.Invocation). "": all.
	Invocation string
	// Boot is ThisBoot, a boot's ID, or an offset such as "-1". "": all.
	Boot string
	// Since and Until bound the time. Zero: no bound.
	Since, Until time.Time
	// After is an entry's cursor, behind which to begin. "": from the first.
	After string
	// Match are values of fields; those of one field are alternatives.
	Match []Match
	// Lines leaves only that many of the last entries. Zero: all.
	Lines int
	// Follow waits for further entries, until the context ends.
	Follow bool
	// Directory holds journal files to read in place of this machine's. "": this machine's.
	Directory string
	// Namespace is a journal namespace (systemd-journald.service(8)). "": the default one.
	Namespace string
	// Command is journalctl. "": the one in the path.
	Command string
}

// ThisBoot is the boot that is running.
const ThisBoot = "0"

// Match is a field that has a value.
type Match struct{ Field, Value string }

// Priorities is a range of priorities. Its zero value is all.
type Priorities struct {
	from, to Priority
	set      bool
}

// AtLeast are the priorities that are p or more urgent: Emerg to p.
func AtLeast(p Priority) Priorities { return Priorities{Emerg, p, true} }

// Between are the priorities from a to b, both included, in either order.
func Between(a, b Priority) Priorities { return Priorities{min(a, b), max(a, b), true} }

// arguments of journalctl. Everything is joined with its option by "=", so that
// no value can pass for an option.
func (q Query) arguments() ([]string, error) {
	args := []string{"--no-pager", "--quiet", "--all", "--output=export"}
	var errs []error
	add := func(option, value string) {
		switch {
		case value == "":
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
			errs = append(errs, fmt.Errorf("journal: %s=%q holds a control character", option, value))
		default:
			args = append(args, "--"+option+"="+value)
		}
	}
	if strings.ContainsAny(q.Unit, "*?[/") {
		errs = append(errs, fmt.Errorf("journal: Unit=%q is a pattern or a path; give a unit's name", q.Unit))
	}
	if q.User {
		add("user-unit", q.Unit)
	} else {
		add("unit", q.Unit)
	}
	add("identifier", q.Identifier)
	add("boot", q.Boot)
	add("directory", q.Directory)
	add("namespace", q.Namespace)
	if q.Priority.set {
		if q.Priority.from < Emerg || q.Priority.to > Debug {
			errs = append(errs, fmt.Errorf("journal: Priority from %d to %d; they are 0 to 7", q.Priority.from, q.Priority.to))
		}
		add("priority", strconv.Itoa(int(q.Priority.from))+".."+strconv.Itoa(int(q.Priority.to)))
	}
	if q.After != "" {
		add("after-cursor", q.After) // journalctl takes no time beside it
	} else if !q.Since.IsZero() {
		add("since", stamp(q.Since))
	}
	if !q.Until.IsZero() {
		add("until", stamp(q.Until))
	}
	switch {
	case q.Lines < 0:
		errs = append(errs, fmt.Errorf("journal: Lines=%d is negative", q.Lines))
	case q.Lines > 0:
		add("lines", strconv.Itoa(q.Lines))
	case q.Follow:
		args = append(args, "--no-tail")
	}
	if q.Follow {
		args = append(args, "--follow")
	}
	matches, err := q.matches()
	errs = append(errs, err)
	return append(append(args, "--"), matches...), errors.Join(errs...)
}

// invocationFields say which run of a unit an entry is of: one of its
// processes', or one in which systemd speaks of it.
var invocationFields = []string{"_SYSTEMD_INVOCATION_ID", "INVOCATION_ID", "USER_INVOCATION_ID"}

func (q Query) matches() (args []string, err error) {
	var errs []error
	for _, m := range q.Match {
		if !fieldName(m.Field) {
			errs = append(errs, fmt.Errorf("journal: Match field %q; upper case letters, digits and underscores", m.Field))
		}
		if strings.ContainsRune(m.Value, 0) {
			errs = append(errs, fmt.Errorf("journal: Match value of %s holds a NUL byte, which no argument can", m.Field))
		}
		args = append(args, m.Field+"="+m.Value)
	}
	if q.Invocation == "" {
		return args, errors.Join(errs...)
	}
	if strings.ContainsFunc(q.Invocation, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }) {
		errs = append(errs, fmt.Errorf("journal: Invocation=%q; an ID has hexadecimal digits", q.Invocation))
	}
	var all []string
	for i, f := range invocationFields {
		if i > 0 {
			all = append(all, "+")
		}
		all = append(append(all, args...), f+"="+q.Invocation)
	}
	return all, errors.Join(errs...)
}

func fieldName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') && (r < '0' || r > '9') })
}

func stamp(t time.Time) string {
	return fmt.Sprintf("@%d.%06d", t.Unix(), t.Nanosecond()/1000)
}

// Entries runs the query, the oldest entry first. It ends at the first error,
// which comes with an empty Entry; a loop that is left ends the query. Without
// the right to read the journal the error matches fs.ErrPermission.
func (q Query) Entries(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := q.run(ctx, yield); err != nil {
			yield(Entry{}, err)
		}
	}
}

// All is the entries of a query that ends.
func (q Query) All(ctx context.Context) (entries []Entry, err error) {
	if q.Follow {
		return nil, errors.New("journal: a query with Follow has no end; range over Entries")
	}
	for e, err := range q.Entries(ctx) {
		if err != nil {
			return entries, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// run feeds yield until it has enough, and says what went wrong otherwise.
func (q Query) run(ctx context.Context, yield func(Entry, error) bool) error {
	args, err := q.arguments()
	if err != nil {
		return err
	}
	command := q.Command
	if command == "" {
		command = "journalctl"
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.WaitDelay = 5 * time.Second
	var complaints limited
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	x := exported{bufio.NewReaderSize(out, 64<<10)}
	for {
		e, err := x.next()
		if err != nil {
			return q.ended(ctx, cmd, &complaints, err)
		}
		if q.After != "" && e.Time.Before(q.Since) {
			continue
		}
		if !yield(e, nil) {
			cancel()
			_ = cmd.Wait() // it was killed, and says so
			return nil
		}
	}
}

// ended turns the end of the output into what it means.
func (q Query) ended(ctx context.Context, cmd *exec.Cmd, complaints *limited, err error) error {
	atEnd := errors.Is(err, io.EOF)
	if !atEnd {
		_ = cmd.Process.Kill() // it may have more to say that nobody reads
	}
	waited := cmd.Wait()
	said := strings.TrimSpace(complaints.String())
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("journal: %w", context.Cause(ctx))
	case strings.Contains(said, "insufficient permissions"):
		return fmt.Errorf("journal: %s: %w", said, fs.ErrPermission)
	case !atEnd:
		return err
	case waited != nil && said != "":
		return fmt.Errorf("journal: journalctl: %s: %w", said, waited)
	case waited != nil:
		return fmt.Errorf("journal: journalctl: %w", waited)
	case q.Follow:
		return errors.New("journal: journalctl ended while it was to follow")
	}
	return nil
}

// limited keeps the beginning of what is written.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := 4096 - l.Len(); room > 0 {
		l.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
