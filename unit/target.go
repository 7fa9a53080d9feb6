package unit

import (
	"fmt"

	"github.com/bedplate/bedplate/unit/internal/directives"
)

// Target is the systemd that a unit is for.
type Target struct {
	// Systemd is its version, such as 252. Zero: the newest that this package knows.
	Systemd int
	// CPUs is how many the machine has, so that Lint can tell a quota that holds
	// nothing. Zero: not known.
	CPUs int
}

func (t Target) version() int {
	if t.Systemd == 0 {
		return directives.Newest
	}
	return t.Systemd
}

// Dropped is a directive that the target's systemd does not know, and that was
// therefore left out.
type Dropped struct {
	Directive
	// Reason says since when there is such a thing.
	Reason string
}

// String is the directive and the reason on one line.
func (d Dropped) String() string { return d.Directive.String() + ": " + d.Reason }

// valueSince is the version that a value came with, if that is later than its
// directive; else zero.
func valueSince(name, value string) int {
	switch {
	case value == "notify-reload" && name == "Type":
		return 253
	case value == "idle" && name == "CPUWeight":
		return 252
	}
	return 0
}

// lacks says why the target does not take a directive; "" if it does.
func (t Target) lacks(d Directive) string {
	v := t.version()
	if v < directives.Newest || directives.Mortal(d.Name) {
		known, ok := directives.Find(d.Section, d.Name)
		switch {
		case !ok:
			// Not in the table: the linter's to say, the caller asked for it.
		case v < known.Since:
			return fmt.Sprintf("systemd %d has no %s=, it came with %d", v, d.Name, known.Since)
		case !known.In(v):
			return fmt.Sprintf("systemd %d has no %s= any more, %d was the last", v, d.Name, known.Until)
		}
	}
	if since := valueSince(d.Name, d.Value); v < since {
		return fmt.Sprintf("systemd %d does not know the value, it came with %d", v, since)
	}
	return ""
}
