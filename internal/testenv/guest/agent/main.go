//go:build linux

// Command agent is the host's hand in the throwaway machine: it unpacks the
// payload, runs the programs of its manifest, sends what they print and how
// they end, and powers off. Its unit powers the machine off if it dies.
package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/internal/testenv/wire"
	"golang.org/x/sys/unix"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "bedplate agent:", err)
		os.Exit(1)
	}
}

func serve() error {
	port, err := testenv.OpenPort()
	if err != nil {
		return err
	}
	host := wire.NewSender(port)
	if err := host.Send(wire.Frame{Kind: wire.Hello}); err != nil {
		return err
	}
	go func() {
		for range time.Tick(2 * time.Second) {
			_ = host.Send(wire.Frame{Kind: wire.Alive}) // without it the host gives up, which is right
		}
	}()
	m, code, err := work(host)
	if err != nil {
		return errors.Join(err, host.Send(wire.Frame{Kind: wire.Error, Text: err.Error()}))
	}
	if m.Keep {
		unix.Sync()
	}
	if err := host.Send(wire.Frame{Kind: wire.Done, Code: code}); err != nil {
		return err
	}
	// What was not asked for is not kept: no need to stop services one by one.
	time.Sleep(50 * time.Millisecond) // the port has no flush
	return unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func work(host *wire.Sender) (m wire.Manifest, code int, err error) {
	state, err := booted()
	if err != nil {
		return m, 0, err
	}
	if err := host.Send(wire.Frame{Kind: wire.Booted, Text: state}); err != nil {
		return m, 0, err
	}
	if m, err = unpack(); err != nil {
		return m, 0, fmt.Errorf("payload: %w", err)
	}
	for _, p := range m.Programs {
		if err := run(host, p); err != nil {
			return m, 0, err
		}
	}
	if m.Shell {
		code, err = shell(host, m)
	}
	return m, code, err
}

// booted waits until systemd has done all that it had to do. A machine with a
// failed unit ("degraded") is told as such; it is for the host to mind.
func booted() (string, error) {
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		// Its exit status says the same as its word.
		out, err := exec.Command("systemctl", "is-system-running").Output()
		state := strings.TrimSpace(string(out))
		switch {
		case state == "running" || state == "degraded" || state == "maintenance":
			return state, nil
		case time.Now().After(deadline):
			return "", fmt.Errorf("systemd is still %q after 3 minutes: %w", state, err)
		}
	}
}

func unpack() (m wire.Manifest, err error) {
	disk, err := testenv.Disk(testenv.PayloadSerial)
	if err != nil {
		return m, err
	}
	f, err := os.Open(disk)
	if err != nil {
		return m, err
	}
	defer f.Close()
	if err := os.MkdirAll(testenv.PayloadDir, 0o755); err != nil {
		return m, err
	}
	root, err := os.OpenRoot(testenv.PayloadDir)
	if err != nil {
		return m, err
	}
	defer root.Close()
	for archive := tar.NewReader(f); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return m, err
		}
		if err := extract(root, h, archive); err != nil {
			return m, fmt.Errorf("%s: %w", h.Name, err)
		}
	}
	b, err := root.ReadFile(wire.ManifestName)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(b, &m)
}

func extract(root *os.Root, h *tar.Header, content io.Reader) error {
	name := filepath.Clean(h.Name)
	if h.Typeflag == tar.TypeDir {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, os.FileMode(h.Mode).Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// grace is how long a program that had SIGQUIT may take to dump its goroutines.
const grace = 10 * time.Second

func run(host *wire.Sender, p wire.Program) error {
	if err := host.Send(wire.Frame{Kind: wire.Start, Name: p.Name}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(p.Seconds)*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.Argv[0], p.Argv[1:]...)
	cmd.Dir = filepath.Join(testenv.PayloadDir, p.Dir)
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.Stdout = host.Printer(p.Name)
	cmd.Stderr = cmd.Stdout
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGQUIT) }
	cmd.WaitDelay = grace
	err := cmd.Run()
	end := wire.Frame{Kind: wire.Exit, Name: p.Name, TimedOut: ctx.Err() != nil}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		end.Code = exit.ExitCode()
		if s, ok := exit.Sys().(interface{ Signal() unix.Signal }); ok && end.Code < 0 {
			end.Signal = s.Signal().String()
		}
	case errors.Is(err, exec.ErrWaitDelay) && !end.TimedOut:
		end.Code, end.Text = 126, "left a process behind that holds its output"
	case err != nil && cmd.Process == nil:
		end.Code, end.Text = 126, "did not start: "+err.Error()
	case err != nil:
		end.Code, end.Text = 126, "could not be followed: "+err.Error()
	}
	for _, name := range p.Collect {
		if err := send(host, p.Name, filepath.Join(cmd.Dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return host.Send(end)
}

func send(host *wire.Sender, program, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 64<<10); ; {
		n, err := f.Read(block)
		if n > 0 {
			if err := host.Send(wire.Frame{Kind: wire.File, Name: program + "/" + filepath.Base(path), Data: block[:n]}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
