package sysusers

import (
	"fmt"
	"strings"
)

// quote writes one field. systemd splits lines with extract_first_word, C
// escapes included, and expands specifiers (%) afterwards.
func quote(s string) string {
	if s == "" {
		return "-"
	}
	s = strings.ReplaceAll(s, "%", "%%")
	if !strings.ContainsAny(s, " \"'\\#") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// split takes a line apart at blanks, outside of quotes.
func split(text string) (words []string, err error) {
	var b strings.Builder
	in, open := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\':
			if i++; i == len(text) {
				return nil, fmt.Errorf("%q ends in a backslash", text)
			}
			if !strings.ContainsRune(`\"' `, rune(text[i])) {
				return nil, fmt.Errorf(`%q: escape \%c; write the character itself`, text, text[i])
			}
			in = true
			b.WriteByte(text[i])
		case open != 0 && c == open:
			open = 0
		case open == 0 && (c == '"' || c == '\''):
			in, open = true, c
		case open == 0 && (c == ' ' || c == '\t'):
			if in {
				words = append(words, b.String())
				b.Reset()
			}
			in = false
		default:
			in = true
			b.WriteByte(c)
		}
	}
	if open != 0 {
		return nil, fmt.Errorf("%q: a quote is not closed", text)
	}
	if in {
		words = append(words, b.String())
	}
	return words, nil
}

// unspecify undoes %%. Other specifiers stand for what only the target knows.
func unspecify(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if i++; i == len(s) || s[i] != '%' {
				return "", fmt.Errorf("%q: a specifier; only %%%% is understood", s)
			}
		}
		b.WriteByte(s[i])
	}
	return b.String(), nil
}
