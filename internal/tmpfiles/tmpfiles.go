// Package tmpfiles reads and writes the lines of tmpfiles.d(5), as systemd 247
// to 257 all understand them.
//
// The manual page says that fields may hold C-style escapes; systemd before 253
// takes "\n" in a path for "n". So of the escapes only \\, \" and \' are written
// and read outside the argument, where all versions agree on them.
package tmpfiles

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Line is one line. A field that is "" is the default ("-").
type Line struct {
	Type     string // a letter and its modifiers, such as "d", "f+", "L+"
	Path     string // unquoted, with specifiers as they stand: see Literal
	Mode     string // octal, perhaps after ~ or :
	User     string
	Group    string
	Age      string
	Argument string // the rest of the line as it stands: see Escape
}

// types has the letters of the manual page, with those of 257.
const (
	types     = "fFwdDevqQpLcbCxXrRzZtThHaAm"
	modifiers = "+!-=~^$?"
	// globs are the types whose path is a pattern of glob(7).
	globs = "wexXrRzZtThHaAm"
)

// Globs says whether the line's path is a pattern.
func (l Line) Globs() bool { return l.Type != "" && strings.Contains(globs, l.Type[:1]) }

// Check says whether the line can be written so that it is read back the same.
func (l Line) Check() error {
	if err := checkType(l.Type); err != nil {
		return err
	}
	if !strings.HasPrefix(l.Path, "/") && !strings.HasPrefix(l.Path, "%") {
		return fmt.Errorf("tmpfiles: path %q is not absolute", l.Path)
	}
	var errs []error
	for _, f := range []struct{ name, value string }{
		{"path", l.Path}, {"mode", l.Mode}, {"user", l.User}, {"group", l.Group}, {"age", l.Age}, {"argument", l.Argument},
	} {
		if strings.ContainsAny(f.value, "\n\x00") {
			errs = append(errs, fmt.Errorf("tmpfiles: %s %q has a newline or a NUL byte, which a line can't hold", f.name, f.value))
		}
		if f.value == "-" {
			errs = append(errs, fmt.Errorf(`tmpfiles: %s is "-", which stands for none; leave it empty`, f.name))
		}
	}
	if strings.Trim(l.Argument, blank) != l.Argument {
		errs = append(errs, fmt.Errorf("tmpfiles: argument %q begins or ends with blanks, which are cut off; escape them", l.Argument))
	}
	return errors.Join(errs...)
}

func checkType(t string) error {
	if t == "" || !strings.Contains(types, t[:1]) || strings.Trim(t[1:], modifiers) != "" {
		return fmt.Errorf("tmpfiles: %q is no line type of tmpfiles.d(5)", t)
	}
	return nil
}

// String gives the line without its newline.
func (l Line) String() string {
	fields := []string{l.Type, quotePath(l.Path), quote(l.Mode), quote(l.User), quote(l.Group), quote(l.Age), l.Argument}
	for len(fields) > 2 && (fields[len(fields)-1] == "-" || fields[len(fields)-1] == "") {
		fields = fields[:len(fields)-1]
	}
	return strings.Join(fields, " ")
}

// blank is what separates fields and is cut off at both ends of a line.
const blank = " \t\r"

func quotePath(s string) string {
	if !strings.ContainsAny(s, blank+`\"'`+"\v\f") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func quote(s string) string {
	if s == "" {
		return "-"
	}
	return quotePath(s)
}

// Render writes a file: the comment, a line for each of its lines, and the
// lines sorted by path. They must have passed Check.
func Render(comment string, lines []Line) []byte {
	var b bytes.Buffer
	for c := range strings.Lines(comment) {
		b.WriteString("# " + strings.TrimSuffix(c, "\n") + "\n")
	}
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b Line) int { return strings.Compare(a.Path, b.Path) })
	for _, l := range lines {
		b.WriteString(l.String() + "\n")
	}
	return b.Bytes()
}
