package unit

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// kinds of unit that there are.
var kinds = []string{"service", "socket", "slice", "timer", "target", "path", "mount", "automount", "swap", "scope", "device"}

var unitName = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]+$`)

// checkName checks a whole unit name, "app.service" or "app@one.service"
// (systemd.unit(5): at most 255 characters).
func checkName(field, name string) error {
	base, kind, ok := cutLast(name, ".")
	switch {
	case !ok || base == "" || !contains(kinds, kind):
		return fmt.Errorf("unit: %s=%q is no unit name; it ends in .service, .socket, .slice, .timer or the like", field, name)
	case !unitName.MatchString(name) || strings.HasPrefix(base, "@"):
		return fmt.Errorf("unit: %s=%q is no unit name; it has letters, digits and : - _ . \\ @ only, no slash and no space", field, name)
	case len(name) > 255:
		return fmt.Errorf("unit: %s=%.40q... has %d characters; a unit name has at most 255", field, name, len(name))
	}
	return nil
}

// full adds the kind to a unit's bare name.
func full(name, kind string) string {
	if strings.HasSuffix(name, "."+kind) {
		return name
	}
	return name + "." + kind
}

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

func checkAccount(field, name string) error {
	if name != "" && !accountName.MatchString(name) {
		return fmt.Errorf("unit: %s=%q is no name that systemd takes: letters, digits, _ and -, at most 31", field, name)
	}
	return nil
}

func absolute(field, p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p {
		return fmt.Errorf("unit: %s=%q must be an absolute path without dots or double slashes", field, p)
	}
	return nil
}

// relative checks a name below systemd's own directories (StateDirectory= and its kin).
func relative(field, p string) error {
	if p == "" || path.IsAbs(p) || path.Clean(p) != p || strings.HasPrefix(p, "..") || strings.ContainsAny(p, ": \t\"'\\%") {
		return fmt.Errorf("unit: %s=%q must be a plain relative path; systemd puts it below its own directory", field, p)
	}
	return nil
}
