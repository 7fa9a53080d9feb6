package tmpfiles

import (
	"errors"
	"fmt"
	"strings"
)

// JoinWords gives the argument of a line of type t: words, such as
// "user.origin=here", each in quotes.
func JoinWords(words []string) (string, error) {
	quoted := make([]string, len(words))
	for i, w := range words {
		e, err := Escape(w)
		if err != nil {
			return "", err
		}
		quoted[i] = `"` + strings.ReplaceAll(e, `"`, `\"`) + `"`
	}
	return strings.Join(quoted, " "), nil
}

// Words is the reverse of JoinWords. Quotes may begin anywhere in a word.
func Words(argument string) (words []string, err error) {
	var b strings.Builder
	var quoted byte
	inWord := false
	for i := 0; i < len(argument); i++ {
		c := argument[i]
		switch {
		case quoted == 0 && strings.IndexByte(blank, c) >= 0:
			if inWord {
				words, inWord = append(words, b.String()), false
				b.Reset()
			}
			continue
		case c == quoted:
			quoted = 0
			continue
		case quoted == 0 && (c == '"' || c == '\''):
			quoted, inWord = c, true
			continue
		}
		inWord = true
		v, n, err := unit(argument[i:])
		if err != nil {
			return nil, fmt.Errorf("tmpfiles: argument %q: %w", argument, err)
		}
		i += n - 1
		b.WriteByte(v)
	}
	if quoted != 0 {
		return nil, fmt.Errorf("tmpfiles: argument %q: %w", argument, errQuote)
	}
	if inWord {
		words = append(words, b.String())
	}
	return words, nil
}

var errSpecifier = errors.New("it has a specifier; only the machine knows what it is")

// unit reads one byte of content, and says how many of s stand for it.
func unit(s string) (v byte, n int, err error) {
	v, n = s[0], 1
	if s[0] == '\\' {
		if v, n, err = escape(s[1:]); err != nil {
			return 0, 0, err
		}
		n++
	}
	if v == '%' { // a specifier is looked for after the escapes are undone
		if !strings.HasPrefix(s[n:], "%") {
			return 0, 0, errSpecifier
		}
		n++
	}
	return v, n, nil
}
