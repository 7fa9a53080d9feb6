//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/internal/testenv/wire"
	"golang.org/x/sys/unix"
)

// shellLine is the second serial line; the first is the console.
const shellLine = "/dev/ttyS1"

// shell gives a root shell on the second serial line, which the host connects
// to its own terminal or pipe, and returns its exit status.
func shell(host *wire.Sender, m wire.Manifest) (int, error) {
	tty, err := os.OpenFile(shellLine, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return 0, err
	}
	defer tty.Close()
	size := unix.Winsize{Row: uint16(m.Rows), Col: uint16(m.Columns)}
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &size); err != nil {
		return 0, err
	}
	argv := []string{"--norc"} // a login shell would reset PATH
	if m.Script {
		argv = append(argv, "--noediting")
		if err := quiet(int(tty.Fd())); err != nil {
			return 0, err
		}
	}
	cmd := exec.Command("/bin/bash", argv...)
	cmd.Dir = "/root"
	bin := filepath.Join(testenv.PayloadDir, "with", "bin")
	cmd.Env = []string{
		"HOME=/root", "USER=root", "TERM=xterm-256color", "PS1=" + prompt(m.Script),
		"PATH=" + bin + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	if err := host.Send(wire.Frame{Kind: wire.Start, Name: wire.ShellName}); err != nil {
		return 0, err
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// quiet keeps the line from repeating what it is sent.
func quiet(tty int) error {
	mode, err := unix.IoctlGetTermios(tty, unix.TCGETS)
	if err != nil {
		return err
	}
	mode.Lflag &^= unix.ECHO
	return unix.IoctlSetTermios(tty, unix.TCSETS, mode)
}

func prompt(script bool) string {
	if script {
		return ""
	}
	return `\u@machine:\w# `
}
