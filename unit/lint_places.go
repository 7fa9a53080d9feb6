package unit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// split cuts a command line or Environment= into words as systemd does
// (systemd.syntax(7), "Quoting"); not ok when a quote stays open.
func split(s string) (words []string, ok bool) { return cut(s, false) }

// splitVerbatim cuts a list in which backslashes mean themselves.
func splitVerbatim(s string) (words []string, ok bool) { return cut(s, true) }

func cut(s string, verbatim bool) (words []string, ok bool) {
	var b strings.Builder
	var quote byte
	inside := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && !verbatim && i+1 < len(s):
			i++
			b.WriteByte(s[i])
			inside = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			b.WriteByte(c)
		case c == '"' || c == '\'':
			quote, inside = c, true
		case isBlank(c):
			if inside {
				words = append(words, b.String())
				b.Reset()
			}
			inside = false
		default:
			b.WriteByte(c)
			inside = true
		}
	}
	if inside {
		words = append(words, b.String())
	}
	return words, quote == 0
}

func pathsProblem(_ *linter, key, value string) string {
	list, ok := splitVerbatim(value)
	if !ok {
		return "a quote is not closed"
	}
	for _, w := range list {
		p := w
		if key != "RequiresMountsFor" && key != "WantsMountsFor" && key != "Symlinks" {
			p = strings.TrimLeft(w, "-+!")
		}
		if !rooted(p) {
			return fmt.Sprintf("%q is no absolute path", w)
		}
	}
	return ""
}

// pathProblem checks a value that is one path as a whole.
func pathProblem(_ *linter, _, value string) string {
	if !rooted(value) {
		return "it is no absolute path"
	}
	return ""
}

// fileProblem checks a path that may be missing behind a "-".
func fileProblem(l *linter, key, value string) string {
	return pathProblem(l, key, strings.TrimPrefix(value, "-"))
}

func workingProblem(_ *linter, _, value string) string {
	if p := strings.TrimPrefix(value, "-"); p != "~" && !rooted(p) {
		return "it is an absolute path or ~"
	}
	return ""
}

// belowProblem checks StateDirectory= and its kin, below systemd's own directories.
func belowProblem(l *linter, key, value string) string {
	list, ok := splitVerbatim(value)
	if !ok {
		return "a quote is not closed"
	}
	for _, w := range list {
		p, _, linked := strings.Cut(w, ":")
		if strings.HasPrefix(p, "/") || contains(strings.Split(p, "/"), "..") {
			return fmt.Sprintf("%q is not relative; systemd puts it below its own directory", w)
		}
		if part := strings.Split(w, ":"); len(part) > 2 && part[2] != "ro" && l.version > 252 {
			return fmt.Sprintf("%q ends in no such flag; ro is one", w)
		}
		if p == "" && l.version > 252 {
			return fmt.Sprintf("%q begins with no name", w)
		}
		if linked && p != "" && key == "ConfigurationDirectory" && l.version > 247 {
			return "a directory of configuration gets no symbolic links"
		}
	}
	return ""
}

func commandProblem(_ *linter, _, value string) string {
	program := strings.TrimLeft(value, "@-:+!|")
	list, ok := split(program)
	prefix := value[:len(value)-len(program)]
	switch {
	case !ok:
		return "a quote is not closed"
	case len(list) == 0:
		return "it names no program"
	case strings.Contains(prefix, "@") && len(list) == 1:
		return "behind @ the program's own name for itself follows the path"
	case !rooted(list[0]) && strings.Contains(list[0], "/"):
		return fmt.Sprintf("%q is neither an absolute path nor a name to search for", list[0])
	}
	return ""
}

func accountProblem(_ *linter, _, value string) string {
	if specified(value) {
		return ""
	}
	if digits := strings.TrimPrefix(value, "-"); strings.Trim(digits, "0123456789") == "" {
		// -1, which are the highest of 16 and of 32 bits, is nobody.
		if n, err := strconv.ParseUint(value, 10, 32); err != nil || n == math.MaxUint16 || n == math.MaxUint32 || len(value) > 1 && value[0] == '0' {
			return "it is no number of an account"
		}
	}
	if strings.ContainsAny(value, ":/") {
		return "it is no account's name: letters, digits, _ and -, at most 31"
	}
	return ""
}

// groupsProblem checks SupplementaryGroups=.
func groupsProblem(l *linter, key, value string) string {
	for w := range strings.FieldsSeq(value) {
		if p := accountProblem(l, key, w); p != "" {
			return p
		}
	}
	return ""
}

// signals that Linux has on the platforms that systemd runs on, without SIG.
var signals = strings.Fields(`HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP
	TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS`)

func signalProblem(_ *linter, _, value string) string {
	if n, err := strconv.Atoi(value); err == nil && n >= 1 && n <= 64 {
		return ""
	}
	name := strings.TrimPrefix(value, "SIG")
	if contains(signals, name) || strings.HasPrefix(name, "RTMIN") || strings.HasPrefix(name, "RTMAX") {
		return ""
	}
	return "there is no such signal; SIGTERM is one"
}

// conditionProblem checks the conditions that look at a path.
func conditionProblem(_ *linter, key, value string) string {
	_, test, ok := strings.Cut(key, "Condition")
	if !ok {
		_, test, _ = strings.Cut(key, "Assert")
	}
	p := strings.TrimLeft(value, "|! \t")
	if (contains(conditionPaths, test) || test == "NeedsUpdate") && !rooted(p) {
		return "the path is not absolute"
	}
	return ""
}
