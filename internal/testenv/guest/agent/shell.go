//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/bedplate/bedplate/internal/testenv"
	"golang.org/x/sys/unix"
)

// shellLine is the second serial line; the first is the console.
const shellLine = "/dev/ttyS1"

// shell gives a root shell on the second serial line, which the host connects
// to its own terminal or pipe, and returns its exit status.
func shell(rows, columns int) (int, error) {
	tty, err := os.OpenFile(shellLine, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return 0, err
	}
	defer tty.Close()
	size := unix.Winsize{Row: uint16(rows), Col: uint16(columns)}
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &size); err != nil {
		return 0, err
	}
	cmd := exec.Command("/bin/bash", "--norc") // a login shell would reset PATH
	cmd.Dir = "/root"
	bin := filepath.Join(testenv.PayloadDir, "with", "bin")
	cmd.Env = []string{
		"HOME=/root", "USER=root", "TERM=xterm-256color", "PS1=\\u@" + "machine:\\w# ",
		"PATH=" + bin + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}
