package unit

import (
	"fmt"
	"strings"

	"github.com/bedplate/bedplate/unit/internal/directives"
)

// directives finds the sections and directives that systemd would ignore. Names
// that begin with X- are for other programs (systemd.unit(5)).
func (l *linter) directives() {
	odd := map[string]bool{}
	for _, h := range l.file.heads {
		if problem, fix := l.sectionProblem(h.name); problem != "" {
			odd[h.name] = true
			l.found = append(l.found, Finding{"unknown-section", SeverityError, l.name(h.file), h.line, h.name, "", problem, fix})
		}
	}
	for _, e := range l.file.entries {
		if odd[e.Section] || strings.HasPrefix(e.Section, "X-") || strings.HasPrefix(e.Key, "X-") {
			continue
		}
		l.directive(e)
	}
}

func (l *linter) sectionProblem(name string) (problem, fix string) {
	switch {
	case name == "Unit" || name == "Install" || strings.HasPrefix(name, "X-"):
		return "", ""
	case l.kind == "" && directives.Known(name):
		return "", ""
	case l.kind != "" && name == section("", l.kind):
		return "", ""
	}
	if l.kind == "" {
		return fmt.Sprintf("systemd has no section [%s] and ignores all of it", name), nearestSection(name)
	}
	problem = fmt.Sprintf("a %s has no section [%s]; systemd ignores all of it", l.kind, name)
	own := section("", l.kind)
	switch {
	case directives.Known(name):
		return problem, fmt.Sprintf("it belongs in a .%s file", strings.ToLower(name))
	case strings.EqualFold(name, own):
		return problem, "write [" + own + "]"
	}
	return problem, nearestSection(name)
}

func nearestSection(name string) string {
	if n := directives.NearestSection(name); n != "" {
		return "is [" + n + "] meant?"
	}
	return "remove it, or begin its name with X- if another program reads it"
}

func (l *linter) directive(e Entry) {
	known, ok := directives.Find(e.Section, e.Key)
	switch {
	case ok && l.version < known.Since:
		l.report(e, "unknown-directive", SeverityError,
			fmt.Sprintf("systemd %d does not know %s= and ignores it; it came with %d", l.version, e.Key, known.Since),
			"remove it, or aim at a newer systemd")
	case ok && !known.In(l.version):
		l.report(e, "unknown-directive", SeverityError,
			fmt.Sprintf("systemd %d does not know %s= any more and ignores it", l.version, e.Key), "remove it")
	case ok:
	case l.version > directives.Newest:
		l.report(e, "unknown-directive", SeverityWarning,
			fmt.Sprintf("[%s] %s= is unknown to systemd %d, the newest that this linter knows", e.Section, e.Key, directives.Newest), meant(e))
	default:
		l.report(e, "unknown-directive", SeverityError,
			fmt.Sprintf("systemd knows no %s= in [%s] and ignores it", e.Key, e.Section), meant(e))
	}
}

// meant guesses: the right name in another section, or a name that is close.
func meant(e Entry) string {
	if s := directives.Elsewhere(e.Key); s != "" && s != e.Section {
		return "it belongs in [" + s + "]"
	}
	if n := directives.Nearest(e.Section, e.Key); n != "" {
		return "is " + n + "= meant?"
	}
	return "remove it"
}
