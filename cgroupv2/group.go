package cgroupv2

import (
	"context"

	"github.com/bedplate/bedplate"
)

// Group is a wanted cgroup, made and limited by the caller itself: below a
// delegated one, or on a machine without systemd. It is a bedplate.Resource.
// Live things have no Root.
type Group struct {
	// Path is absolute, or relative to the cgroup2 mount.
	Path string
	// Limits that it has. What is zero is left as it is.
	Limits Limits
}

// Plan says what Ensure would make or write: cgroups on the way, controllers to
// hand on, limits that differ, each from what to what, and what the kernel will
// round. It reads only.
func (g Group) Plan(context.Context) ([]bedplate.Change, error) {
	l, err := g.Limits.here()
	if err != nil {
		return nil, err
	}
	tree, rel, err := at(g.Path)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	todo, err := owned(tree).plan(rel, l, true)
	return changes(todo), err
}

// Ensure makes the cgroup if it is missing, and gives it its limits, as Set does.
func (g Group) Ensure(context.Context) ([]bedplate.Change, error) {
	done, err := ensure(g.Path, g.Limits, true)
	return changes(done), err
}
