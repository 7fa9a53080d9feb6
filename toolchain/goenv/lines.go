package goenv

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Format is how a file of settings is written.
type Format int

const (
	// GoFormat is that of the go command: NAME=value, taken as it stands. It is
	// the zero value.
	GoFormat Format = iota
	// SystemdFormat is that of EnvironmentFile= (systemd.exec(5)), which knows
	// quotes and continued lines.
	SystemdFormat
)

// line is a part of a file: an assignment, or anything else. The parts put
// together are the file.
type line struct {
	text string
	name string // "" for what is no assignment
	// value is the assigned one, without quotes.
	value string
}

func (f Format) split(text string) []line {
	if f == SystemdFormat {
		return splitSystemd(text)
	}
	var lines []line
	for t := range strings.Lines(text) {
		l := line{text: t}
		// The go command takes a line whose first letter is A to Z and that has a "=".
		if name, value, ok := strings.Cut(strings.TrimSuffix(t, "\n"), "="); ok && name != "" && name[0] >= 'A' && name[0] <= 'Z' {
			l.name, l.value = name, value
		}
		lines = append(lines, l)
	}
	return lines
}

// assignment writes one setting.
func (f Format) assignment(name, value string) string {
	if f == SystemdFormat {
		return name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`).Replace(value) + "\"\n"
	}
	return name + "=" + value + "\n"
}

// checkValue refuses what would become another line.
func checkValue(name, value string) error {
	if strings.ContainsAny(value, "\n\r\v\x00") {
		return fmt.Errorf("goenv: the value of %s has a line break or a NUL in it", name)
	}
	return nil
}

// set gives the text with the settings in it: each where its last assignment
// stood, which is the one that counted, or at the end; "" removes it. All else
// stays as it is, byte for byte.
func (f Format) set(text string, settings map[string]string) (string, error) {
	lines := f.split(text)
	for _, l := range lines {
		if name := commented(l); f == SystemdFormat && name != "" {
			if _, ours := settings[name]; ours {
				return "", fmt.Errorf("%w: a comment ends in a backslash above %s=, which systemd 252 takes for more of the comment and 257 for a setting; remove the backslash", errUnreadable, name)
			}
		}
	}
	last := map[string]int{}
	for i, l := range lines {
		if _, ours := settings[l.name]; ours && l.name != "" {
			last[l.name] = i
		}
	}
	var b strings.Builder
	for i, l := range lines {
		value, ours := settings[l.name]
		switch {
		case !ours || l.name == "":
			b.WriteString(l.text)
		case last[l.name] != i || value == "":
		case l.value == value:
			b.WriteString(l.text)
		default:
			b.WriteString(f.assignment(l.name, value))
		}
	}
	var names []string
	for name, value := range settings {
		if _, there := last[name]; !there && value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if s := b.String(); len(names) > 0 && s != "" && !strings.HasSuffix(s, "\n") {
		b.WriteByte('\n')
	}
	for _, name := range names {
		b.WriteString(f.assignment(name, settings[name]))
	}
	// What was written must be what is read: a foreign line that swallows ours,
	// such as an open quote, is not ours to mend.
	now := f.values(b.String())
	for name, value := range settings {
		if now[name] != value {
			return "", fmt.Errorf("%w: %s can't be set below a line that continues or has an open quote", errUnreadable, name)
		}
	}
	return b.String(), nil
}

var errUnreadable = errors.New("the file is damaged")

// values are the assignments that count.
func (f Format) values(text string) map[string]string {
	values := map[string]string{}
	for _, l := range f.split(text) {
		if l.name != "" {
			values[l.name] = l.value
		}
	}
	return values
}

// commented is the name in the line that a comment's backslash continues into.
func commented(l line) string {
	if body := strings.TrimLeft(l.text, " \t\r"); l.name != "" || body == "" || body[0] != '#' && body[0] != ';' {
		return ""
	}
	_, rest, _ := strings.Cut(l.text, "\n")
	for rest != "" {
		if body := strings.TrimLeft(rest, " \t\r"); body != "" && (body[0] == '#' || body[0] == ';') {
			_, rest, _ = strings.Cut(rest, "\n") // to 257 a comment of one line
			continue
		}
		end, name, _ := scanSystemd(rest)
		if name != "" {
			return name
		}
		rest = rest[end:]
	}
	return ""
}

// splitSystemd splits as systemd's parser does: a value goes on behind a backslash
// at the end of a line, a quoted one over line breaks. Up to 252 a comment goes on
// behind a backslash too; with 257 it does not (see commented).
func splitSystemd(text string) (lines []line) {
	for text != "" {
		end, name, value := scanSystemd(text)
		lines = append(lines, line{text[:end], name, value})
		text = text[end:]
	}
	return lines
}

// scanSystemd reads one part, up to and with the line break that ends it.
func scanSystemd(s string) (end int, name, value string) {
	body := strings.TrimLeft(s, " \t\r")
	at := len(s) - len(body)
	if body == "" || body[0] == '\n' {
		return min(at+1, len(s)), "", ""
	}
	if body[0] == '#' || body[0] == ';' {
		return at + logicalEnd(body), "", ""
	}
	equal := strings.IndexAny(body, "=\n")
	if equal < 0 || body[equal] == '\n' { // no assignment: dropped by systemd
		if equal < 0 {
			return len(s), "", ""
		}
		return at + equal + 1, "", ""
	}
	name = strings.TrimRight(body[:equal], " \t\r")
	at += equal + 1
	for at < len(s) && strings.IndexByte(" \t\r", s[at]) >= 0 {
		at++
	}
	var v strings.Builder
	kept := 0 // the value without blanks behind it
	for at < len(s) {
		switch c := s[at]; c {
		case '\n':
			return at + 1, name, v.String()[:kept]
		case '\'', '"':
			at = quoted(s, at, &v)
			kept = v.Len()
		case '\\':
			if at++; at < len(s) {
				if s[at] != '\n' {
					v.WriteByte(s[at])
				}
				kept = v.Len()
				at++
			}
		default:
			v.WriteByte(c)
			if c != ' ' && c != '\t' && c != '\r' {
				kept = v.Len()
			}
			at++
		}
	}
	return at, name, v.String()[:kept]
}

// quoted reads a quoted part from its quote on, and gives where it ends.
func quoted(s string, at int, v *strings.Builder) int {
	quote := s[at]
	for at++; at < len(s); at++ {
		switch c := s[at]; {
		case c == quote:
			return at + 1
		case c == '\\' && quote == '"' && at+1 < len(s):
			at++
			// As in a shell: a backslash before anything else stays.
			if strings.IndexByte("\"\\`$\n", s[at]) < 0 {
				v.WriteByte('\\')
			}
			if s[at] != '\n' {
				v.WriteByte(s[at])
			}
		default:
			v.WriteByte(c)
		}
	}
	return at
}

// logicalEnd is where a comment ends.
func logicalEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\n':
			return i + 1
		}
	}
	return len(s)
}
