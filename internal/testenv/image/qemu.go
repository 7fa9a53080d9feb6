package image

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// oldestQEMU: 7.2, which Debian 12 has, crashes guests at random under TCG; 10.0
// never did.
const oldestQEMU = 10

// qemuSuite is the release whose QEMU is taken where the host's is too old.
const qemuSuite = "trixie"

func (b Builder) qemu(ctx context.Context) ([]string, error) {
	own, tooOld := hostQEMU(ctx)
	if tooOld == nil {
		return []string{own}, nil
	}
	dir, err := b.once(ctx, "qemu-"+qemuSuite+"-"+version, func(dir string) error {
		if err := install(ctx, b.Say); err != nil {
			return fmt.Errorf("%w (%w)", err, tooOld)
		}
		mirror, err := b.mirror(qemuSuite)
		if err != nil {
			return err
		}
		b.Say("fetching QEMU from " + qemuSuite + ": " + tooOld.Error())
		return bootstrap(ctx, "directory", qemuSuite, mirror, filepath.Join(dir, "root"), []string{"qemu-system-x86", "seabios"})
	})
	if err != nil {
		return nil, err
	}
	root := filepath.Join(dir, "root")
	// Its own loader and libraries: the host's may be older.
	return []string{
		filepath.Join(root, "usr/lib64/ld-linux-x86-64.so.2"), "--library-path", filepath.Join(root, "usr/lib/x86_64-linux-gnu"),
		filepath.Join(root, "usr/bin/qemu-system-x86_64"), "-L", filepath.Join(root, "usr/share/qemu"), "-L", filepath.Join(root, "usr/share/seabios"),
	}, nil
}

var qemuVersion = regexp.MustCompile(`version (\d+)\.`)

// hostQEMU gives the host's QEMU, or why it won't do.
func hostQEMU(ctx context.Context) (string, error) {
	path, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		return "", fmt.Errorf("this host has none: %w", err)
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", path, err)
	}
	m := qemuVersion.FindSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("%s --version says no version: %.80q", path, out)
	}
	if major, err := strconv.Atoi(string(m[1])); err != nil || major < oldestQEMU {
		return "", fmt.Errorf("this host's QEMU %s crashes guests under emulation; version %d or newer is needed", m[1], oldestQEMU)
	}
	return path, nil
}
