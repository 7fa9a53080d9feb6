package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// ours finds the delegated cgroup that rel lies below, "" where all is ours for
// want of a systemd. It is a ManagedError if there is none: systemd alone writes
// to what it has not delegated, and the limits of a delegated cgroup itself
// remain systemd's. call says what to run instead, for the unit.
//
// A cgroup in which another systemd lives (a user's, a container's) was
// delegated to that one, not to us.
func (o owner) ours(rel string, call func(unit string) string) (root string, err error) {
	if !o.systemd {
		return "", nil
	}
	for at := cgfs.Parent(rel); at != ""; at = cgfs.Parent(at) {
		manager, err := o.Exists(at + "/init.scope")
		if err != nil {
			return "", fmt.Errorf("cgroupv2: %w", err)
		}
		if manager {
			if unit := delegatee(at, rel); unit != "" && o.asks != nil && o.asks(path.Base(at), path.Base(unit)) {
				return unit, nil
			}
			break
		}
		delegated, err := o.Delegated(at)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("cgroupv2: %w", err)
		}
		if delegated {
			return at, nil
		}
	}
	unit := unitOf(rel)
	return "", &ManagedError{Path: cgfs.Host(rel), Unit: unit, Call: call(unit)}
}

// delegatee is the cgroup of the service or scope between a manager's cgroup and
// one below it, "" if there is none: slices can't be delegated.
func delegatee(manager, rel string) string {
	at := manager
	for part := range strings.SplitSeq(strings.TrimPrefix(rel, manager+"/"), "/") {
		at += "/" + part
		if isUnit(part) && !strings.HasSuffix(part, ".slice") && at != rel {
			return at
		}
	}
	return ""
}

func isUnit(name string) bool {
	return slices.Contains([]string{".service", ".scope", ".slice"}, path.Ext(name))
}

// unitOf is the unit that a path below systemd's tree belongs to: its last part
// that is a unit's name.
func unitOf(rel string) string {
	for _, part := range slices.Backward(strings.Split(rel, "/")) {
		if isUnit(part) {
			return part
		}
	}
	return "-.slice"
}

// setProperty is the call that sets limits through systemd.
func (l Limits) setProperty(unit string) string {
	words := []string{"systemctl", "set-property", unit}
	for _, d := range l.directives(finePercent) {
		word := d.name + "=" + d.value
		if strings.ContainsAny(word, " ") {
			word = "'" + word + "'"
		}
		words = append(words, word)
	}
	if len(words) == 3 {
		return "systemctl edit " + unit
	}
	return strings.Join(words, " ")
}
