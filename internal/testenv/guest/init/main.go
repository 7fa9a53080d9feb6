//go:build linux

// Command init is the first program of the throwaway machine. It loads the
// modules that lie in the initial root, mounts the real root, copies what the
// host injected to a fresh /run, and hands over to systemd. The image itself
// stays as its builder made it.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/bedplate/bedplate/internal/testenv"
	"golang.org/x/sys/unix"
)

const rootSerial = "bedplate-root"

func main() {
	err := handOver()
	// Whatever happened, the console is all there is to say it on. When this
	// process ends the kernel panics, and QEMU, told not to reboot, exits.
	fmt.Fprintln(os.Stderr, "bedplate init:", err)
	os.Exit(1)
}

func handOver() error {
	if err := earlyMounts(); err != nil {
		return err
	}
	if err := loadModules(); err != nil {
		return err
	}
	root, err := rootDisk()
	if err != nil {
		return err
	}
	if err := unix.Mount(root, "/sysroot", "ext4", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", root, err)
	}
	if err := unix.Mount("tmpfs", "/sysroot/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	if err := os.CopyFS("/sysroot/run", os.DirFS("/inject")); err != nil {
		return fmt.Errorf("inject: %w", err)
	}
	return switchRoot()
}

func earlyMounts() error {
	unix.Umask(0o022)
	var errs []error
	for _, m := range []struct{ kind, at, options string }{{"devtmpfs", "/dev", "mode=0755"}, {"proc", "/proc", ""}, {"sysfs", "/sys", ""}} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		errs = append(errs, wrap("mount "+m.at, unix.Mount(m.kind, m.at, m.kind, 0, m.options)))
	}
	errs = append(errs, os.MkdirAll("/sysroot", 0o755))
	console, err := os.OpenFile("/dev/console", os.O_RDWR, 0)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for fd := range 3 {
		errs = append(errs, wrap("dup console", unix.Dup3(int(console.Fd()), fd, 0)))
	}
	return errors.Join(errs...)
}

// loadModules loads them in the order of their names, which the host chose.
func loadModules() error {
	files, err := filepath.Glob("/modules/*")
	if err != nil {
		return err
	}
	sort.Strings(files)
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("load %s: %w", name, err)
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// rootDisk waits for the disk: probing goes on while this program runs.
func rootDisk() (string, error) {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		node, err := testenv.Disk(rootSerial)
		if err == nil {
			if _, err = os.Stat(node); err == nil {
				return node, nil
			}
		}
		if time.Now().After(deadline) {
			return "", err
		}
	}
}

func switchRoot() error {
	for _, at := range []string{"/dev", "/proc", "/sys"} {
		if err := unix.Mount(at, "/sysroot"+at, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", at, err)
		}
	}
	// The initial root's memory is given back.
	if err := errors.Join(os.RemoveAll("/inject"), os.RemoveAll("/modules")); err != nil {
		return err
	}
	if err := errors.Join(os.Chdir("/sysroot"), wrap("move root", unix.Mount(".", "/", "", unix.MS_MOVE, "")),
		wrap("chroot", unix.Chroot(".")), os.Chdir("/")); err != nil {
		return err
	}
	return wrap("exec /sbin/init", unix.Exec("/sbin/init", []string{"/sbin/init"}, []string{"TERM=linux", "HOME=/"}))
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
