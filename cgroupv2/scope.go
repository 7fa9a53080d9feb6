package cgroupv2

import (
	"fmt"
	"strings"
)

// Scope is a delegated cgroup that systemd makes around processes that run
// already: the way for a program that manages cgroups itself and was not
// started with Delegate=yes. It is there as long as a process is in it.
type Scope struct {
	// Name ends in ".scope". A name that is taken is an error.
	Name        string
	Description string
	// Slice to be in; "": systemd's choice, system.slice or the user's app.slice.
	Slice string
	// User asks the caller's own user manager, which needs no privilege.
	User bool
	// Limits are those of the whole scope; systemd gives it them. What its
	// version has no property for (Limits.Undirected) is an error.
	Limits Limits
	// Processes it begins with; none: the caller's.
	Processes []int
	// Leaf is the cgroup below the scope that they are moved to, so that
	// controllers can be handed on to others beside it; "": "main".
	Leaf string
}

func (s Scope) leaf() string {
	if s.Leaf == "" {
		return "main"
	}
	return s.Leaf
}

func (s Scope) validate() error {
	name, ok := strings.CutSuffix(s.Name, ".scope")
	if !ok || !unitName(name) {
		return fmt.Errorf("cgroupv2: Scope.Name=%q; it is a unit's name such as app-worker.scope", s.Name)
	}
	if slice, ok := strings.CutSuffix(s.Slice, ".slice"); s.Slice != "" && (!ok || !unitName(slice)) {
		return fmt.Errorf("cgroupv2: Scope.Slice=%q; it is a slice's name such as app.slice", s.Slice)
	}
	if strings.ContainsAny(s.Leaf, "/\n") || s.Leaf == "." || s.Leaf == ".." {
		return fmt.Errorf("cgroupv2: Scope.Leaf=%q; it is one name", s.Leaf)
	}
	for _, pid := range s.Processes {
		if pid <= 0 {
			return fmt.Errorf("cgroupv2: Scope.Processes has %d; give processes by their ids", pid)
		}
	}
	return s.Limits.Validate()
}

// unitName is systemd.unit(5)'s rule for names, without the suffix.
func unitName(s string) bool {
	return s != "" && len(s) < 240 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@") == ""
}

// Own is the delegated cgroup that the caller runs in, for making others below
// it: Vacate it first. It is a ManagedError where systemd delegated none.
func Own() (Group, error) {
	info, err := Detect()
	if err != nil {
		return Group{}, err
	}
	if info.Mode != Unified {
		return Group{}, fmt.Errorf("cgroupv2: the machine's control groups are %s: %w", info.Mode, ErrNotCgroup2)
	}
	if !info.Delegated {
		unit := unitOf(strings.Trim(info.Self, "/"))
		return Group{}, &ManagedError{Path: info.Self, Unit: unit, Call: "systemctl edit " + unit}
	}
	return Group{Path: info.DelegatedPath}, nil
}
