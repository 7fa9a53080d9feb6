package account

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/lockfile"
	"github.com/bedplate/bedplate/internal/passwd"
)

// liveBackend is the first whose tools are there.
func liveBackend() Backend {
	switch {
	case tool("useradd") != "" && tool("groupadd") != "" && tool("usermod") != "":
		return Shadow
	case appletOf("adduser"):
		return BusyBox
	case tool("systemd-sysusers") != "":
		return Sysusers
	}
	return Files
}

// appletOf says whether a command is BusyBox's. Debian's adduser is another
// program, with other flags.
func appletOf(name string) bool {
	target, err := filepath.EvalSymlinks(tool(name))
	return err == nil && strings.HasPrefix(filepath.Base(target), "busybox")
}

// attempts is how often a plan is made anew because others make accounts at the
// same time; our own processes wait for each other.
const attempts = 8

// runTools lets the system's tools do it, and reads back what they did.
func (p *planner) runTools(ctx context.Context) (made []bedplate.Change, err error) {
	unlock, err := p.serialize(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	for range attempts {
		if err = p.reload(); err != nil {
			return made, err
		}
		steps, planErr := p.plan()
		if planErr = errors.Join(planErr, errors.Join(p.unmet...)); planErr != nil {
			return made, errors.Join(planErr, err)
		}
		if stale, err := p.stale(); err != nil || len(steps) == 0 && !stale {
			return made, err
		}
		// A tool that finds the disk full has done half, or the one before it all.
		if err := passwd.Room(p.root); err != nil {
			return made, fmt.Errorf("account: %s: %w", p.set.name(), err)
		}
		var now []bedplate.Change
		now, err = p.execute(ctx, steps)
		for _, c := range now {
			if !slices.Contains(made, c) { // or it was lost, and done again
				made = append(made, c)
			}
		}
		switch {
		case raced(err) && ctx.Err() == nil:
			continue
		case err != nil:
			return made, err
		}
		if err = p.readBack(ctx); !errors.Is(err, errLost) {
			return made, err
		}
	}
	return made, fmt.Errorf("account: %s: %w: %w", p.set.name(), errChanged, err)
}

// errLost: an applet's change is not there. BusyBox's read the old file before
// they lock it, so that two at once can lose what one of them wrote.
var errLost = errors.New("another of BusyBox's applets overwrote it")

// readBack trusts no exit status. What BusyBox does beside what it is told is
// put right.
func (p *planner) readBack(ctx context.Context) error {
	if err := p.reload(); err != nil {
		return err
	}
	left, err := p.plan()
	if err == nil && len(left) > 0 && p.backend == BusyBox && !slices.ContainsFunc(left, func(s step) bool { return !s.aside() }) {
		if _, err = p.writeFiles(ctx); err == nil {
			left, err = p.plan()
		}
	}
	if err != nil || len(left) == 0 {
		return err
	}
	c := left[0].change
	err = fmt.Errorf("account: %s %s: %s left no error and yet: %s; see the system's log", c.Kind, c.Target, p.backend, c.Detail)
	if p.backend == BusyBox {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

// serialize keeps our own processes apart, so that they don't take each other's
// ids. The tools' locks can't serve: the tools would wait for us.
func (p *planner) serialize(ctx context.Context) (func() error, error) {
	where := "/run"
	if !p.root.Machine() {
		where = "/etc"
	}
	dir, err := p.root.OpenDir(where)
	if err != nil {
		return nil, fmt.Errorf("account: lock: %w", err)
	}
	defer dir.Close()
	lock, err := lockfile.Acquire(ctx, dir, ".bedplate-account.lock")
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	return lock.Release, nil
}

// raced says whether it is worth to look again: a name or id was taken
// (useradd(8), groupadd(8): 9 and 4), or has gone (6), or another tool had the lock.
func raced(err error) bool {
	failed := (*commandError)(nil)
	if !errors.As(err, &failed) || strings.Contains(failed.output, "No space left") {
		return false
	}
	return slices.Contains([]int{4, 6, 9}, failed.code) || strings.Contains(failed.output, "lock") ||
		strings.Contains(failed.output, "in use") || strings.Contains(failed.output, "unknown group") || strings.Contains(failed.output, "+': File exists") // BusyBox
}

// wait returns when nobody edits the accounts.
func (p *planner) wait(ctx context.Context) error {
	err := passwd.Wait(ctx, p.root)
	if err == nil && p.applets() {
		err = passwd.WaitApplets(ctx, p.root)
	}
	if err != nil {
		return fmt.Errorf("account: %w", err)
	}
	return nil
}

// applets says whether BusyBox's may edit the accounts.
func (p *planner) applets() bool {
	return p.backend == BusyBox || p.root.Machine() && appletOf("adduser")
}

// execute does the steps: first those that the tool can, then the others in the
// files. The changes are in the plan's order.
func (p *planner) execute(ctx context.Context, steps []step) ([]bedplate.Change, error) {
	if p.backend == Sysusers {
		return p.sysusers(ctx, steps)
	}
	done := make([]bool, len(steps))
	for i, s := range steps {
		commands := p.commands(s)
		if len(commands) == 0 {
			continue
		}
		for _, argv := range commands {
			if err := p.wait(ctx); err != nil {
				return did(steps, done), err
			}
			if _, err := command(ctx, argv...); err != nil {
				return did(steps, done), err
			}
		}
		done[i] = true
	}
	return p.remaining(ctx, steps, done)
}

// remaining does in the files what no tool did.
func (p *planner) remaining(ctx context.Context, steps []step, done []bool) ([]bedplate.Change, error) {
	if !slices.Contains(done, false) {
		return did(steps, done), nil
	}
	if _, err := p.writeFiles(ctx); err != nil {
		return did(steps, done), err
	}
	return changes(steps), nil
}

func did(steps []step, done []bool) (all []bedplate.Change) {
	for i, s := range steps {
		if done[i] {
			all = append(all, s.change)
		}
	}
	return all
}

// sysusers writes the fragment and has it applied.
func (p *planner) sysusers(ctx context.Context, steps []step) ([]bedplate.Change, error) {
	rec, err := p.compare(steps)
	if err != nil {
		return nil, err
	}
	if err := p.writeFragment(rec); err != nil {
		return nil, err
	}
	done := make([]bool, len(steps))
	for i, s := range steps {
		done[i] = s.action == addGroup || s.action == addUser && s.sub.Count == 0
	}
	if slices.Contains(done, true) {
		argv := []string{"systemd-sysusers"}
		if !p.root.Machine() {
			root, err := filepath.Abs(p.root.Path())
			if err != nil {
				return nil, fmt.Errorf("account: %w", err)
			}
			argv = append(argv, "--root="+root)
		}
		if err := p.wait(ctx); err != nil {
			return nil, err
		}
		if _, err := command(ctx, append(argv, filepath.Base(rec.path))...); err != nil {
			return rec.file, err
		}
	}
	all, err := p.remaining(ctx, steps, done)
	return append(all, rec.file...), err
}
