// Package image builds what the throwaway machines boot from, once, into the
// user's cache: QEMU where the host's own is too old, and for each Debian
// release a root file system, a kernel and its modules.
package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bedplate/bedplate/internal/lockfile"
)

// Suites are the Debian releases, oldest first.
var Suites = []string{"bullseye", "bookworm", "trixie"}

// version grows when what a builder makes changes for a reason that its inputs
// don't show.
const version = "1"

// packages of every root file system: systemd and what tests talk to.
var packages = []string{
	"systemd", "systemd-sysv", "dbus", "udev", "passwd", "libpam-systemd", "dbus-user-session", "kmod",
	"iproute2", "curl", "procps", "acl", "attr", "e2fsprogs", "util-linux",
	"libnss-extrausers", // accounts that are in no /etc/passwd
	"busybox",           // the other adduser
}

// Builder builds into a cache.
type Builder struct {
	// Cache is where it all goes. It may be shared by concurrent builders.
	Cache string
	// Mirrors names a Debian mirror for a suite, or for all others under "". A
	// suite without one is taken from the mirror of the host's own apt.
	Mirrors map[string]string
	// Say reports what is being done; building takes minutes.
	Say func(string)
}

// Machine is what one release boots from.
type Machine struct {
	Suite   string
	QEMU    []string // the command, without arguments of ours
	Root    string   // ext4 image
	Kernel  string
	Modules []string // files, in the order of loading
}

// DefaultCache is the builder's folder in the user's cache directory.
func DefaultCache() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "bedplate", "machine"), err
}

// Build gives the machine of a suite, building what the cache lacks.
func (b Builder) Build(ctx context.Context, suite string) (Machine, error) {
	m := Machine{Suite: suite}
	if err := os.MkdirAll(b.Cache, 0o755); err != nil {
		return m, err
	}
	qemu, err := b.qemu(ctx)
	if err != nil {
		return m, fmt.Errorf("QEMU: %w", err)
	}
	m.QEMU = qemu
	dir, err := b.once(ctx, suite+"-"+b.key(suite), func(dir string) error {
		if err := install(ctx, b.Say); err != nil {
			return err
		}
		mirror, err := b.mirror(suite)
		if err != nil {
			return err
		}
		b.Say("building the root file system of " + suite)
		if err := rootFS(ctx, dir, suite, mirror); err != nil {
			return err
		}
		b.Say("fetching the kernel of " + suite)
		return kernel(ctx, dir, suite, mirror)
	})
	if err != nil {
		return m, fmt.Errorf("machine %s: %w", suite, err)
	}
	m.Root, m.Kernel = filepath.Join(dir, "root.img"), filepath.Join(dir, "vmlinuz")
	m.Modules, err = filepath.Glob(filepath.Join(dir, "modules", "*"))
	return m, err
}

func (b Builder) key(suite string) string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{version, suite, strings.Join(modules, " ")}, packages...), "\n")))
	return hex.EncodeToString(sum[:6])
}

func (b Builder) mirror(suite string) (string, error) {
	for _, key := range []string{suite, ""} {
		if m := b.Mirrors[key]; m != "" {
			return m, nil
		}
	}
	return hostMirror()
}

// once makes a folder of the cache, under a lock, beside its name first: a
// half-built one never counts, and is cleared by the next builder.
func (b Builder) once(ctx context.Context, name string, build func(dir string) error) (string, error) {
	final := filepath.Join(b.Cache, name)
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	cache, err := os.Open(b.Cache)
	if err != nil {
		return "", err
	}
	defer cache.Close()
	lock, err := lockfile.Acquire(ctx, cache, name+".lock")
	if err != nil {
		return "", err
	}
	defer lock.Release()
	if _, err := os.Stat(final); err == nil { // by the one that held the lock
		return final, nil
	}
	staging := final + ".new"
	if err := os.RemoveAll(staging); err != nil {
		return "", err
	}
	if err := os.Mkdir(staging, 0o755); err != nil {
		return "", err
	}
	if err := build(staging); err != nil {
		return "", err
	}
	return final, os.Rename(staging, final)
}
