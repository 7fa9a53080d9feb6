package unit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/unit/internal/directives"
	"github.com/bedplate/bedplate/unit/internal/syscalls"
)

// values finds what systemd would drop with "ignoring" in its log.
func (l *linter) values() {
	for _, e := range l.file.entries {
		known, ok := directives.Find(e.Section, e.Key)
		if !ok || e.Value == "" {
			continue
		}
		what, fix := l.value(e, known.Kind)
		if what != "" {
			l.report(e, "bad-value", SeverityError, l.quote(e)+" "+what, fix)
		}
		if contains([]string{"User", "Group", "SocketUser", "SocketGroup"}, e.Key) && what == "" && !strings.Contains(e.Value, "%") && !accountName.MatchString(e.Value) {
			l.report(e, "account-name", SeverityWarning, l.quote(e)+" is a name that systemd takes with a warning, and other tools do not", "use letters, digits, _ and -, at most 31, and no digit first")
		}
	}
}

// quote names the assignment. Variables may hold secrets.
func (l *linter) quote(e Entry) string {
	if e.Key == "Environment" {
		return "Environment="
	}
	return fmt.Sprintf("%s=%.80s", e.Key, e.Value)
}

const ignored = "is ignored by systemd: "

func (l *linter) value(e Entry, kind string) (what, fix string) {
	if words, ok := l.words(e); ok {
		return words.problem(l, e)
	}
	check, special := byKey[e.Key]
	switch {
	case special:
	case e.Section == "Service" && e.Key == "Sockets":
		check = socketsProblem
	case e.Section == "Socket" && e.Key == "Service":
		check = serviceProblem
	case e.Section == "Unit" && (strings.HasPrefix(e.Key, "Condition") || strings.HasPrefix(e.Key, "Assert")):
		check = conditionProblem
	default:
		check = byKind[kind]
	}
	value, what, fix := l.replaced(e, kind)
	if what != "" {
		return ignored + what, fix
	}
	if check == nil {
		return "", ""
	}
	if p := check(l, e.Key, value); p != "" {
		return ignored + p, "correct it"
	}
	return "", ""
}

func booleanProblem(_ *linter, _, value string) string {
	if _, ok := boolean(value); !ok {
		return "it is neither yes nor no"
	}
	return ""
}

// boolean reads the words that systemd takes for yes and no.
func boolean(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "1", "yes", "y", "true", "t", "on":
		return true, true
	case "0", "no", "n", "false", "f", "off":
		return false, true
	}
	return false, false
}

func unitsProblem(_ *linter, _, value string) string {
	for _, w := range strings.Fields(value) {
		w = strings.Trim(w, `"'`)
		if specified(w) {
			continue
		}
		if nameProblem(w) != "" {
			return fmt.Sprintf("%q is no unit's name; it ends in .service, .target or the like", w)
		}
	}
	return ""
}

func socketsProblem(_ *linter, _, value string) string {
	for _, w := range strings.Fields(value) {
		if w = strings.Trim(w, `"'`); !specified(w) && (nameProblem(w) != "" || !strings.HasSuffix(w, ".socket")) {
			return fmt.Sprintf("%q is no socket unit", w)
		}
	}
	return ""
}

func sliceProblem(l *linter, key, value string) string {
	if !specified(value) && !strings.HasSuffix(value, ".slice") {
		return "a slice's name ends in .slice"
	}
	return unitsProblem(l, key, value)
}

func capabilityProblem(_ *linter, _, value string) string {
	for _, w := range strings.Fields(strings.TrimPrefix(value, "~")) {
		if !slices.Contains(capabilities, strings.TrimPrefix(strings.ToUpper(w), "CAP_")) || !strings.HasPrefix(strings.ToUpper(w), "CAP_") {
			return fmt.Sprintf("there is no capability %q", w)
		}
	}
	return ""
}

func familyProblem(l *linter, _, value string) string {
	for _, w := range strings.Fields(strings.TrimPrefix(value, "~")) {
		switch {
		case w == "none" && l.version < 249:
			return "the word none came with systemd 249"
		case w != "none" && !contains(families, strings.TrimPrefix(w, "AF_")):
			return fmt.Sprintf("there is no address family %q; AF_INET is one", w)
		}
	}
	return ""
}

func callsProblem(l *linter, _, value string) string {
	list, denies := strings.CutPrefix(value, "~")
	for w := range strings.FieldsSeq(list) {
		name, _, number := strings.Cut(w, ":")
		switch {
		case !syscalls.Known(l.version, name):
			return fmt.Sprintf("systemd %d knows no system call and no group %q", l.version, name)
		case number && !denies && l.version > 247: // which takes it
			return "only what is denied, behind a ~, can have an error number"
		}
	}
	return ""
}

func namespacesProblem(_ *linter, _, value string) string {
	if _, ok := boolean(value); ok {
		return ""
	}
	for w := range strings.FieldsSeq(strings.TrimPrefix(value, "~")) {
		if !contains(namespaceKinds, w) {
			return fmt.Sprintf("there is no namespace %q; it is yes, no, or some of %s", w, strings.Join(namespaceKinds, ", "))
		}
	}
	return ""
}

var namespaceKinds = []string{"cgroup", "ipc", "net", "mnt", "pid", "user", "uts"}

func environProblem(_ *linter, _, value string) string {
	list, ok := split(value)
	if !ok {
		return "a quote is not closed"
	}
	for _, w := range list {
		if name, _, ok := strings.Cut(w, "="); !ok || !variable(name) {
			return "each word is NAME=value, quoted as a whole when the value has spaces"
		}
	}
	return ""
}

func outputProblem(l *linter, _, value string) string {
	kind, rest, has := strings.Cut(value, ":")
	switch {
	case !has && contains([]string{"inherit", "null", "tty", "journal", "kmsg", "journal+console", "kmsg+console", "socket", "syslog", "syslog+console", "fd"}, value),
		has && kind == "fd" && rest != "":
		return ""
	case has && contains([]string{"file", "append", "truncate"}, kind):
		if kind == "truncate" && l.version < 248 {
			return "truncate: came with systemd 248"
		}
		if strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, "%") {
			return ""
		}
		return "the path must be absolute"
	}
	return "it is none of journal, null, inherit, file:/path, append:/path and their kin"
}

func urlProblem(_ *linter, _, value string) string {
	for _, w := range strings.Fields(value) {
		if !documentation(strings.Trim(w, `"'`)) {
			return fmt.Sprintf("%q is no http:, https:, file:, info: or man: URL", w)
		}
	}
	return ""
}

// documentation says whether Documentation= takes a URL.
func documentation(s string) bool {
	for _, p := range []string{"http://", "https://", "file:/", "info:", "man:"} {
		if rest, ok := strings.CutPrefix(s, p); ok && rest != "" && !strings.ContainsAny(rest, " \t") {
			return true
		}
	}
	return false
}
