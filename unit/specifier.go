package unit

import (
	"fmt"
	"strings"
)

// specifiers are the letters that systemd replaces behind a "%" (systemd.unit(5)).
// Before any other letter or digit a "%" spoils the value; before anything else,
// and at the end, it is plain.
const specifiers = "aAbBcCdDEfgGhHiIjJlLmMnNopPqrRsStTuUvVwWyY"

// inNames are those of them that a unit's name may have: none of a path.
const inNames = "aAbBgGHijlmMnNopquUvwW"

// specifierSince are the versions of systemd that brought a specifier, after 247.
var specifierSince = map[byte]int{'A': 249, 'M': 249, 'd': 251, 'q': 251, 'y': 251, 'Y': 251, 'D': 256}

// eachSpecifier gives every letter behind a "%" that is not doubled, up to the
// first that f says no to; 0 is the end of the text.
func eachSpecifier(s string, f func(c byte) bool) {
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		if i++; i == len(s) {
			f(0)
		} else if s[i] != '%' && !f(s[i]) {
			return
		}
	}
}

// specified says whether a text has a specifier in it.
func specified(s string) (found bool) {
	eachSpecifier(s, func(c byte) bool {
		found = alphanumeric(c)
		return !found
	})
	return found
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// specifierProblem checks the specifiers of a field that its writer meant to have
// some. More strict than systemd: a "%" that is none is doubled.
func specifierProblem(s string, systemd int) (problem string) {
	eachSpecifier(s, func(c byte) bool {
		switch {
		case c == 0 || strings.IndexByte(specifiers, c) < 0:
			problem = "has a % that begins no specifier; a plain one is written %%"
		case systemd < specifierSince[c]:
			problem = fmt.Sprintf("has the specifier %%%c, which came with systemd %d", c, specifierSince[c])
		}
		return problem == ""
	})
	return problem
}

// Directives that take "%" as it is, and those that take units' names.
var (
	plainKinds = strings.Fields("BOOLEAN SECUREBITS FILESYSTEMS")
	plainKeys  = strings.Fields("CPUQuota TCPCongestion RootHash RootHashSignature LogFilterPatterns DelegateSubgroup OpenFile")
	nameKinds  = strings.Fields("UNIT SERVICE SOCKETS SLICE")
)

// replaced is a value as systemd judges it, without the specifiers that every
// unit knows the value of, or why they spoil it and the way out.
func (l *linter) replaced(e Entry, kind string) (value, problem, fix string) {
	if !strings.Contains(e.Value, "%") || contains(plainKinds, kind) || contains(plainKeys, e.Key) || e.Key == "BindToDevice" && l.version <= 247 {
		return e.Value, "", ""
	}
	kind, _, _ = strings.Cut(kind, " ")
	name := contains(nameKinds, kind) && e.Key != "DefaultInstance" || strings.HasSuffix(e.Key, "Overridable")
	eachSpecifier(e.Value, func(c byte) bool {
		switch {
		case !alphanumeric(c):
		case strings.IndexByte(specifiers, c) < 0:
			problem, fix = fmt.Sprintf("it has no specifier %%%c", c), "write %% for a plain one"
		case l.version < specifierSince[c]:
			problem, fix = fmt.Sprintf("the specifier %%%c came with systemd %d", c, specifierSince[c]), "write what it stands for, or %% for a plain one"
		case name && strings.IndexByte(inNames, c) < 0:
			problem, fix = fmt.Sprintf("the specifier %%%c is for texts and paths, not for names of units", c), "write the name, or one of %i, %p, %n and their kin"
		}
		return problem == ""
	})
	return places.Replace(e.Value), problem, fix
}

// places are what the specifiers of paths stand for in a unit of the system, or
// something like it.
var places = strings.NewReplacer("%%", "%%", "%t", "/run", "%S", "/var/lib", "%C", "/var/cache", "%L", "/var/log", "%E", "/etc", "%T", "/tmp", "%V", "/var/tmp",
	"%h", "/root", "%s", "/bin/sh", "%d", "/run/credentials/unit", "%D", "/usr/share", "%y", "/etc/systemd/system/unit", "%Y", "/etc/systemd/system")

// rooted says whether a path is absolute, or begins with a specifier that is.
func rooted(p string) bool {
	return strings.HasPrefix(p, "/") || len(p) > 1 && p[0] == '%' && strings.IndexByte(absolutes, p[1]) >= 0
}

// absolutes are the specifiers that stand for absolute paths (systemd.unit(5)),
// and those of an instance, which may.
const absolutes = "CdDEfhLsStTVyiIjJ"
