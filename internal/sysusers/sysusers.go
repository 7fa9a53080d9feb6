// Package sysusers renders and parses sysusers.d(5): the accounts that
// systemd-sysusers makes when an image boots for the first time.
package sysusers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Type is what a line declares.
type Type string

// The types of lines. "u!" (a user that is locked as a whole) is known to
// systemd 257 and later.
const (
	User       Type = "u"
	LockedUser Type = "u!"
	Group      Type = "g"
	Member     Type = "m"
	Range      Type = "r"
)

// Line is one declaration. An empty field is written as "-", "not given".
type Line struct {
	Type Type
	Name string
	// ID is a number, "uid:gid", "uid:group", an absolute path to take the ids
	// of, the name of a group for Member, or "low-high" for Range.
	ID      string
	Comment string
	Home    string
	Shell   string
}

// LineError says which line can't be used, and why.
type LineError struct {
	Number int
	Err    error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Number, e.Err) }

// Unwrap gives Err.
func (e *LineError) Unwrap() error { return e.Err }

// Render gives the text of a fragment. Parse gives the lines back.
func Render(comment string, lines []Line) ([]byte, error) {
	var b strings.Builder
	for c := range strings.Lines(comment) {
		if c = strings.TrimSpace(c); !utf8.ValidString(c) || strings.ContainsFunc(c, control) {
			return nil, fmt.Errorf("sysusers: comment %q: control characters; leave them out", c)
		}
		b.WriteString("# " + c + "\n")
	}
	for i, l := range lines {
		if err := l.check(); err != nil {
			return nil, fmt.Errorf("sysusers: %w", &LineError{i + 1, err})
		}
		fields := []string{string(l.Type), quote(l.Name), quote(l.ID), quote(l.Comment), quote(l.Home), quote(l.Shell)}
		for len(fields) > 2 && fields[len(fields)-1] == "-" {
			fields = fields[:len(fields)-1]
		}
		b.WriteString(strings.Join(fields, " ") + "\n")
	}
	return []byte(b.String()), nil
}

// Parse reads a fragment. Comments and empty lines are skipped.
func Parse(data []byte) ([]Line, error) {
	var lines []Line
	var errs []error
	number := 0
	for text := range strings.Lines(string(data)) {
		number++
		text = strings.TrimSpace(text)
		if text == "" || text[0] == '#' {
			continue
		}
		l, err := parseLine(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("sysusers: %w", &LineError{number, err}))
			continue
		}
		lines = append(lines, l)
	}
	return lines, errors.Join(errs...)
}

// Edit makes a fragment declare lines, in place of what it declares. What stays,
// and what is no declaration, keeps its bytes; what is new is added at the end.
func Edit(old []byte, lines []Line) ([]byte, error) {
	var b strings.Builder
	left := slices.Clone(lines)
	for text := range strings.Lines(string(old)) {
		if trimmed := strings.TrimSpace(text); trimmed != "" && trimmed[0] != '#' {
			l, err := parseLine(trimmed)
			if err != nil {
				return nil, fmt.Errorf("sysusers: %w", err)
			}
			i := slices.Index(left, l)
			if i < 0 {
				continue
			}
			left = slices.Delete(left, i, i+1)
		}
		b.WriteString(text)
	}
	if n := b.Len(); n > 0 && b.String()[n-1] != '\n' {
		b.WriteString("\n")
	}
	added, err := Render("", left)
	return append([]byte(b.String()), added...), err
}

func parseLine(text string) (Line, error) {
	words, err := split(text)
	if err != nil {
		return Line{}, err
	}
	if len(words) < 2 || len(words) > 6 {
		return Line{}, fmt.Errorf("%q has %d fields; sysusers.d(5) has type, name, id, comment, home, shell", text, len(words))
	}
	words = append(words, "", "", "", "")[:6]
	for i, w := range words {
		if w == "-" && i != 0 {
			w = ""
		}
		if words[i], err = unspecify(w); err != nil {
			return Line{}, err
		}
	}
	l := Line{Type(words[0]), words[1], words[2], words[3], words[4], words[5]}
	return l, l.check()
}

func (l Line) check() error {
	switch l.Type {
	case User, LockedUser:
	case Group, Member, Range:
		if l.Comment != "" || l.Home != "" || l.Shell != "" {
			return fmt.Errorf("a line of type %s has no comment, home or shell", l.Type)
		}
	default:
		return fmt.Errorf("type %q; known are u, u!, g, m, r", string(l.Type))
	}
	if (l.Name == "") != (l.Type == Range) {
		return fmt.Errorf("name %q in a line of type %s", l.Name, l.Type)
	}
	if l.ID == "" && (l.Type == Member || l.Type == Range) {
		return fmt.Errorf("a line of type %s needs its third field", l.Type)
	}
	for _, f := range []string{l.Name, l.ID, l.Comment, l.Home, l.Shell} {
		if !utf8.ValidString(f) || strings.ContainsFunc(f, control) {
			return fmt.Errorf("%q: control characters or no UTF-8; leave them out", f)
		}
		if f == "-" {
			return fmt.Errorf(`"-" as a value; it stands for "not given"`)
		}
	}
	return nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }
