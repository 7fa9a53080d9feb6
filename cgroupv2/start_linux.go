package cgroupv2

import (
	"fmt"
	"os/exec"
	"syscall"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// Start starts a program in the cgroup: it is there from its first instruction
// (CLONE_INTO_CGROUP, kernel 5.7), so that nothing it does escapes a limit or an
// account.
func (g Group) Start(cmd *exec.Cmd) error {
	return g.with("edit", func(t *cgfs.Tree, rel string) error {
		d, err := t.OpenDir(rel)
		if err != nil {
			return err
		}
		defer d.Close()
		// A copy: the caller's may be shared between commands, and the descriptor
		// ends with this call.
		given, attributes := cmd.SysProcAttr, syscall.SysProcAttr{}
		if given != nil {
			attributes = *given
		}
		defer func() { cmd.SysProcAttr = given }()
		attributes.UseCgroupFD, attributes.CgroupFD = true, int(d.Fd())
		cmd.SysProcAttr = &attributes
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("starting %s in %s: %w", cmd.Path, cgfs.Host(rel), occupied(t, rel, err))
		}
		return confine(t, rel, cmd.Process.Pid)
	})
}

// confine keeps a process that was started in a cgroup to the cgroup's CPUs. Some
// kernels forget to (measured: 5.10; not 6.1, 6.12), and moving it to where it is
// already would do nothing.
func confine(t *cgfs.Tree, rel string, pid int) error {
	set, err := effectiveCPUs(t, rel)
	if err != nil || set.state != limited {
		return err
	}
	if err := cgfs.Confine(pid, set.CPUs()); err != nil {
		return fmt.Errorf("process %d to CPUs %s: %w", pid, set, err)
	}
	return nil
}
