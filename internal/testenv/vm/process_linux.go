package vm

import (
	"os/exec"
	"syscall"
)

// ownProcess lets QEMU die with us, whatever kills us.
func ownProcess(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
