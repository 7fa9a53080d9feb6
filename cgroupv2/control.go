package cgroupv2

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// with opens the tree for a method that acts on a cgroup, which must be the
// caller's to act on. verb is systemctl's word for the same.
func (g Group) with(verb string, do func(*cgfs.Tree, string) error) error {
	tree, rel, err := at(g.Path)
	if err != nil {
		return err
	}
	defer tree.Close()
	if _, err := owned(tree).ours(rel, func(unit string) string { return "systemctl " + verb + " " + unit }); err != nil {
		return err
	}
	if err := do(tree, rel); err != nil {
		return fmt.Errorf("cgroupv2: %w", err)
	}
	return nil
}

// Add moves a process with all its threads into the cgroup. Memory that it has
// already taken stays on the account of where it was: see Start for a program
// that is to be there from its first instruction.
func (g Group) Add(pid int) error {
	if pid <= 0 {
		return fmt.Errorf("cgroupv2: process %d; give one by its id (0 would be this program itself)", pid)
	}
	return g.with("edit", func(t *cgfs.Tree, rel string) error {
		return occupied(t, rel, t.Write(rel, "cgroup.procs", strconv.Itoa(pid)))
	})
}

// occupied explains why a process may not go there.
func occupied(t hierarchy, rel string, err error) error {
	if !errors.Is(err, syscall.EBUSY) {
		return err
	}
	on, _ := t.Read(rel, "cgroup.subtree_control")
	return fmt.Errorf("%s hands %s on to cgroups below it and can't have processes of its own; use one of those: %w", cgfs.Host(rel), on, err)
}

// Processes lists the processes in the cgroup itself, not those in cgroups below.
func (g Group) Processes() (pids []int, err error) {
	tree, rel, err := at(g.Path)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	if pids, err = processes(tree, rel); err != nil {
		return nil, fmt.Errorf("cgroupv2: %w", err)
	}
	return pids, nil
}

func processes(t hierarchy, rel string) (pids []int, err error) {
	text, err := t.Read(rel, "cgroup.procs")
	if err != nil {
		return nil, err
	}
	for _, field := range strings.Fields(text) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		// 0 stands for a process that this PID namespace does not see. A signal to
		// it would go to our own process group.
		if pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// Freeze stops every process of the cgroup and of those below it, and returns
// when the kernel says that all stand still.
func (g Group) Freeze(ctx context.Context) error { return g.freeze(ctx, "freeze", "1") }

// Thaw is the end of Freeze.
func (g Group) Thaw(ctx context.Context) error { return g.freeze(ctx, "thaw", "0") }

func (g Group) freeze(ctx context.Context, verb, value string) error {
	return g.with(verb, func(t *cgfs.Tree, rel string) error {
		return until(ctx, t, rel, "frozen", value, func() error { return t.Write(rel, "cgroup.freeze", value) })
	})
}

// Kill kills every process of the cgroup and of those below it, and returns when
// there is none. What is forked meanwhile dies, too: before kernel 5.14, which
// has no cgroup.kill, everything is frozen first.
func (g Group) Kill(ctx context.Context) error {
	return g.with("kill --signal=KILL", func(t *cgfs.Tree, rel string) error {
		return until(ctx, t, rel, "populated", "0", func() error {
			err := t.Write(rel, "cgroup.kill", "1")
			if errors.Is(err, fs.ErrNotExist) {
				return killFrozen(ctx, t, rel)
			}
			return err
		})
	})
}

// killFrozen signals what can't run away. A frozen process dies of SIGKILL at
// once; thawing is for those below that had been frozen by others.
func killFrozen(ctx context.Context, t *cgfs.Tree, rel string) error {
	err := until(ctx, t, rel, "frozen", "1", func() error { return t.Write(rel, "cgroup.freeze", "1") })
	if err == nil {
		err = below(t, rel, func(at string) error {
			pids, err := processes(t, at)
			for _, pid := range pids {
				if killed := syscall.Kill(pid, syscall.SIGKILL); !errors.Is(killed, syscall.ESRCH) {
					err = errors.Join(err, killed)
				}
			}
			return err
		})
	}
	thawed := t.Write(rel, "cgroup.freeze", "0")
	if errors.Is(thawed, fs.ErrNotExist) || errors.Is(thawed, syscall.ENODEV) {
		thawed = nil // systemd removes what is empty
	}
	return errors.Join(err, thawed)
}

// Remove removes the cgroup and those below it. There must be no process in any
// of them: see Kill. One that is absent is removed already.
func (g Group) Remove() error {
	return g.with("stop", func(t *cgfs.Tree, rel string) error {
		err := below(t, rel, func(at string) error {
			err := t.Rmdir(at)
			if errors.Is(err, syscall.EBUSY) {
				pids, _ := processes(t, at)
				return fmt.Errorf("%w: processes %v are in it; Kill ends them", err, pids)
			}
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// below does something to a cgroup and all below it, the innermost first. One
// that has gone away meanwhile is left out.
func below(t hierarchy, rel string, do func(rel string) error) error {
	children, err := t.Children(rel)
	for _, c := range children {
		err = errors.Join(err, below(t, rel+"/"+c, do))
	}
	if err == nil {
		err = do(rel)
	}
	if there, lookErr := t.Exists(rel); lookErr == nil && !there {
		return nil
	}
	return err
}

// until does something and waits for cgroup.events to say that it is so. The
// watch begins before, so that no change is missed.
func until(ctx context.Context, t *cgfs.Tree, rel, key, value string, do func() error) error {
	w, err := t.Watch(rel, "cgroup.events")
	if err != nil {
		return err
	}
	defer w.Close()
	if err := do(); err != nil {
		return err
	}
	for {
		text, err := t.Read(rel, "cgroup.events")
		if (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV)) && key == "populated" {
			return nil // systemd removes what is empty, and there is nobody in what is gone
		}
		if err != nil || strings.Contains("\n"+text+"\n", "\n"+key+" "+value+"\n") {
			return err
		}
		if err := w.Wait(ctx); err != nil {
			return fmt.Errorf("%s: still not %s=%s: %w", cgfs.Host(rel), key, value, err)
		}
	}
}

// Dir opens the cgroup's directory, for what takes it by descriptor
// (CLONE_INTO_CGROUP, BPF programs). The caller closes it.
func (g Group) Dir() (*os.File, error) {
	tree, rel, err := at(g.Path)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	d, err := tree.OpenDir(rel)
	if err != nil {
		return nil, fmt.Errorf("cgroupv2: %w", err)
	}
	return d, nil
}
