package tmpfiles

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Literal gives the text that stands for exactly this path in a line of type t:
// without specifiers, and without pattern characters where t takes patterns.
func Literal(t, path string) string {
	path = strings.ReplaceAll(path, "%", "%%")
	if (Line{Type: t}).Globs() {
		path = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
	}
	return path
}

// Plain is the reverse of Literal: the path that a line stands for, if it
// stands for exactly one on every machine.
func (l Line) Plain() (string, error) {
	var b strings.Builder
	for i := 0; i < len(l.Path); i++ {
		c := l.Path[i]
		switch {
		case c == '%':
			if i++; i == len(l.Path) || l.Path[i] != '%' {
				return "", fmt.Errorf("tmpfiles: path %q has a specifier; only the machine knows what it is", l.Path)
			}
		case l.Globs() && strings.IndexByte("*?[", c) >= 0:
			return "", fmt.Errorf("tmpfiles: path %q is a pattern", l.Path)
		case l.Globs() && c == '\\' && i+1 < len(l.Path):
			i++
			c = l.Path[i]
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}

// ErrNUL is matched where content has a NUL byte, which no argument can give.
var ErrNUL = errors.New("tmpfiles: content has a NUL byte")

// Escape gives the argument of a line that writes content.
func Escape(content string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(content); {
		r, n := utf8.DecodeRuneInString(content[i:])
		c := content[i]
		blankEnd := (c == ' ') && (i == 0 || i == len(content)-1)
		switch {
		case c == 0:
			return "", ErrNUL
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\\':
			b.WriteString(`\\`)
		case c == '%':
			b.WriteString(`%%`)
		case c < ' ', c == 0x7f, blankEnd, r == utf8.RuneError && n == 1, content == "-":
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteString(content[i : i+n])
		}
		i += n
	}
	return b.String(), nil
}

var escapes = map[byte]byte{'n': '\n', 't': '\t', '\\': '\\', 'a': '\a', 'b': '\b', 'f': '\f', 'r': '\r', 'v': '\v', '"': '"', '\'': '\'', 's': ' '}

// Unescape is the reverse of Escape; it knows the C escapes that systemd does.
func Unescape(argument string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(argument); {
		v, n, err := unit(argument[i:])
		if err != nil {
			return "", fmt.Errorf("tmpfiles: argument %q: %w", argument, err)
		}
		b.WriteByte(v)
		i += n
	}
	return b.String(), nil
}

// escape reads what follows a backslash, and its length.
func escape(s string) (byte, int, error) {
	if s == "" {
		return 0, 0, errors.New("it ends in a backslash")
	}
	if v, ok := escapes[s[0]]; ok {
		return v, 1, nil
	}
	var v, n int
	switch {
	case s[0] == 'x':
		digits, err := hex.DecodeString(s[1:min(3, len(s))])
		if err != nil || len(digits) != 1 {
			return 0, 0, fmt.Errorf(`\%s is no escape`, s[:min(3, len(s))])
		}
		v, n = int(digits[0]), 3
	case s[0] >= '0' && s[0] <= '3' && len(s) >= 3 && isOctal(s[1]) && isOctal(s[2]):
		n = 3
		v = int(s[0]-'0')<<6 | int(s[1]-'0')<<3 | int(s[2]-'0')
	default:
		return 0, 0, fmt.Errorf(`\%c is no escape`, s[0])
	}
	if v == 0 {
		return 0, 0, ErrNUL
	}
	return byte(v), n, nil
}

func isOctal(c byte) bool { return c >= '0' && c <= '7' }
