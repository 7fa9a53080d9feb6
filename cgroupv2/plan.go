package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// action is one thing to do to a cgroup: to make it, to hand controllers on to
// those below it, or to write a value.
type action struct {
	rel         string
	make        bool
	controllers []string // to hand on
	difference
}

// plan lists what is to be done so that the cgroup has the limits. It is all that
// is then done: Plan shows it and Ensure does it. Reads only.
func (o owner) plan(rel string, l Limits, create bool) (todo []action, err error) {
	root, err := o.ours(rel, l.setProperty)
	if err != nil {
		return nil, err
	}
	return o.planBelow(root, rel, l, create)
}

// planBelow is plan for a cgroup that is known to lie below a delegated one.
func (o owner) planBelow(root, rel string, l Limits, create bool) (todo []action, err error) {
	wanted, err := l.settings(o.disks)
	if err != nil {
		return nil, err
	}
	// Where every file is there, so are the cgroup and its controllers: nothing else
	// is to be asked.
	if differ, err := o.differences(rel, wanted, nil, false); err == nil && len(wanted) > 0 {
		return writes(rel, differ), nil
	}
	there, err := o.Exists(rel)
	if err != nil {
		return nil, fmt.Errorf("cgroupv2: %w", err)
	}
	if !there && !create {
		return nil, fmt.Errorf("cgroupv2: there is no cgroup %s; make it with Group.Ensure: %w", cgfs.Host(rel), fs.ErrNotExist)
	}
	have := []string{}
	if there {
		if have, err = o.words(rel, "cgroup.controllers"); err != nil {
			return nil, err
		}
	}
	need := controllers(wanted)
	missing := without(need, have)
	if !there || len(missing) > 0 {
		if todo, err = o.above(root, rel, need); err != nil {
			return nil, err
		}
	}
	if !there {
		todo = append(todo, action{rel: rel, make: true})
	}
	differ, err := o.differences(rel, wanted, missing, !there)
	return append(todo, writes(rel, differ)...), err
}

func writes(rel string, list []difference) (todo []action) {
	for _, d := range list {
		todo = append(todo, action{rel: rel, difference: d})
	}
	return todo
}

// controllers lists those that the settings need, sorted.
func controllers(list []setting) (need []string) {
	for _, s := range list {
		need = append(need, s.controller())
	}
	slices.Sort(need)
	return slices.Compact(need)
}

func without(list, others []string) (rest []string) {
	for _, s := range list {
		if !slices.Contains(others, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

func (o owner) words(rel, file string) ([]string, error) {
	text, err := o.Read(rel, file)
	if err != nil {
		return nil, o.gone(rel, fmt.Errorf("cgroupv2: %w", err))
	}
	return strings.Fields(text), nil
}

// above plans the cgroups from root to the one above rel: those missing are made,
// and each hands on what is needed.
func (o owner) above(root, rel string, need []string) (todo []action, err error) {
	levels := []string{}
	for at := cgfs.Parent(rel); ; at = cgfs.Parent(at) {
		levels = append(levels, at)
		if at == root || at == "" {
			break
		}
	}
	slices.Reverse(levels)
	for i, at := range levels {
		there, err := o.Exists(at)
		if err != nil {
			return nil, fmt.Errorf("cgroupv2: %w", err)
		}
		if !there {
			todo = append(todo, action{rel: at, make: true})
			if len(need) > 0 {
				todo = append(todo, action{rel: at, controllers: need})
			}
			continue
		}
		on, err := o.words(at, "cgroup.subtree_control")
		if err != nil {
			return nil, err
		}
		missing := without(need, on)
		if len(missing) == 0 {
			continue
		}
		if i == 0 {
			granted, err := o.words(at, "cgroup.controllers")
			if err != nil {
				return nil, err
			}
			if lacking := without(missing, granted); len(lacking) > 0 {
				return nil, notGranted(at, root, lacking)
			}
		}
		if err := o.canHandOn(at, missing); err != nil {
			return nil, err
		}
		todo = append(todo, action{rel: at, controllers: missing})
	}
	return todo, nil
}

func notGranted(at, root string, lacking []string) error {
	why := errors.New("the kernel lacks it, or cgroup v1 has it")
	if root != "" {
		why = fmt.Errorf("systemd did not hand it on; say Delegate=%s in %s", strings.Join(lacking, " "), path.Base(root))
	}
	return &UnavailableError{Path: cgfs.Host(at), What: "controller " + strings.Join(lacking, ", "), Err: why}
}

// canHandOn foresees what the kernel will refuse: controllers of memory and disks
// below a cgroup that has processes of its own. Those of CPUs and tasks can work
// by thread, and there the kernel decides.
func (o owner) canHandOn(at string, names []string) error {
	byGroup := without(names, []string{"cpu", "cpuset", "pids", "perf_event"})
	if len(byGroup) == 0 {
		return nil
	}
	if _, err := o.Read(at, "cgroup.type"); errors.Is(err, fs.ErrNotExist) {
		return nil // the true root, which may have both
	}
	pids, err := o.words(at, "cgroup.procs")
	if err != nil || len(pids) == 0 {
		return err
	}
	return &BusyError{Path: cgfs.Host(at), Controllers: strings.Join(byGroup, ", "), Err: fmt.Errorf("process %s and %d others", pids[0], len(pids)-1)}
}

// differences lists the settings that don't hold, in the order of writing. Files
// that are still to come, with the cgroup or its controller, have known values.
func (o owner) differences(rel string, wanted []setting, missing []string, fresh bool) (list []difference, err error) {
	leavesIdle := false
	for _, s := range wanted {
		now := s.initially()
		if !fresh && !slices.Contains(missing, s.controller()) {
			if s.file == "cpu.idle" && s.write == "0" && o.busy(rel) {
				continue
			}
			content, err := o.Now(rel, s.file)
			if errors.Is(err, fs.ErrNotExist) && s.optional {
				continue
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil, o.gone(rel, &UnavailableError{Path: cgfs.Host(rel), What: s.file, Err: err})
			}
			if err != nil {
				return nil, o.gone(rel, fmt.Errorf("cgroupv2: %w", err))
			}
			now = s.in(content)
		}
		if s.file == "cpu.weight" && leavesIdle {
			now = "idle" // what it reads is not what it will have
		}
		if !s.holds(now) {
			list = append(list, difference{s, now})
			leavesIdle = leavesIdle || s.file == "cpu.idle" && s.write == "0"
		}
	}
	return ordered(list), nil
}

// busy says that a group is not in the idle class, whose weight reads 0 or 1: most
// need no look at cpu.idle, which not every kernel has.
func (o owner) busy(rel string) bool {
	weight, err := o.Now(rel, "cpu.weight")
	return err == nil && weight != "0" && weight != "1"
}

// gone tells a file that is missing from a cgroup that went away meanwhile.
func (o owner) gone(rel string, err error) error {
	there, lookErr := o.Exists(rel)
	// An open file of a cgroup that is removed answers ENODEV, even if there is
	// another by that name already. A disk that is missing does, too.
	removed := errors.Is(err, syscall.ENODEV) && !strings.Contains(err.Error(), "io.max")
	if lookErr == nil && (!there || removed) {
		return fmt.Errorf("cgroupv2: %s went away meanwhile: %w", cgfs.Host(rel), fs.ErrNotExist)
	}
	return err
}

// change is the action as callers see it.
func (a action) change() bedplate.Change {
	c := bedplate.Change{Op: bedplate.OpUpdate, Kind: "cgroup", Target: cgfs.Host(a.rel)}
	switch {
	case a.make:
		c.Op = bedplate.OpCreate
	case a.controllers != nil:
		c.Detail = "cgroup.subtree_control: +" + strings.Join(a.controllers, " +")
	default:
		c.Detail = a.file + ": " + a.now + " → " + a.read
		if a.file == "io.max" && a.now == a.device {
			c.Detail = a.file + ": " + a.device + " unlimited → " + a.read
		}
		if (strings.HasPrefix(a.file, "memory.") || strings.HasPrefix(a.file, "hugetlb.")) && a.read != a.setting.write {
			c.Detail += " (" + a.setting.write + " in whole pages)"
		}
	}
	return c
}

func changes(done []action) (list []bedplate.Change) {
	for _, a := range done {
		list = append(list, a.change())
	}
	return list
}
