package cgroupv2

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// Vacate moves the processes that are in the cgroup itself, the caller perhaps
// among them, to a cgroup below it, which is made. Controllers can be handed on
// after that (the no-internal-process rule). The group may be the delegated one.
func (g Group) Vacate(leaf string) error {
	return g.MoveAll(Group{Path: strings.TrimSuffix(g.Path, "/") + "/" + leaf})
}

// MoveAll moves the processes that are in the cgroup itself, not those in cgroups
// below, to another one, which is made if it is missing. What they fork meanwhile
// follows. Memory stays on the account of where it was taken.
func (g Group) MoveAll(to Group) error {
	target, err := cgfs.Relative(to.Path)
	if err != nil {
		return err
	}
	tree, rel, err := at(g.Path)
	if err != nil {
		return err
	}
	defer tree.Close()
	o := owned(tree)
	root, err := o.ours(target, func(unit string) string { return "systemctl edit " + unit })
	if err != nil {
		return err
	}
	if root != "" && rel != root && !strings.HasPrefix(rel, root+"/") {
		unit := unitOf(rel)
		return &ManagedError{Path: cgfs.Host(rel), Unit: unit, Call: "systemctl edit " + unit}
	}
	if err := tree.Mkdir(target); err != nil {
		return fmt.Errorf("cgroupv2: %w", err)
	}
	if err := moveAll(tree, rel, target); err != nil {
		return fmt.Errorf("cgroupv2: %w", err)
	}
	return nil
}

// rounds that a group may take to be moved: one that forks without an end is
// frozen or killed, not moved.
const rounds = 1000

func moveAll(t hierarchy, from, to string) error {
	for range rounds {
		pids, err := processes(t, from)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			err := t.Write(to, "cgroup.procs", strconv.Itoa(pid))
			if err != nil && !errors.Is(err, syscall.ESRCH) {
				return occupied(t, to, err)
			}
		}
	}
	return fmt.Errorf("%s: its processes fork faster than they can be moved; Freeze it first", cgfs.Host(from))
}
