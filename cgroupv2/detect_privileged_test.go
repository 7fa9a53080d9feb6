//go:build privileged

package cgroupv2_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/cgroupv2"
)

// elsewhere runs a script in mount and cgroup namespaces of its own, asks, and runs
// another, which has to succeed.
func elsewhere(t *testing.T, g cgroupv2.Group, script, after string) (d detected) {
	t.Helper()
	return unshared(t, g, "-C -m", script, after)
}

func unshared(t *testing.T, g cgroupv2.Group, namespaces, script, after string) (d detected) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	out := run(t, "sh", "-c", "echo $$ >"+mount+"/"+g.Path+"/cgroup.procs && exec unshare "+namespaces+" sh -ec '"+script+"; "+exe+" load detect; "+after+"'")
	require.NoError(t, json.Unmarshal([]byte(out), &d), out)
	return d
}

// As in a container: the outermost cgroup in sight is our own, its limit binds, and
// without a systemd all below is ours.
func TestDetectInAContainer(t *testing.T) {
	g := made(t, delegated(t)+"/container", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(300), TasksMax: cgroupv2.Tasks(100)})
	d := elsewhere(t, g, "umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; mount -t tmpfs none /run/systemd; mkdir /sys/fs/cgroup/leaf; echo $$ >/sys/fs/cgroup/leaf/cgroup.procs", "true")
	require.Equal(t, cgroupv2.Unified, d.Mode)
	require.True(t, d.Inner)
	require.False(t, d.Systemd)
	require.Equal(t, "/leaf", d.Self)
	require.True(t, d.Delegated)
	require.True(t, d.Made)
	require.Equal(t, "300M", d.MemoryMax)
	require.Equal(t, mount, d.By)
	require.True(t, exists(g.Path, "y"))
}

// A read-only hierarchy, as containers mostly have it, is nobody's to make cgroups in.
func TestDetectReadOnly(t *testing.T) {
	g := made(t, delegated(t)+"/container", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(300)})
	d := elsewhere(t, g, "umount -l /sys/fs/cgroup; mount -t cgroup2 -o ro none /sys/fs/cgroup || { mount -t cgroup2 none /sys/fs/cgroup; mount -o remount,bind,ro /sys/fs/cgroup; }; mount -t tmpfs none /run/systemd", "true")
	require.Equal(t, cgroupv2.Unified, d.Mode)
	require.False(t, d.Delegated)
	require.False(t, d.Made)
	require.Equal(t, "300M", d.MemoryMax)
}

// What only looks like a hierarchy is none, and nothing is written there: files of
// the right names on another file system, cgroup v1 beside v2, nothing at all.
func TestPlacesThatAreNoHierarchy(t *testing.T) {
	g := made(t, delegated(t)+"/odd", cgroupv2.Limits{})
	const fake = "mkdir -p /sys/fs/cgroup/x; for f in cgroup.controllers cgroup.subtree_control cgroup.procs pids.max x/pids.max x/cgroup.controllers x/cgroup.procs; do echo pids >/sys/fs/cgroup/$f; done"
	const unharmed = "test \"$(cat /sys/fs/cgroup/x/pids.max /sys/fs/cgroup/pids.max)\" = \"$(printf \"pids\\npids\")\"; test ! -e /sys/fs/cgroup/y"
	d := elsewhere(t, g, "umount -l /sys/fs/cgroup; mount -t tmpfs none /sys/fs/cgroup; mount -t tmpfs none /run/systemd; "+fake, unharmed)
	require.Equal(t, cgroupv2.None, d.Mode)
	require.True(t, d.Refused)

	// v1's own hierarchy at the place, as on a legacy machine.
	d = unshared(t, g, "-m", "umount -l /sys/fs/cgroup; mount -t cgroup -o none,name=old none /sys/fs/cgroup; mount -t tmpfs none /run/systemd; mkdir -p /sys/fs/cgroup/x", "test ! -e /sys/fs/cgroup/y")
	require.Equal(t, cgroupv2.None, d.Mode, "a named hierarchy has no controllers")
	require.True(t, d.Refused)

	// systemd's hybrid layout: v2 is one folder down.
	d = unshared(t, g, "-m", "umount -l /sys/fs/cgroup; mount -t tmpfs none /sys/fs/cgroup; mkdir /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; mount -t cgroup2 -o nsdelegate,memory_recursiveprot none /sys/fs/cgroup/unified; mount -t cgroup -o none,name=systemd none /sys/fs/cgroup/systemd; mount -t tmpfs none /run/systemd", "test ! -e /sys/fs/cgroup/unified/y")
	require.Equal(t, mount+"/unified", d.Mount)
	require.True(t, d.Refused)
	require.False(t, d.Delegated)
}
