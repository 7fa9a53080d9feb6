package tmpfiles

import (
	"errors"
	"fmt"
	"strings"
)

// Parse reads a file. Comments and empty lines are passed over. An error names
// the line's number; all are joined.
func Parse(b []byte) ([]Line, error) {
	var lines []Line
	var errs []error
	number := 0
	for text := range strings.Lines(string(b)) {
		number++
		text = strings.Trim(text, blank+"\n")
		if text == "" || text[0] == '#' {
			continue
		}
		l, err := ParseLine(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		lines = append(lines, l)
	}
	return lines, errors.Join(errs...)
}

// ParseLine reads one line.
func ParseLine(text string) (Line, error) {
	var l Line
	rest := text
	for i, field := range []*string{&l.Type, &l.Path, &l.Mode, &l.User, &l.Group, &l.Age} {
		var err error
		if *field, rest, err = word(rest); err != nil {
			return Line{}, fmt.Errorf("tmpfiles: %w in %q", err, text)
		}
		if i > 1 && *field == "-" {
			*field = ""
		}
	}
	if l.Argument = strings.Trim(rest, blank); l.Argument == "-" {
		l.Argument = ""
	}
	if err := l.Check(); err != nil {
		return Line{}, err
	}
	return l, nil
}

var (
	errQuote  = errors.New("a quote that is not closed")
	errEscape = errors.New(`an escape other than \\, \" and \', which systemd's versions read differently,`)
)

// word takes the next field. Quotes may begin anywhere in it.
func word(s string) (field, rest string, err error) {
	s = strings.TrimLeft(s, blank)
	var b strings.Builder
	var quoted byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\':
			if i++; i == len(s) || !strings.ContainsRune(`\"'`, rune(s[i])) {
				return "", "", errEscape
			}
			b.WriteByte(s[i])
		case quoted != 0 && c == quoted:
			quoted = 0
		case quoted == 0 && (c == '"' || c == '\''):
			quoted = c
		case quoted == 0 && strings.IndexByte(blank, c) >= 0:
			return b.String(), s[i:], nil
		default:
			b.WriteByte(c)
		}
	}
	if quoted != 0 {
		return "", "", errQuote
	}
	return b.String(), "", nil
}
