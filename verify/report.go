package verify

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Result is a check's finding.
type Result struct {
	// Check is the check's name.
	Check string `json:"check"`
	Finding
	// Took is how long the check looked.
	Took time.Duration `json:"took_ns"`
	// Tags are the check's.
	Tags []string `json:"tags,omitempty"`
	// BlockedBy names the checks because of which this one was not asked, sorted:
	// those at the root of the chain of needs. Its status is Unknown then.
	BlockedBy []string `json:"blocked_by,omitempty"`
}

// Report is what a run found, in the order of the checks. The zero value is the
// report of no checks at all; it is not OK, because nothing was proven.
type Report struct {
	Results []Result
	// Began is when the run began.
	Began time.Time
	// Took is how long the whole run took.
	Took time.Duration

	invalid error
}

// Count is how many results have a status.
func (r Report) Count(s Status) (n int) {
	for _, res := range r.Results {
		if res.Status == s {
			n++
		}
	}
	return n
}

// OK says that something was checked, nothing failed and nothing is unknown.
func (r Report) OK() bool { return r.Err() == nil }

// Err is nil if the report is OK. Otherwise it says what is not, and wraps a
// *FailedError, or is the reason why the checks could not be run at all.
func (r Report) Err() error {
	if r.invalid != nil {
		return r.invalid
	}
	if len(r.Results) == 0 {
		return errors.New("verify: no checks were given; nothing is proven")
	}
	var bad []Result
	for _, res := range r.Results {
		if (res.Status == Fail || res.Status == Unknown) && len(res.BlockedBy) == 0 {
			bad = append(bad, res)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return &FailedError{Results: bad, NotAsked: r.notAsked()}
}

// notAsked counts the checks that others kept from being asked.
func (r Report) notAsked() (n int) {
	for _, res := range r.Results {
		if len(res.BlockedBy) > 0 {
			n++
		}
	}
	return n
}

// FailedError holds the results that keep a report from being OK. Checks that
// were not asked because of them are only counted.
type FailedError struct {
	Results  []Result
	NotAsked int
}

func (e *FailedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "verify: %d of the checks did not hold:", len(e.Results))
	for _, r := range e.Results {
		fmt.Fprintf(&b, "\n  %s: %s", oneLine(r.Check), r.Finding)
	}
	if e.NotAsked > 0 {
		fmt.Fprintf(&b, "\n  (%d more were not asked because of that)", e.NotAsked)
	}
	return b.String()
}

// String is the finding on one line: status, values, cause and remedy.
func (f Finding) String() string {
	parts := []string{string(f.Status)}
	switch {
	case f.Wanted != "" && f.Wanted != f.Observed:
		parts = append(parts, fmt.Sprintf("wanted %s, found %s", f.Wanted, orNothing(f.Observed)))
	case f.Observed != "":
		parts = append(parts, f.Observed)
	}
	for _, s := range []string{f.Cause, f.Remedy} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return oneLine(strings.Join(parts, "; "))
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// summary counts what is there, the most urgent first.
func (r Report) summary() string {
	var parts []string
	for _, s := range statuses {
		n := r.Count(s)
		if s == Unknown {
			n -= r.notAsked()
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if n := r.notAsked(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d not asked", n))
	}
	if r.invalid != nil {
		return "nothing was checked: " + oneLine(r.invalid.Error())
	}
	if len(parts) == 0 {
		return "nothing was checked"
	}
	return strings.Join(parts, ", ")
}

// oneLine keeps what a check read from the machine from looking like another
// result, or from moving the cursor of a terminal.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n', c == '\t', c == '\r':
			return ' '
		case c < ' ', c >= 0x7f && c < 0xa0, c == '\u2028', c == '\u2029', c >= '\u202a' && c <= '\u202e', c >= '\u2066' && c <= '\u2069':
			return '\ufffd'
		}
		return c
	}, s)
}
