package goenv

import "strings"

// redacted stands for what is not shown.
const redacted = "xxxxx"

// redact takes out of a URL what could be a secret: a password, or a user name
// that stands alone, as tokens do. It works on the text, because what is no
// correct URL can hold a password too, and it takes the last "@": a password
// with a slash in it splits at another place than its owner thinks.
func redact(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return s
	}
	start := 0
	if i := strings.Index(s[:at], ":/"); i >= 0 {
		start = i + 1
		for start < at && s[start] == '/' {
			start++
		}
	}
	user, _, password := strings.Cut(s[start:at], ":")
	if !password || strings.ContainsAny(user, "/?#") {
		return s[:start] + redacted + s[at:]
	}
	return s[:start] + user + ":" + redacted + s[at:]
}

// hint says why a URL with a password is often none.
func hint(s string) string {
	if strings.Contains(s, "@") {
		return "; in a user name or password, write / as %2F, % as %25, @ as %40"
	}
	return ""
}
