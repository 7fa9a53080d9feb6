package toolchain

import (
	"cmp"
	"fmt"
	"go/version"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Version is an exact Go version as the go command prints it: "go1.26.8",
// "go1.27rc1", "go1.20" (before 1.21 the first release of a minor had no ".0").
type Version string

// ParseVersion reads an exact version, with or without the "go" in front.
func ParseVersion(s string) (Version, error) {
	v := "go" + strings.TrimPrefix(s, "go")
	if base, _ := split(Version(v)); !version.IsValid(base) || strings.ContainsAny(v, "-/ ") {
		return "", fmt.Errorf("toolchain: version %q is no Go version; write it as 1.26.8 or go1.26.8", s)
	}
	return Version(v), nil
}

// Number is the version without "go": "1.26.8".
func (v Version) Number() string { return strings.TrimPrefix(string(v), "go") }

// Minor is the version's minor release, "1.26".
func (v Version) Minor() string {
	base, _ := split(v)
	return strings.TrimPrefix(version.Lang(base), "go")
}

// patchPrerelease is a form that stdlib go/version does not know, though it was
// released three times: go1.8.5rc4, go1.8.5rc5 and go1.9.2rc2.
var patchPrerelease = regexp.MustCompile(`^(go1\.[0-9]+\.[0-9]+)((?:beta|rc)[1-9][0-9]*)$`)

// split takes the "rc2" off a go1.9.2rc2; other versions come back whole.
func split(v Version) (base, pre string) {
	if m := patchPrerelease.FindStringSubmatch(string(v)); m != nil {
		return m[1], m[2]
	}
	return string(v), ""
}

// Prerelease says whether it is a beta or a release candidate.
func (v Version) Prerelease() bool { return strings.ContainsAny(v.Number(), "br") }

// Compare orders versions as the go command does (go/version.Compare).
func (v Version) Compare(w Version) int {
	base, pre := split(v)
	otherBase, otherPre := split(w)
	if c := version.Compare(base, otherBase); c != 0 {
		return c
	}
	// "go1.1" and "go1.1rc2" stand in the same order as what is before them.
	return version.Compare("go1.1"+cmp.Or(pre, ".0"), "go1.1"+cmp.Or(otherPre, ".0"))
}

// semver gives the version as Masterminds/semver can compare it: "1.26rc1" is
// 1.26.0-rc.1, so that rc10 comes after rc9.
func (v Version) semver() (*semver.Version, error) {
	n := v.Number()
	pre := ""
	if i := strings.IndexAny(n, "br"); i >= 0 {
		kind := strings.TrimRight(n[i:], "0123456789")
		pre = "-" + kind + "." + n[i+len(kind):]
		n = n[:i]
	}
	for strings.Count(n, ".") < 2 {
		n += ".0"
	}
	return semver.StrictNewVersion(n + pre)
}

// wanted is a parsed SDK.Version.
type wanted struct {
	text    string
	exact   Version                                  // not empty: this one
	matches func(v Version, supported []string) bool // otherwise: the newest that matches
}

// parseWanted reads exact versions, minors ("1.26", "1.26.x"), channels
// ("stable", "oldstable") and constraints ("~1.26.3", ">=1.25 <1.27").
func parseWanted(s string) (wanted, error) {
	text := strings.TrimSpace(s)
	w := wanted{text: text}
	switch text {
	case "":
		return w, fmt.Errorf("toolchain: Version is empty; write an exact one (1.26.8), a minor (1.26.x), a constraint (>=1.25 <1.27), stable or oldstable")
	case "stable", "oldstable":
		age := map[string]int{"stable": 0, "oldstable": 1}[text]
		w.matches = func(v Version, supported []string) bool {
			return !v.Prerelease() && len(supported) > age && v.Minor() == supported[age]
		}
		return w, nil
	}
	if minor, ok := minorOf(text); ok {
		w.matches = func(v Version, _ []string) bool { return !v.Prerelease() && v.Minor() == minor }
		return w, nil
	}
	if v, err := ParseVersion(text); err == nil {
		w.exact = v
		return w, nil
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return w, fmt.Errorf("toolchain: Version=%q has a control character or one that is not ASCII", s)
	}
	c, err := semver.NewConstraint(prereleaseIn.ReplaceAllStringFunc(strings.ReplaceAll(text, "go", ""), func(s string) string {
		sv, err := Version("go" + s).semver()
		if err != nil {
			return s
		}
		return sv.String()
	}))
	if err != nil {
		return w, fmt.Errorf("toolchain: Version=%q is no Go version and no constraint; write 1.26.8, 1.26.x, ~1.26.3, >=1.25 <1.27, stable or oldstable", s)
	}
	c.IncludePrerelease = strings.ContainsAny(text, "br")
	w.matches = func(v Version, _ []string) bool {
		sv, err := v.semver()
		return err == nil && c.Check(sv)
	}
	return w, nil
}

// prereleaseIn finds "1.27rc1" in a constraint.
var prereleaseIn = regexp.MustCompile(`1\.[0-9]+(?:\.[0-9]+)?(?:beta|rc)[0-9]+`)

// minorOf reads "1.26", "go1.26", "1.26.x" and "1.26.*".
func minorOf(s string) (string, bool) {
	s = strings.TrimPrefix(s, "go")
	s = strings.TrimSuffix(strings.TrimSuffix(s, ".x"), ".*")
	major, minor, ok := strings.Cut(s, ".")
	if !ok || major != "1" {
		return "", false
	}
	if n, err := strconv.Atoi(minor); err != nil || n < 0 || strconv.Itoa(n) != minor {
		return "", false
	}
	return s, true
}

// newest picks the newest of the versions that match.
func (w wanted) newest(versions []Version, supported []string) (Version, bool) {
	var best Version
	for _, v := range versions {
		if (v == w.exact || w.exact == "" && w.matches(v, supported)) && (best == "" || v.Compare(best) > 0) {
			best = v
		}
	}
	return best, best != ""
}

// supportedMinors are the two newest minor releases, newest first: Go supports
// each until there are two newer ones (go.dev/doc/devel/release#policy).
func supportedMinors(versions []Version) []string {
	var minors []Version
	for _, v := range versions {
		if m := Version("go" + v.Minor()); !v.Prerelease() && !slices.Contains(minors, m) {
			minors = append(minors, m)
		}
	}
	slices.SortFunc(minors, func(a, b Version) int { return b.Compare(a) })
	var names []string
	for _, m := range minors[:min(2, len(minors))] {
		names = append(names, m.Number())
	}
	return names
}

// nearest are up to five versions to offer for one that does not exist: those of
// its minor, or else the newest there are.
func nearest(v Version, all []Version) []Version {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b Version) int { return b.Compare(a) })
	same := slices.DeleteFunc(slices.Clone(sorted), func(w Version) bool { return w.Minor() != v.Minor() })
	if len(same) == 0 {
		same = slices.DeleteFunc(sorted, Version.Prerelease)
	}
	return same[:min(5, len(same))]
}
