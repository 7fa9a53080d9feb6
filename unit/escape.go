package unit

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// longestValue is far more than anybody means. systemd reads up to 1 MiB a line.
const longestValue = 64 << 10

func printableProblem(s string) string {
	switch {
	case len(s) <= longestValue && (ascii(s) || strings.IndexFunc(s, unprintable) < 0):
		return ""
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	case strings.ContainsFunc(s, control):
		return "holds a control character; a newline would begin another directive"
	case len(s) > longestValue:
		return fmt.Sprintf("has %d bytes; at most %d are taken", len(s), longestValue)
	}
	return ""
}

// ascii says whether a text is nothing but printable ASCII, as most are.
func ascii(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// unprintable is true for what may be wrong: a rune that begins invalid UTF-8 is
// the same as one that is meant.
func unprintable(r rune) bool { return control(r) || r == utf8.RuneError }

// plainProblem checks a text for a directive that takes it whole.
func plainProblem(s string) string {
	if p := printableProblem(s); p != "" {
		return p
	}
	if trim(s) != s || continued(s) {
		return "begins or ends in space, or ends in a backslash; systemd would not read it back as it is"
	}
	return ""
}

// quoteVerbatim makes one word of a list whose backslashes mean themselves: most
// lists, but neither command lines nor Environment=.
func quoteVerbatim(s string) string {
	switch {
	case s != "" && !strings.ContainsAny(s, " \t\"'"):
		return s
	case !strings.Contains(s, `"`):
		return `"` + s + `"`
	case !strings.Contains(s, `'`):
		return `'` + s + `'`
	}
	// Quoted pieces that touch are one word.
	return `"` + strings.ReplaceAll(s, `"`, `"'"'"`) + `"`
}

// quote makes one word of a command line or of Environment= (systemd.syntax(7),
// "Quoting").
func quote(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\"'\\;") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// command makes a command line (systemd.service(5), "Command lines"): quoted
// words, in which "$" begins a variable. The program is an absolute path without
// what systemd would take for a prefix or a variable.
func (d *draft) command(field string, argv []string) string {
	if len(argv) == 0 {
		d.fail(fmt.Errorf("unit: %s is empty; give the program and its arguments", field))
		return ""
	}
	d.refuse(index(field, 0), argv[0], d.pathProblem(argv[0]))
	if strings.ContainsAny(argv[0], "$\"'\\") {
		d.refuse(index(field, 0), argv[0], "holds a $, a quote or a backslash, which systemd takes in no program's path")
	}
	var b strings.Builder
	for i, a := range argv {
		if i > 0 {
			b.WriteByte(' ')
		}
		if p := printableProblem(a); p != "" {
			d.refuse(index(field, i), a, p)
		}
		if strings.Contains(a, "%") {
			a = d.percent(index(field, i), a)
		}
		b.WriteString(strings.ReplaceAll(quote(a), "$", "$$"))
	}
	return b.String()
}
