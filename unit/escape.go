package unit

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// plain checks a text for a directive that takes it whole, and escapes its
// specifiers: "%" begins one.
func plain(field, s string) (string, error) {
	if err := printable(field, s); err != nil {
		return "", err
	}
	if strings.Trim(s, blank) != s || continued(s) {
		return "", fmt.Errorf("unit: %s=%q begins or ends in space, or ends in a backslash; systemd would not read it back as it is", field, s)
	}
	return strings.ReplaceAll(s, "%", "%%"), nil
}

// longest is what systemd reads of one line (LONG_LINE_MAX, 1 MiB), and far more
// than anybody means.
const longestValue = 64 << 10

func printable(field, s string) error {
	switch {
	case !utf8.ValidString(s):
		return fmt.Errorf("unit: %s=%q is not valid UTF-8", field, s)
	case strings.ContainsFunc(s, control):
		return fmt.Errorf("unit: %s=%q holds a control character; a newline would begin another directive", field, s)
	case len(s) > longestValue:
		return fmt.Errorf("unit: %s has %d bytes; at most %d are taken", field, len(s), longestValue)
	}
	return nil
}

// quoted makes one word of a list (systemd.syntax(7), "Quoting"), specifiers
// escaped.
func quoted(field, s string) (string, error) {
	if err := printable(field, s); err != nil {
		return "", err
	}
	s = strings.ReplaceAll(s, "%", "%%")
	if s != "" && !strings.ContainsAny(s, " \t\"'\\;") {
		return s, nil
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`, nil
}

// argument makes one word of a command line (systemd.service(5), "Command
// lines"): as quoted, and "$" begins a variable.
func argument(field, s string) (string, error) {
	q, err := quoted(field, s)
	return strings.ReplaceAll(q, "$", "$$"), err
}

// command makes a command line. The program is an absolute path without what
// systemd would take for a prefix or a variable.
func command(field string, argv []string) (string, error) {
	if len(argv) == 0 {
		return "", fmt.Errorf("unit: %s is empty; give the program and its arguments", field)
	}
	if err := absolute(field+"[0]", argv[0]); err != nil {
		return "", err
	}
	if strings.Contains(argv[0], "$") {
		return "", fmt.Errorf("unit: %s[0]=%q: a program's path has no $", field, argv[0])
	}
	words := make([]string, len(argv))
	for i, a := range argv {
		w, err := argument(fmt.Sprintf("%s[%d]", field, i), a)
		if err != nil {
			return "", err
		}
		words[i] = w
	}
	return strings.Join(words, " "), nil
}
