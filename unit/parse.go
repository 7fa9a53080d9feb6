package unit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// File is a parsed unit file. Nothing is lost: Bytes gives back what was read.
type File struct {
	// Name is the file's name, "app.service".
	Name string

	text    string
	entries []Entry
	heads   []header
	open    bool     // the last line goes on, in nothing
	parts   []string // of a merged unit: the names of its files
}

type header struct {
	name string
	line int
	end  int    // offset after the line
	file string // as Entry.File
}

// Entry is one assignment.
type Entry struct {
	Section, Key string
	// Value is joined over continuation lines, as systemd reads it. Empty: the
	// assignment resets what came before.
	Value string
	// Line is where it begins, from 1.
	Line int
	// File is the name of the file that it stands in, where a merged unit has
	// several. "": that of the File.
	File string

	start, end int // offsets of its lines
}

// ParseError is a line that systemd would skip with no more than a warning.
type ParseError struct {
	Name         string
	Line, Column int
	Problem      string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("unit: %s:%d:%d: %s", e.Name, e.Line, e.Column, e.Problem)
}

// maxFile is more than systemd would read of one file's line, and enough for any unit.
const maxFile = 1 << 20

// Parse reads a unit file. It is strict where systemd is lenient: a line that
// systemd would ignore is a *ParseError; all of them are joined. The file comes
// with such an error all the same, without an entry for those lines, and loses
// nothing either. It is nil only when it could not be read or is no unit file at
// all.
func Parse(name string, r io.Reader) (*File, error) {
	text, err := readAll(r)
	if err != nil {
		return nil, fmt.Errorf("unit: %s: %w", name, err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("unit: %s is larger than %d bytes; that is no unit file", name, maxFile)
	}
	return parseText(name, text)
}

// readAll reads no more than is needed to see that a file is too large.
func readAll(r io.Reader) (string, error) {
	var b bytes.Buffer
	if l, ok := r.(interface{ Len() int }); ok {
		b.Grow(min(l.Len(), maxFile+1) + bytes.MinRead)
	}
	_, err := b.ReadFrom(io.LimitReader(r, maxFile+1))
	return b.String(), err
}

const blank = " \t\r"

func parse(name string, text []byte) (*File, error) { return parseText(name, string(text)) }

func parseText(name, src string) (*File, error) {
	f := &File{Name: name, text: src, entries: make([]Entry, 0, strings.Count(src, "="))}
	var errs []error
	section := ""
	plain := strings.IndexByte(src, 0) < 0 && utf8.ValidString(src) // no need to look at each line
	off := 0
	if strings.HasPrefix(src, bom) {
		off = len(bom)
	}
	for line := 1; off < len(src); {
		start, at := off, line
		logical, next, lines, open := nextLogical(src, off)
		off, line, f.open = next, line+lines, open
		trimmed := trim(logical)
		if trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';' {
			continue
		}
		key, value, assigns := strings.Cut(trimmed, "=")
		problem, column := "", 1
		switch {
		case !plain && strings.IndexByte(trimmed, 0) >= 0:
			problem, column = "the line holds a NUL byte", strings.IndexByte(logical, 0)+1
		case !plain && !utf8.ValidString(trimmed):
			problem, column = "the line is not valid UTF-8; systemd would ignore it", invalidAt(logical)+1
		case trimmed[0] == '[':
			if trimmed[len(trimmed)-1] != ']' || len(trimmed) < 3 {
				problem = fmt.Sprintf("section header %q has no closing bracket", trimmed)
				break
			}
			section = trimmed[1 : len(trimmed)-1]
			f.heads = append(f.heads, header{section, at, off, ""})
		case !assigns:
			problem = fmt.Sprintf("%q is no assignment and no section; systemd would ignore it", trimmed)
		case section == "":
			problem = fmt.Sprintf("%q stands before any section; systemd would ignore it", trimmed)
		default:
			if key = trim(key); key == "" {
				problem = fmt.Sprintf("%q assigns to nothing", trimmed)
				break
			}
			f.entries = append(f.entries, Entry{section, key, trim(value), at, "", start, off})
		}
		if problem != "" {
			errs = append(errs, &ParseError{name, at, column, problem})
		}
	}
	return f, errors.Join(errs...)
}

// bom may begin a file; systemd skips it.
const bom = "\ufeff"

func invalidAt(s string) int {
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd") {
			return i
		}
	}
	return 0
}

// physical is a line without its end, and where the next begins. systemd ends a
// line at "\n", at "\r", and at both in either order.
func physical(text string, off int) (line string, next int) {
	rest := text[off:]
	i := strings.IndexByte(rest, '\n')
	if i < 0 {
		i = len(rest)
	}
	if r := strings.IndexByte(rest[:i], '\r'); r >= 0 {
		i = r
	}
	if i == len(rest) {
		return rest, len(text)
	}
	next = i + 1
	if next < len(rest) && rest[next] != rest[i] && (rest[next] == '\n' || rest[next] == '\r') {
		next++
	}
	return rest[:i], off + next
}

// continued says whether a line goes on: it ends in a backslash that is not
// itself escaped.
func continued(line string) bool {
	n := len(line)
	for n > 0 && line[n-1] == '\\' {
		n--
	}
	return (len(line)-n)%2 == 1
}

func comment(line string) bool {
	line = strings.TrimLeft(line, blank)
	return line != "" && (line[0] == '#' || line[0] == ';')
}

// nextLogical reads a line and those that it goes on in: a backslash at the end
// becomes a space, and comments in between are skipped (systemd.syntax(7)).
func nextLogical(text string, off int) (logical string, next, lines int, open bool) {
	first, next := physical(text, off)
	if lines = 1; !continued(first) || comment(first) {
		return first, next, lines, false
	}
	var b strings.Builder
	for line := first; ; {
		goesOn := continued(line)
		b.WriteString(line[:len(line)-btoi(goesOn)])
		if !goesOn {
			return b.String(), next, lines, false
		}
		b.WriteByte(' ')
		for line = "#"; comment(line); lines++ {
			if next >= len(text) {
				return b.String(), next, lines, true
			}
			line, next = physical(text, next)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Bytes is the file as it stands: what was read, with the edits that were made.
func (f *File) Bytes() []byte { return []byte(f.text) }

// Entries are all assignments in order, resets included.
func (f *File) Entries() []Entry { return slices.Clone(f.entries) }

// Sections are the names of the sections in the order of their first appearance.
func (f *File) Sections() (names []string) {
	for _, h := range f.heads {
		if !slices.Contains(names, h.name) {
			names = append(names, h.name)
		}
	}
	return names
}

// Get is the value in force of a directive that takes one: the last.
func (f *File) Get(section, key string) (string, bool) {
	for _, e := range slices.Backward(f.entries) {
		if e.Section == section && e.Key == key {
			return e.Value, true
		}
	}
	return "", false
}

// All are the values in force of a directive that takes many: those since the
// last empty assignment.
func (f *File) All(section, key string) (values []string) {
	for _, e := range f.entries {
		switch {
		case e.Section != section || e.Key != key:
		case e.Value == "":
			values = nil
		default:
			values = append(values, e.Value)
		}
	}
	return values
}

// Set makes a directive have one value. The last of its assignments is changed
// in place, the others go; with none, it is added at the end of its section,
// and the section at the end of the file. No other line is touched.
func (f *File) Set(section, key, value string) error {
	if err := checkAssignment(section, key, value); err != nil {
		return err
	}
	line := key + "=" + value + "\n"
	var mine []Entry
	for _, e := range f.entries {
		if e.Section == section && e.Key == key {
			mine = append(mine, e)
		}
	}
	text := f.text
	if n := len(mine); n > 0 {
		text = text[:mine[n-1].start] + line + text[mine[n-1].end:]
		for _, e := range slices.Backward(mine[:n-1]) {
			text = text[:e.start] + text[e.end:]
		}
		return f.replace(text)
	}
	return f.add(section, line)
}

// Remove removes every assignment of a directive and says whether there was one.
func (f *File) Remove(section, key string) (bool, error) {
	text, found := f.text, false
	for _, e := range slices.Backward(f.entries) {
		if e.Section == section && e.Key == key {
			text, found = text[:e.start]+text[e.end:], true
		}
	}
	return found, f.replace(text)
}

// Add adds an assignment to a directive that takes many.
func (f *File) Add(section, key, value string) error {
	if err := checkAssignment(section, key, value); err != nil {
		return err
	}
	return f.add(section, key+"="+value+"\n")
}

func (f *File) add(section, line string) error {
	at := -1
	for i, h := range f.heads {
		if h.name == section {
			at = h.end
			for _, e := range f.entries {
				if e.Section == section && e.end > at && (i+1 == len(f.heads) || e.start < f.heads[i+1].end) {
					at = e.end
				}
			}
		}
	}
	text := f.text
	if at < 0 {
		text += f.ending()
		if text != "" {
			text += "\n"
		}
		text += "[" + section + "]\n"
		at = len(text)
	}
	if at == len(f.text) {
		line = f.ending() + line
	}
	return f.replace(text[:at] + line + text[at:])
}

// ending is what the text lacks at its end before a line can be added: the end
// of its last line, and an empty line where that one goes on.
func (f *File) ending() (lacks string) {
	n := len(f.text)
	if n > 0 && f.text[n-1] != '\n' {
		lacks += "\n"
	}
	if f.open {
		lacks += "\n"
	}
	return lacks
}

// replace parses the edited text, so that the entries are what a reader of the
// file would see.
func (f *File) replace(text string) error {
	if f.parts != nil {
		return fmt.Errorf("unit: %s is merged of %d files; edit one of them", f.Name, len(f.parts))
	}
	g, err := parseText(f.Name, text)
	if err != nil {
		// Only lines that were bad before may be: what is added was checked.
		if _, before := parseText(f.Name, f.text); before == nil {
			return err
		}
	}
	*f = *g
	return nil
}

// checkAssignment refuses what would not come back as it was given.
func checkAssignment(section, key, value string) error {
	switch {
	case !word(section) || !word(key):
		return fmt.Errorf("unit: [%.60q] %.60q is no directive's name", section, key)
	case strings.ContainsFunc(value, control):
		return fmt.Errorf("unit: %s=%q holds a control character; a newline would begin another directive", key, value)
	case !utf8.ValidString(value):
		return fmt.Errorf("unit: %s=%q is not valid UTF-8", key, value)
	case strings.Trim(value, blank) != value:
		return fmt.Errorf("unit: %s=%q begins or ends in space, which systemd drops", key, value)
	case continued(value):
		return fmt.Errorf("unit: %s=%q ends in a backslash, which would continue it on the next line", key, value)
	}
	return nil
}

func word(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool { return r != '-' && !letter(r) })
}

// trim cuts what systemd takes for blank off both ends.
func trim(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }
