package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// Set gives a cgroup its limits: an existing one, below a delegated one where
// systemd runs. path is absolute, or relative to the cgroup2 mount. Everything
// is validated before anything is written, controllers are enabled on the way
// down, nothing that is equal is written, and every write is read back. The
// order is one in which limits never contradict each other.
//
// Where Set returns nil, the kernel has what was asked for, memory in whole
// pages: Group.Ensure reports what it rounded, and Get reads it.
func Set(path string, l Limits) error {
	_, err := ensure(path, l, false)
	return err
}

// ensure plans and then does what was planned.
func ensure(path string, l Limits, create bool) (done []action, err error) {
	l, err = l.here()
	if err != nil {
		return nil, err
	}
	tree, rel, err := at(path)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	o := owned(tree)
	todo, err := o.plan(rel, l, create)
	if err != nil {
		return nil, err
	}
	return o.do(todo)
}

// here validates, and makes amounts of percentages.
func (l Limits) here() (Limits, error) {
	if err := l.Validate(); err != nil {
		return l, err
	}
	absolute := l.Of(0)
	for i, m := range l.memory() {
		if absolute.memory()[i].value == m.value {
			continue
		}
		total, err := machineMemory()
		if err != nil {
			return l, fmt.Errorf("cgroupv2: %s=%s: the machine's memory is not known: %w", m.name, m.value, err)
		}
		l = l.Of(total)
		return l, l.Validate()
	}
	return l, nil
}

// do does what was planned, and says how far it came.
func (o owner) do(todo []action) (done []action, err error) {
	for _, a := range todo {
		switch {
		case a.make:
			if err = o.Mkdir(a.rel); err != nil {
				err = fmt.Errorf("cgroupv2: %w", err)
			}
		case a.controllers != nil:
			err = o.handOn(a)
		default:
			err = o.write(a)
		}
		if err != nil {
			return done, err
		}
		done = append(done, a)
	}
	return done, nil
}

func (o owner) handOn(a action) error {
	value := "+" + strings.Join(a.controllers, " +")
	err := o.Write(a.rel, "cgroup.subtree_control", value)
	if errors.Is(err, syscall.EBUSY) {
		return &BusyError{Path: cgfs.Host(a.rel), Controllers: strings.Join(a.controllers, ", "), Err: err}
	}
	if err != nil {
		return o.gone(a.rel, fmt.Errorf("cgroupv2: %s: %w", value, err))
	}
	return nil
}

func (o owner) write(a action) error {
	content, err := o.Exchange(a.rel, a.file, a.setting.write)
	if err != nil {
		if a.optional && errors.Is(err, fs.ErrNotExist) {
			return o.gone(a.rel, nil)
		}
		return o.gone(a.rel, fmt.Errorf("cgroupv2: writing %q: %w", a.setting.write, explain(a.file, err)))
	}
	if now := a.in(content); !a.holds(now) {
		return fmt.Errorf("cgroupv2: %s of %s was given %q and reads %q; somebody else writes there, or the kernel adjusts it", a.file, cgfs.Host(a.rel), a.setting.write, now)
	}
	return nil
}

// explain adds what the kernel's number does not say.
func explain(file string, err error) error {
	why := ""
	switch {
	case errors.Is(err, syscall.ENODEV) && file == "io.max":
		why = "the kernel knows no such disk, or it is a partition of one"
	case strings.HasPrefix(file, "cpuset.") && (errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ERANGE)):
		why = "this machine has no such CPU or memory node"
	case errors.Is(err, syscall.EINVAL) && file == "misc.max":
		why = "the root's misc.capacity has no such resource"
	case errors.Is(err, syscall.EINVAL) && file == "cpu.max":
		why = "its cpu.max.burst is above the quota; say a burst with WithBurst"
	case errors.Is(err, syscall.EBUSY) && strings.HasPrefix(file, "memory."):
		why = "more than that is in use and can't be reclaimed"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		why = "not permitted; a delegated cgroup's files belong to its user"
	default:
		return err
	}
	return fmt.Errorf("%w (%s)", err, why)
}

// deviceNumbers finds the MAJ:MIN of the disk that something lies on.
func deviceNumbers(device string) (string, error) {
	d, err := machineBlocks.disk(device)
	if err != nil {
		return "", err
	}
	return d.Device.String(), nil
}
