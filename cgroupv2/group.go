package cgroupv2

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
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

// Plan says what Ensure would make or write.
func (g Group) Plan(context.Context) ([]bedplate.Change, error) {
	tree, rel, err := open(g.Path, g.Limits)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	if err := writable(tree, rel); err != nil {
		return nil, err
	}
	missing, err := missing(tree, rel)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		changes := creations(missing)
		list, err := g.Limits.writes(deviceNumbers)
		if err != nil {
			return nil, err
		}
		for _, w := range list {
			changes = append(changes, g.written(rel, w, ""))
		}
		return changes, nil
	}
	due, err := differences(tree, rel, g.Limits)
	var unavailable *UnavailableError
	if errors.As(err, &unavailable) {
		// Its file comes with the controller, which Ensure enables.
		list, listErr := g.Limits.writes(deviceNumbers)
		for _, w := range list {
			due = append(due, change{write: w})
		}
		err = listErr
	}
	if err != nil {
		return nil, err
	}
	var changes []bedplate.Change
	for _, c := range due {
		changes = append(changes, g.written(rel, c.write, ""))
	}
	return changes, nil
}

// Ensure makes the cgroup if it is missing, and gives it its limits.
func (g Group) Ensure(context.Context) ([]bedplate.Change, error) {
	tree, rel, err := open(g.Path, g.Limits)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	if err := writable(tree, rel); err != nil {
		return nil, err
	}
	absent, err := missing(tree, rel)
	if err != nil {
		return nil, err
	}
	var changes []bedplate.Change
	for i, m := range absent {
		if err := tree.Mkdir(m); err != nil {
			return changes, fmt.Errorf("cgroupv2: %w", err)
		}
		changes = append(changes, creations(absent[i:i+1])...)
	}
	made, err := apply(tree, rel, g.Limits)
	for _, c := range made {
		changes = append(changes, g.written(rel, c.write, ""))
	}
	if err == nil && len(absent) > 0 {
		// A new cgroup has what was wanted of it by default here and there; the
		// plan could not know that.
		changes = g.complete(rel, changes, made)
	}
	return changes, err
}

// complete adds the writes that a new cgroup did not need.
func (g Group) complete(rel string, changes []bedplate.Change, made []change) []bedplate.Change {
	list, err := g.Limits.writes(deviceNumbers)
	if err != nil {
		return changes
	}
	creation := len(changes) - len(made)
	all := changes[:creation:creation]
	for _, w := range list {
		all = append(all, g.written(rel, w, ""))
	}
	return all
}

func (g Group) written(rel string, w write, was string) bedplate.Change {
	detail := w.file + "=" + w.value
	if was != "" {
		detail = was + " → " + detail
	}
	return bedplate.Change{Op: bedplate.OpUpdate, Kind: "cgroup", Target: path.Join(cgfs.Mount, rel), Detail: detail}
}

func creations(groups []string) (changes []bedplate.Change) {
	for _, m := range groups {
		changes = append(changes, bedplate.Change{Op: bedplate.OpCreate, Kind: "cgroup", Target: path.Join(cgfs.Mount, m)})
	}
	return changes
}

// missing lists the cgroups on the way that are not there, outermost first.
func missing(tree *cgfs.Tree, rel string) (groups []string, err error) {
	for at := rel; at != "" && at != "."; at = path.Dir(at) {
		there, err := tree.Exists(at)
		if err != nil {
			return nil, fmt.Errorf("cgroupv2: %w", err)
		}
		if there {
			break
		}
		groups = append(groups, at)
	}
	slices.Reverse(groups)
	return groups, nil
}

// with opens the tree for one of the methods below, which act on a cgroup that
// is the caller's.
func (g Group) with(do func(*cgfs.Tree, string) error) error {
	tree, rel, err := open(g.Path, Limits{})
	if err != nil {
		return err
	}
	defer tree.Close()
	if err := writable(tree, rel); err != nil {
		return err
	}
	if err := do(tree, rel); err != nil {
		return fmt.Errorf("cgroupv2: %w", err)
	}
	return nil
}

// Add moves a process into the cgroup.
func (g Group) Add(pid int) error {
	return g.with(func(t *cgfs.Tree, rel string) error {
		err := t.Write(rel, "cgroup.procs", strconv.Itoa(pid))
		if errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("%s hands controllers on to cgroups below it and can't have processes of its own; add it to one of those: %w", rel, err)
		}
		return err
	})
}

// Processes lists the processes in the cgroup itself.
func (g Group) Processes() (pids []int, err error) {
	err = g.with(func(t *cgfs.Tree, rel string) error {
		pids, err = processes(t, rel)
		return err
	})
	return pids, err
}

func processes(t *cgfs.Tree, rel string) (pids []int, err error) {
	text, err := t.Read(rel, "cgroup.procs")
	if err != nil {
		return nil, err
	}
	for _, f := range strings.Fields(text) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// Freeze stops every process of the cgroup and of those below it; Thaw lets
// them go on. Both return when the kernel says that it is so.
func (g Group) Freeze(ctx context.Context) error { return g.freeze(ctx, "1") }

// Thaw is the end of Freeze.
func (g Group) Thaw(ctx context.Context) error { return g.freeze(ctx, "0") }

func (g Group) freeze(ctx context.Context, value string) error {
	return g.with(func(t *cgfs.Tree, rel string) error {
		if err := t.Write(rel, "cgroup.freeze", value); err != nil {
			return err
		}
		return until(ctx, func() (bool, error) { return event(t, rel, "frozen", value) })
	})
}

// Kill kills every process of the cgroup and of those below it, and waits until
// there is none. Before kernel 5.14 it is frozen first, so that nothing forks
// away.
func (g Group) Kill(ctx context.Context) error {
	return g.with(func(t *cgfs.Tree, rel string) error {
		err := t.Write(rel, "cgroup.kill", "1")
		if errors.Is(err, fs.ErrNotExist) {
			err = killFrozen(t, rel)
		}
		if err != nil {
			return err
		}
		return until(ctx, func() (bool, error) { return event(t, rel, "populated", "0") })
	})
}

func killFrozen(t *cgfs.Tree, rel string) error {
	if err := t.Write(rel, "cgroup.freeze", "1"); err != nil {
		return err
	}
	var kill func(rel string) error
	kill = func(rel string) error {
		pids, err := processes(t, rel)
		if err != nil {
			return err
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
		children, err := t.Children(rel)
		for _, c := range children {
			err = errors.Join(err, kill(rel+"/"+c))
		}
		return err
	}
	// Frozen processes die of SIGKILL all the same; thawing lets the rest see it.
	return errors.Join(kill(rel), t.Write(rel, "cgroup.freeze", "0"))
}

// Remove removes the cgroup and those below it. It must be empty of processes:
// see Kill. One that is absent is removed already.
func (g Group) Remove() error {
	return g.with(func(t *cgfs.Tree, rel string) error {
		var remove func(rel string) error
		remove = func(rel string) error {
			children, err := t.Children(rel)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			for _, c := range children {
				err = errors.Join(err, remove(rel+"/"+c))
			}
			if err != nil {
				return err
			}
			return t.Rmdir(rel)
		}
		return remove(rel)
	})
}

// Pressure is how much time the group lost for want of "cpu", "memory" or "io".
func (g Group) Pressure(resource string) (p Pressure, err error) {
	if !slices.Contains([]string{"cpu", "memory", "io"}, resource) {
		return p, fmt.Errorf("cgroupv2: pressure of %q; there is cpu, memory and io", resource)
	}
	s, err := Stat(g.Path)
	return s.Pressure[resource], err
}

func event(t *cgfs.Tree, rel, key, value string) (bool, error) {
	text, err := t.Read(rel, "cgroup.events")
	return strings.Contains(text+"\n", key+" "+value+"\n"), err
}

// until looks again every few milliseconds: what it waits for takes the kernel
// about that long.
func until(ctx context.Context, holds func() (bool, error)) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := holds(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
