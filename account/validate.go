package account

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// reserved are accounts that every Debian has (base-passwd) or that kernel and
// systemd give a meaning: adopting one would hand a service somebody else's files.
var reserved = strings.Fields(`root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats
	nobody nogroup _apt adm tty disk kmem dialout fax voice cdrom floppy tape sudo wheel audio dip operator src shadow
	utmp video sasl plugdev staff users input sgx kvm render crontab messagebus sshd`)

func (s Set) validate() error {
	var errs []error
	refuse := func(kind, name, field, value, fix string) {
		errs = append(errs, &FieldError{kind, name, field, value, fix})
	}
	switch s.Backend {
	case "", Files, Sysusers:
	case Shadow, BusyBox:
		if s.Root != "" {
			refuse("set", s.name(), "Backend", string(s.Backend), "its tools work on this machine only; under a Root use Files or Record")
		}
	case Record:
		if s.Root == "" {
			refuse("set", s.name(), "Backend", string(s.Backend), "recording is for a Root's first boot; on this machine use Sysusers")
		}
	default:
		refuse("set", s.name(), "Backend", string(s.Backend), "unknown; use Files, Shadow, BusyBox, Sysusers or Record, or leave it empty")
	}
	groups, users := map[string]bool{}, map[string]bool{}
	for _, g := range s.Groups {
		if fix := nameFault(g.Name); fix != "" {
			refuse("group", g.Name, "Name", g.Name, fix)
		}
		if groups[g.Name] {
			refuse("group", g.Name, "Name", g.Name, "listed twice; say it once")
		}
		groups[g.Name] = true
	}
	for _, u := range s.Users {
		if fix := nameFault(u.Name); fix != "" {
			refuse("user", u.Name, "Name", u.Name, fix)
		}
		if users[u.Name] {
			refuse("user", u.Name, "Name", u.Name, "listed twice; say it once")
		}
		users[u.Name] = true
		errs = append(errs, u.validate()...)
	}
	for _, g := range s.Groups {
		for _, u := range s.Users {
			if g.Absent && !u.Absent && (u.group() == g.Name || slices.Contains(u.Groups, g.Name)) {
				refuse("group", g.Name, "Absent", "true", fmt.Sprintf("user %s is to be in it; leave one of the two out", u.Name))
			}
		}
	}
	return errors.Join(errs...)
}

func (u User) validate() (errs []error) {
	refuse := func(field, value, fix string) {
		errs = append(errs, &FieldError{"user", u.Name, field, value, fix})
	}
	if u.Group != "" && !wellFormed(u.Group) {
		refuse("Group", u.Group, malformed)
	}
	for _, g := range u.Groups {
		if !wellFormed(g) {
			refuse("Groups", g, malformed)
		}
	}
	if fix := textFault(u.Comment); fix != "" {
		refuse("Comment", u.Comment, fix)
	}
	for field, p := range map[string]string{"Home": u.Home, "Shell": u.Shell} {
		if p == "" {
			continue
		}
		if fix := textFault(p); fix != "" {
			refuse(field, p, fix)
		}
		if !path.IsAbs(p) || path.Clean(p) != p {
			refuse(field, p, "give a clean absolute path")
		}
	}
	if u.Absent && (u.SubIDs || u.KeepPassword) {
		refuse("Absent", "true", "a user that is to go has no password or ids to keep")
	}
	slices.SortStableFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}

const malformed = "use 1 to 31 of a-z, 0-9, _ and -, a letter or _ first"

func nameFault(name string) string {
	switch {
	case !wellFormed(name):
		return malformed
	case slices.Contains(reserved, name) || strings.HasPrefix(name, "systemd-"):
		return "the system's own; choose a name for the service"
	}
	return ""
}

// wellFormed is what shadow, systemd ("strict") and BusyBox all take.
func wellFormed(name string) bool {
	if name == "" || len(name) > 31 {
		return false
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r == '_'
		if !letter && (i == 0 || r != '-' && (r < '0' || r > '9')) {
			return false
		}
	}
	return true
}

// textFault keeps fields in their line: a newline in a comment would be a
// second account.
func textFault(s string) string {
	switch {
	case strings.Contains(s, ":"):
		return "a colon ends the field; leave it out"
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return "control characters or no UTF-8; leave them out"
	case strings.TrimSpace(s) != s || s == "-":
		return "blanks at an end, or only a dash; leave them out"
	}
	return ""
}

// name is what the set is called by: that of its first account.
func (s Set) name() string {
	switch {
	case len(s.Users) > 0:
		return s.Users[0].Name
	case len(s.Groups) > 0:
		return s.Groups[0].Name
	}
	return ""
}
