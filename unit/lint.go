package unit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity is how much a finding matters. The words are those of SARIF.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"   // systemd ignores it, or the service can't work
	SeverityWarning Severity = "warning" // it works, but not as meant, or it is dangerous
	SeverityNote    Severity = "note"    // worth knowing
)

// Finding is one thing that Lint has to say. Its texts never hold the value of
// an environment variable.
type Finding struct {
	// Rule is the stable name of what was broken, "bad-value".
	Rule     string
	Severity Severity
	// File is the unit file's name, Line where the assignment begins, from 1.
	File string
	Line int
	// Section and Key name the directive. Key is "" for a finding about a section.
	Section, Key string
	// Message says what is wrong, Fix what to do.
	Message, Fix string
}

// String is the finding on one line, in the form that editors jump to.
func (f Finding) String() string {
	s := fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Severity, f.Message)
	if f.Fix != "" {
		s += "; " + f.Fix
	}
	return s + " (" + f.Rule + ")"
}

// Lint looks for what systemd of the target's version would ignore without
// failing, and for what works differently from how it reads. The findings are
// sorted by line. Of a drop-in, whose name ends in ".conf", only the lines
// themselves are judged: what else its unit says is not known.
func Lint(f *File, t Target) []Finding {
	l := &linter{file: f, target: t, version: t.version(), kind: kindOf(f.Name)}
	l.directives()
	l.values()
	if !strings.HasSuffix(f.Name, ".conf") {
		l.loadable()
		l.dependencies()
		l.restarts()
		l.processes()
		l.commands()
		l.sandbox()
		l.writable()
		l.limits()
		l.accounts()
	}
	l.outdated()
	l.secrets()
	slices.SortStableFunc(l.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(l.order(a.File), l.order(b.File)), cmp.Compare(a.Line, b.Line))
	})
	return l.found
}

type linter struct {
	file    *File
	target  Target
	version int
	kind    string // "service"; "" when the name does not say
	found   []Finding
}

// kindOf finds the kind of unit in a file's name: "app.service",
// "/etc/systemd/system/app@.service", "app.service.d/10-more.conf".
func kindOf(name string) string {
	if strings.HasSuffix(name, ".conf") {
		dir, _, ok := cutLast(name, "/")
		if !ok || !strings.HasSuffix(dir, ".d") {
			return ""
		}
		name = strings.TrimSuffix(dir, ".d")
	}
	if _, kind, ok := cutLast(name, "."); ok && contains(kinds, kind) {
		return kind
	}
	if _, base, ok := cutLast(name, "/"); ok {
		name = base
	}
	if contains(kinds, name) { // "service.d" is for all services
		return name
	}
	return ""
}

// report adds a finding about an assignment.
func (l *linter) report(e Entry, rule string, s Severity, message, fix string) {
	l.found = append(l.found, Finding{rule, s, l.name(e.File), e.Line, e.Section, e.Key, message, fix})
}

// name is that of the file of an assignment: a merged unit has several.
func (l *linter) name(file string) string { return cmp.Or(file, l.file.Name) }

func (l *linter) order(file string) int { return slices.Index(l.file.parts, file) }

// last is the assignment in force of a directive that takes one value; an empty
// one counts as none.
func (l *linter) last(section, key string) (Entry, bool) {
	for _, e := range slices.Backward(l.file.entries) {
		if e.Section == section && e.Key == key {
			return e, e.Value != ""
		}
	}
	return Entry{}, false
}

// service is last for a directive of [Service].
func (l *linter) service(key string) (Entry, bool) { return l.last("Service", key) }

// on says whether a boolean is set, or a directive that takes a boolean or more
// has any other value than one for "no".
func (l *linter) on(key string) bool {
	e, ok := l.service(key)
	v, isBool := boolean(e.Value)
	return ok && (v || !isBool)
}

// since are the assignments in force of a directive that takes many.
func (l *linter) since(section, key string) (list []Entry) {
	for _, e := range l.file.entries {
		switch {
		case e.Section != section || e.Key != key:
		case e.Value == "":
			list = nil
		default:
			list = append(list, e)
		}
	}
	return list
}

// naming finds the assignment of a list that holds a word.
func (l *linter) naming(section, word string, keys ...string) (Entry, bool) {
	for _, key := range keys {
		for _, e := range l.since(section, key) {
			if contains(strings.Fields(e.Value), word) {
				return e, true
			}
		}
	}
	return Entry{}, false
}
