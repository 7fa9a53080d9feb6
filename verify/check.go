package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Status is how a check ended.
type Status string

// The ways in which a check ends.
const (
	Pass          Status = "pass"
	Fail          Status = "fail"
	Warn          Status = "warn"           // not as wanted, by a check that only advises
	Unknown       Status = "unknown"        // the check could not look
	NotApplicable Status = "not applicable" // nothing here that the check is about
)

// statuses are all of them, the most urgent first.
var statuses = []Status{Fail, Unknown, Warn, NotApplicable, Pass}

// Finding is what a check saw.
type Finding struct {
	// Status says how it ended. The zero value counts as Unknown.
	Status Status `json:"status"`
	// Wanted and Observed are the two values that were compared, on one line each.
	Wanted   string `json:"wanted,omitempty"`
	Observed string `json:"observed,omitempty"`
	// Cause says why, where the values don't.
	Cause string `json:"cause,omitempty"`
	// Remedy is what a person would do about it.
	Remedy string `json:"remedy,omitempty"`
}

// Passed is the finding of a check that saw what it wanted.
func Passed(observed string) Finding { return Finding{Status: Pass, Observed: observed} }

// Equal passes when both values are the same and fails otherwise. Both are
// printed with %v.
func Equal[T comparable](wanted, observed T) Finding {
	f := Finding{Status: Pass, Wanted: fmt.Sprint(wanted), Observed: fmt.Sprint(observed)}
	if wanted != observed {
		f.Status = Fail
	}
	return f
}

// CouldNotLook is the finding of a check that was kept from looking.
func CouldNotLook(err error) Finding { return Finding{Status: Unknown, Cause: err.Error()} }

// Because gives the finding a cause and a remedy. They are dropped from a check
// that passed.
func (f Finding) Because(cause, remedy string) Finding {
	if f.Status != Pass {
		f.Cause, f.Remedy = cause, remedy
	}
	return f
}

// Severity says what it means when a check does not hold.
type Severity int

const (
	// Required makes the report not OK. It is the zero value.
	Required Severity = iota
	// Advisory turns a failure into a warning, which leaves the report OK.
	Advisory
)

// DefaultTimeout is how long a check may take that does not say so itself.
const DefaultTimeout = 10 * time.Second

// Check is one question to the machine.
type Check struct {
	// Name is unique in a run and free of control characters. Slashes group:
	// "unit/app.service/active".
	Name string
	// Look answers the question. It reads only, and honours ctx.
	Look func(ctx context.Context) Finding
	// Needs names the checks without which this one makes no sense. Where one
	// of them failed or is unknown, this one is not asked: it is unknown, and
	// reports name it beside the one to blame, so that one fault is reported
	// once. Where one of them does not apply, neither does this one.
	Needs []string
	// Timeout is how long Look may take; zero: DefaultTimeout. Then the check
	// is unknown.
	Timeout time.Duration
	// Severity is what a failure means; zero: Required.
	Severity Severity
	// Tags are for Selection: "quick", "network".
	Tags []string
	// Alone keeps other checks from running meanwhile, for one that measures.
	Alone bool
}

// Validate finds everything that keeps the checks from being run as they are, which
// Run says, too: an empty or repeated name, a need that none is named, a circle.
func Validate(checks ...Check) error {
	var errs []error
	index := make(map[string]int, len(checks))
	for i, c := range checks {
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("verify: check %d (%q): "+format, append([]any{i + 1, c.Name}, args...)...))
		}
		if c.Name == "" || strings.TrimSpace(c.Name) != c.Name || strings.ContainsFunc(c.Name, unicode.IsControl) {
			bad("a name is needed, without control characters or surrounding space")
		}
		if first, taken := index[c.Name]; taken {
			bad("check %d has the same name; names are unique in a run", first+1)
		}
		index[c.Name] = i
		if c.Look == nil {
			bad("it has nothing to do; set Look")
		}
		if c.Timeout < 0 {
			bad("Timeout=%v is negative; leave it zero for %v", c.Timeout, DefaultTimeout)
		}
		if c.Severity != Required && c.Severity != Advisory {
			bad("Severity=%d is unknown; use Required or Advisory", c.Severity)
		}
		for _, t := range c.Tags {
			if t == "" || strings.ContainsFunc(t, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == ',' }) {
				bad("the tag %q is empty or has a space, a comma or a control character", t)
			}
		}
	}
	for i, c := range checks {
		for _, need := range c.Needs {
			if _, there := index[need]; !there {
				errs = append(errs, fmt.Errorf("verify: check %d (%q): it needs %q, which is not in this run", i+1, c.Name, need))
			}
		}
	}
	if len(errs) == 0 {
		errs = append(errs, acyclic(checks, index))
	}
	return errors.Join(errs...)
}

func acyclic(checks []Check, index map[string]int) error {
	done := make([]bool, len(checks))
	var path []string
	var visit func(i int) error
	visit = func(i int) error {
		name := checks[i].Name
		if at := slices.Index(path, name); at >= 0 {
			return fmt.Errorf("verify: checks need each other in a circle: %s", strings.Join(append(path[at:], name), " → "))
		}
		if done[i] {
			return nil
		}
		path = append(path, name)
		for _, need := range checks[i].Needs {
			if err := visit(index[need]); err != nil {
				return err
			}
		}
		path = path[:len(path)-1]
		done[i] = true
		return nil
	}
	for i := range checks {
		if err := visit(i); err != nil {
			return err
		}
	}
	return nil
}
