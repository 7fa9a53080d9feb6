package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"syscall"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// Start starts a program in the cgroup: it is there from its first instruction
// (CLONE_INTO_CGROUP, kernel 5.7), so that nothing it does escapes a limit or an
// account. In a frozen cgroup it would stand still before its first instruction,
// and this call with it: that is refused as ErrFrozen.
func (g Group) Start(cmd *exec.Cmd) error {
	return g.with("edit", func(t *cgfs.Tree, rel string) error {
		d, err := t.OpenDir(rel)
		if err != nil {
			return err
		}
		defer d.Close()
		text, err := t.Read(rel, "cgroup.events")
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // the hierarchy's root has none
			return err
		}
		var now Events
		if err := now.parse("cgroup.events", text); err != nil {
			return err
		}
		if now.Frozen {
			return fmt.Errorf("starting %s in %s: %w", cmd.Path, cgfs.Host(rel), ErrFrozen)
		}
		// A copy: the caller's may be shared between commands, and the descriptor
		// ends with this call.
		given, attributes := cmd.SysProcAttr, syscall.SysProcAttr{}
		if given != nil {
			attributes = *given
		}
		defer func() { cmd.SysProcAttr = given }()
		attributes.UseCgroupFD, attributes.CgroupFD = true, int(d.Fd())
		cmd.SysProcAttr = &attributes
		set, err := effectiveCPUs(t, rel)
		if err != nil {
			return err
		}
		if err := cgfs.On(set.CPUs(), cmd.Start); err != nil {
			return fmt.Errorf("starting %s in %s: %w", cmd.Path, cgfs.Host(rel), occupied(t, rel, err))
		}
		if set.state != limited {
			return nil
		}
		// Some kernels forget the cgroup's CPUs (measured: 5.10; not 6.1, 6.12), and
		// moving the process to where it is already would do nothing.
		if err := cgfs.Confine(cmd.Process.Pid, set.CPUs()); err != nil {
			return fmt.Errorf("process %d to CPUs %s: %w", cmd.Process.Pid, set, err)
		}
		return nil
	})
}
