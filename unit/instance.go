package unit

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Escape makes any text fit for a part of a unit's name, as systemd-escape(1)
// does: "/" becomes "-", and what a name can't hold becomes \xNN.
func Escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '/':
			b.WriteByte('-')
		case letter(rune(c)) || c == ':' || c == '_' || c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String()
}

// Unescape is the opposite of Escape.
func Unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '-':
			b.WriteByte('/')
		case '\\':
			if !strings.HasPrefix(s[i:], `\x`) || len(s) < i+4 {
				return "", fmt.Errorf("unit: %q has a backslash that begins no \\xNN", s)
			}
			v, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
			if err != nil {
				return "", fmt.Errorf("unit: %q has a backslash that begins no \\xNN", s)
			}
			b.WriteByte(byte(v))
			i += 3
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// EscapePath makes an absolute path a unit's name, without its kind, as mount
// units have it: "/srv/data" becomes "srv-data", and "/" "-".
func EscapePath(p string) string {
	p = strings.Trim(path.Clean(p), "/")
	if p == "" || p == "." {
		return "-"
	}
	return Escape(p)
}

// UnescapePath is the opposite of EscapePath.
func UnescapePath(s string) (string, error) {
	if s == "-" {
		return "/", nil
	}
	p, err := Unescape(s)
	return "/" + p, err
}

// Instance names an instance of a template unit: of "app@.service" and "one",
// "app@one.service". The text is escaped; %I in the unit gives it back, %i as it
// is in the name.
func Instance(template, instance string) (string, error) {
	base, kind, _ := cutLast(template, ".")
	prefix, rest, at := strings.Cut(base, "@")
	switch {
	case !at || rest != "" || nameProblem(template) != "":
		return "", fmt.Errorf("unit: %q is no template; a template's name ends in @ before its kind, app@.service", template)
	case instance == "":
		return "", fmt.Errorf("unit: an instance of %s needs a name", template)
	}
	name := prefix + "@" + Escape(instance) + "." + kind
	if p := nameProblem(name); p != "" {
		return "", fmt.Errorf("unit: %s %s", name, p)
	}
	return name, nil
}

// Template is the template that a unit is an instance of, with the instance as
// it is in the name: of "app@one.service", "app@.service" and "one". Not ok when
// it is no instance.
func Template(name string) (template, instance string, ok bool) {
	base, kind, _ := cutLast(name, ".")
	prefix, instance, ok := strings.Cut(base, "@")
	if !ok || instance == "" || prefix == "" {
		return "", "", false
	}
	return prefix + "@." + kind, instance, true
}
