package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// Set gives a cgroup its limits: an existing one, below a delegated one where
// systemd runs. path is absolute, or relative to the cgroup2 mount. Everything
// is validated before anything is written, controllers are enabled on the way
// down, nothing that is equal is written, and every write is read back.
func Set(path string, l Limits) error {
	tree, rel, err := open(path, l)
	if err != nil {
		return err
	}
	defer tree.Close()
	_, err = apply(tree, rel, l)
	return err
}

func open(p string, l Limits) (*cgfs.Tree, string, error) {
	if err := l.Validate(); err != nil {
		return nil, "", err
	}
	rel, err := cgfs.Relative(p)
	if err != nil {
		return nil, "", err
	}
	tree, err := cgfs.Open()
	if err != nil {
		return nil, "", fmt.Errorf("cgroupv2: %w", err)
	}
	return tree, rel, nil
}

// apply makes the changes that are left, and returns those that it made.
func apply(tree *cgfs.Tree, rel string, l Limits) (made []change, err error) {
	if err := writable(tree, rel); err != nil {
		return nil, err
	}
	if err := enable(tree, rel, l); err != nil {
		return nil, err
	}
	changes, err := differences(tree, rel, l)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if err := tree.Write(rel, c.file, c.value); err != nil {
			return made, fmt.Errorf("cgroupv2: %s=%s in %s: %w", c.file, c.value, rel, explain(c, err))
		}
		content, err := tree.Read(rel, c.file)
		if err != nil {
			return made, fmt.Errorf("cgroupv2: %w", err)
		}
		if got := c.now(content); !c.same(got, c.value) {
			return made, fmt.Errorf("cgroupv2: %s of %s was given %q and reads %q", c.file, rel, c.value, got)
		}
		made = append(made, c)
	}
	return made, nil
}

// explain adds what the kernel's number does not say.
func explain(c change, err error) error {
	switch {
	case errors.Is(err, syscall.ENODEV):
		return fmt.Errorf("%w: the kernel knows no such disk, or it is a partition of one", err)
	case errors.Is(err, syscall.EINVAL) && c.file == "cpu.weight":
		return fmt.Errorf("%w: a group with cpu.idle=1 has no weight", err)
	case errors.Is(err, syscall.EBUSY) && strings.HasPrefix(c.file, "memory."):
		return fmt.Errorf("%w: more than that is in use and can't be reclaimed", err)
	}
	return err
}

// differences lists the writes that are due, in their order.
func differences(tree *cgfs.Tree, rel string, l Limits) (due []change, err error) {
	list, err := l.writes(deviceNumbers)
	if err != nil {
		return nil, err
	}
	for _, w := range list {
		content, err := tree.Read(rel, w.file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &UnavailableError{Path: "/" + rel, What: w.file, Err: err}
		}
		if err != nil {
			return nil, fmt.Errorf("cgroupv2: %w", err)
		}
		if now := w.now(content); !w.same(now, w.value) {
			due = append(due, change{w, now})
		}
	}
	return inOrder(due), nil
}

// deviceNumbers finds the MAJ:MIN of a disk.
func deviceNumbers(device string) (string, error) {
	if numbers.MatchString(device) {
		return device, nil
	}
	major, minor, err := blockDevice(device)
	if err != nil {
		return "", fmt.Errorf("cgroupv2: IOMax device %s: %w", device, err)
	}
	return fmt.Sprintf("%d:%d", major, minor), nil
}

// managed says whether systemd runs here: sd_booted(3).
func managed() bool {
	_, err := os.Lstat("/run/systemd/system")
	return err == nil
}

// writable refuses what is systemd's: everything that is not strictly below a
// delegated cgroup.
func writable(tree *cgfs.Tree, rel string) error {
	if !managed() {
		return nil
	}
	for at := path.Dir(rel); at != "." && at != "/"; at = path.Dir(at) {
		delegated, err := tree.Delegated(at)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("cgroupv2: %w", err)
		}
		if delegated {
			return nil
		}
	}
	return &ManagedError{Path: "/" + rel, Unit: unitOf(rel)}
}

// unitOf is the unit that a path below systemd's tree belongs to: its last part
// that is a unit's name.
func unitOf(rel string) string {
	parts := strings.Split(rel, "/")
	for _, p := range slices.Backward(parts) {
		if strings.HasSuffix(p, ".service") || strings.HasSuffix(p, ".scope") || strings.HasSuffix(p, ".slice") {
			return p
		}
	}
	return "-.slice"
}

// enable hands the controllers that the limits need down to the cgroup.
func enable(tree *cgfs.Tree, rel string, l Limits) error {
	list, err := l.writes(func(d string) (string, error) { return d, nil })
	if err != nil {
		return err
	}
	var need []string
	for _, w := range list {
		if c := w.controller(); !slices.Contains(need, c) {
			need = append(need, c)
		}
	}
	slices.Sort(need)
	return enableDown(tree, rel, need)
}

func enableDown(tree *cgfs.Tree, rel string, need []string) error {
	have, err := tree.Read(rel, "cgroup.controllers")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cgroupv2: there is no cgroup /%s: %w", rel, err)
	}
	if err != nil {
		return fmt.Errorf("cgroupv2: %w", err)
	}
	missing := slices.DeleteFunc(slices.Clone(need), func(c string) bool { return slices.Contains(strings.Fields(have), c) })
	if len(missing) == 0 {
		return nil
	}
	if rel == "" {
		return &UnavailableError{Path: "/", What: "controller " + strings.Join(missing, ", "), Err: errors.New("the kernel lacks it, or cgroup v1 has it")}
	}
	parent := path.Dir(rel)
	if parent == "." {
		parent = ""
	}
	if managed() {
		// The delegated cgroup itself may hand on what it has; above it is systemd's.
		delegated, err := tree.Delegated(rel)
		if err != nil {
			return fmt.Errorf("cgroupv2: %w", err)
		}
		if delegated {
			return &UnavailableError{Path: "/" + rel, What: "controller " + strings.Join(missing, ", "), Err: errors.New("systemd did not delegate it; name it in Delegate=")}
		}
	}
	if err := enableDown(tree, parent, missing); err != nil {
		return err
	}
	on := "+" + strings.Join(missing, " +")
	err = tree.Write(parent, "cgroup.subtree_control", on)
	if errors.Is(err, syscall.EBUSY) {
		return &BusyError{Path: "/" + parent, Controllers: strings.Join(missing, ", "), Err: err}
	}
	if err != nil {
		return fmt.Errorf("cgroupv2: cgroup.subtree_control of /%s: %s: %w", parent, on, err)
	}
	return nil
}
