package unit

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// kinds of unit that there are.
var kinds = []string{"service", "socket", "slice", "timer", "target", "path", "mount", "automount", "swap", "scope", "device"}

// nameProblem checks a whole unit name, "app.service" or "app@one.service"
// (systemd.unit(5): at most 255 characters).
func nameProblem(name string) string {
	base, kind, ok := cutLast(name, ".")
	switch {
	case !ok || base == "" || !contains(kinds, kind):
		return "is no unit name; it ends in .service, .socket, .slice, .timer or the like"
	case strings.ContainsFunc(name, notInName) || strings.HasPrefix(base, "@"):
		return `is no unit name; it has letters, digits and : - _ . \ @ only, no slash and no space`
	case len(name) > 255:
		return fmt.Sprintf("has %d characters; a unit name has at most 255", len(name))
	}
	return ""
}

func checkName(field, name string) error {
	if p := nameProblem(name); p != "" {
		return fmt.Errorf("unit: %s=%s %s", field, abridged(name), p)
	}
	return nil
}

func notInName(r rune) bool { return !letter(r) && !strings.ContainsRune(`:-_.\@`, r) }

func letter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// full adds the kind to a unit's bare name.
func full(name, kind string) string {
	if strings.HasSuffix(name, "."+kind) {
		return name
	}
	return name + "." + kind
}

// bare is the opposite of full.
func bare(name, kind string) string { return strings.TrimSuffix(name, "."+kind) }

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// accountName is what systemd takes for a user or group: a strict name, or an id.
var accountName = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_-]{0,30}|[0-9]{1,10})$`)

func (d *draft) account(group, name, field, value string) {
	if value == "" || d.specifiers && strings.Contains(value, "%") {
		d.text(group, name, field, value)
		return
	}
	if !accountName.MatchString(value) || accountProblem(nil, "", value) != "" {
		d.refuse(field, value, "is no name that systemd takes: letters, digits, _ and -, at most 31")
		return
	}
	d.raw(group, name, value)
}

func absoluteProblem(p string) string {
	if !path.IsAbs(p) || path.Clean(p) != p {
		return "must be an absolute path without dots or double slashes"
	}
	if len(p) > longestPath {
		return fmt.Sprintf("has %d bytes; a path has at most %d", len(p), longestPath)
	}
	for name := range strings.SplitSeq(p, "/") {
		if len(name) > 255 {
			return fmt.Sprintf("has a name of %d bytes in it; at most 255 are possible", len(name))
		}
	}
	return ""
}

// longestPath that Linux takes (PATH_MAX), and systemd with it.
const longestPath = 4095

// busNameProblem checks the name of a service on the bus (D-Bus specification,
// "Bus names").
func busNameProblem(name string) string {
	ok := len(name) <= 255 && strings.Contains(name, ".")
	for part := range strings.SplitSeq(name, ".") {
		ok = ok && part != "" && (part[0] < '0' || part[0] > '9') && !strings.ContainsFunc(part, func(r rune) bool { return r != '_' && r != '-' && !letter(r) })
	}
	if !ok {
		return "is no name on the bus; one is written com.example.App"
	}
	return ""
}

// interfaceProblem checks the name of a network interface.
func interfaceProblem(name string) string {
	if len(name) > 15 || name == "." || name == ".." || name == "all" || name == "default" || strings.Trim(name, "0123456789") == "" ||
		strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(":/%", r) }) {
		return "is no interface's name: at most 15 letters, digits and signs, and not digits alone"
	}
	return ""
}

// credentialProblem checks the name of a credential, which becomes a file's name
// and is read with backslashes.
func credentialProblem(name string) string {
	if name == "" || name == "." || name == ".." || len(name) > 255 ||
		strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/:%\"'`, r) }) {
		return `becomes a file's name: at most 255 letters, digits and signs but / : % \ and quotes`
	}
	return ""
}

// relativeProblem checks a name below systemd's own directories (StateDirectory=
// and its kin).
func (d *draft) relativeProblem(p string) string {
	if d.specifiers {
		p = strings.ReplaceAll(p, "%", "x")
	}
	if p == "" || p == "." || path.IsAbs(p) || path.Clean(p) != p || strings.HasPrefix(p, "..") || strings.ContainsAny(p, ": \t\"'\\%") {
		return "must be a plain relative path; systemd puts it below its own directory"
	}
	return ""
}
