package cgroupv2

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sysfs makes a /sys as kernels have it: partitions inside their disk's folder,
// layers with links to what is below.
type sysfs struct {
	t *testing.T
	blocks
	files map[string]struct { // what lies on which device
		Device
		node         bool
		kind, source string
	}
}

func newSysfs(t *testing.T) *sysfs {
	s := &sysfs{t: t, files: map[string]struct {
		Device
		node         bool
		kind, source string
	}{}}
	s.sys = t.TempDir()
	s.look = func(path string) (Device, bool, error) {
		f, ok := s.files[path]
		if !ok {
			return Device{}, false, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
		}
		return f.Device, f.node, nil
	}
	s.mount = func(path string) (string, string, error) { return s.files[path].kind, s.files[path].source, nil }
	require.NoError(t, os.MkdirAll(s.sys+"/dev/block", 0o755))
	return s
}

// dev adds a device: "sda/sda1" is a partition.
func (s *sysfs) dev(path string, major, minor uint32, files map[string]string, slaves ...string) {
	s.t.Helper()
	dir := filepath.Join(s.sys, "devices", path)
	require.NoError(s.t, os.MkdirAll(dir+"/slaves", 0o755))
	d := Device{major, minor}
	all := map[string]string{"dev": d.String() + "\n"}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		require.NoError(s.t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(s.t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	require.NoError(s.t, os.Symlink(dir, filepath.Join(s.sys, "dev/block", d.String())))
	for _, below := range slaves {
		require.NoError(s.t, os.Symlink(filepath.Join(s.sys, "devices", below), filepath.Join(dir, "slaves", filepath.Base(below))))
	}
	s.file("/dev/"+strings.ReplaceAll(filepath.Base(path), "!", "/"), d, true, "", "")
}

func (s *sysfs) file(path string, d Device, node bool, kind, source string) {
	s.files[path] = struct {
		Device
		node         bool
		kind, source string
	}{d, node, kind, source}
}

func machine(t *testing.T) *sysfs {
	s := newSysfs(t)
	s.dev("sda", 8, 0, nil)
	s.dev("sda/sda1", 8, 1, map[string]string{"partition": "1\n"})
	s.dev("sda/sda2", 8, 2, map[string]string{"partition": "2\n"})
	s.dev("sdb", 8, 16, nil)
	s.dev("sdc", 8, 32, nil)
	s.dev("nvme0n1", 259, 0, nil)
	s.dev("nvme0n1/nvme0n1p1", 259, 1, map[string]string{"partition": "1\n"})
	s.dev("cciss!c0d0", 104, 0, nil)
	s.dev("dm-0", 253, 0, map[string]string{"dm/name": "luks-root\n", "dm/uuid": "CRYPT-LUKS2-0123-luks-root\n"}, "sda/sda2")
	s.dev("dm-1", 253, 1, map[string]string{"dm/name": "vg-data\n", "dm/uuid": "LVM-abc\n"}, "dm-0")
	s.dev("dm-2", 253, 2, map[string]string{"dm/name": "vg-wide\n", "dm/uuid": "LVM-def\n"}, "dm-0", "nvme0n1/nvme0n1p1")
	s.dev("md0", 9, 0, map[string]string{"md/level": "raid1\n"}, "sdb", "sdc")
	s.dev("loop0", 7, 0, map[string]string{"loop/backing_file": "/srv/image with space\n"})
	s.dev("loop1", 7, 1, map[string]string{"loop/backing_file": "/srv/gone (deleted)\n"})
	s.dev("loop2", 7, 2, map[string]string{"loop/backing_file": "/on/loop2\n"})
	s.file("/srv/image with space", Device{253, 1}, false, "ext4", "/dev/mapper/vg-data")
	s.file("/on/loop2", Device{7, 2}, false, "ext4", "/dev/loop2")
	s.file("/dev/mapper/vg-data", Device{253, 1}, true, "", "")
	s.file("/var/lib/app", Device{8, 1}, false, "ext4", "/dev/sda1")
	s.file("/big", Device{0, 40}, false, "btrfs", "/dev/sdb")
	s.file("/one", Device{0, 41}, false, "btrfs", "/dev/nvme0n1p1")
	for path, kind := range map[string]string{"/net": "nfs4", "/over": "overlay", "/run/x": "tmpfs", "/f": "fuse.sshfs", "/z": "zfs", "/odd": "squish"} {
		s.file(path, Device{0, 99}, false, kind, "somewhere")
	}
	for id, devices := range map[string][]string{"aaa": {"sdb", "sdc"}, "bbb": {"nvme0n1/nvme0n1p1"}} {
		dir := filepath.Join(s.sys, "fs/btrfs", id, "devices")
		require.NoError(t, os.MkdirAll(dir, 0o755))
		for _, d := range devices {
			require.NoError(t, os.Symlink(filepath.Join(s.sys, "devices", d), filepath.Join(dir, filepath.Base(d))))
		}
	}
	return s
}

func TestDisksOfStacks(t *testing.T) {
	s := machine(t)
	for path, want := range map[string][]string{
		"8:0":                 {"8:0 → sda"},
		"/dev/sda":            {"/dev/sda → sda"},
		"8:2":                 {"8:2 → sda2 (partition) → sda"},
		"/dev/cciss/c0d0":     {"/dev/cciss/c0d0 → cciss/c0d0"},
		"/var/lib/app":        {"/var/lib/app (ext4) → sda1 (partition) → sda"},
		"/dev/mapper/vg-data": {"/dev/mapper/vg-data → dm-1 (LVM vg-data) → dm-0 (LUKS luks-root) → sda2 (partition) → sda"},
		"/dev/dm-2":           {"/dev/dm-2 → dm-2 (LVM vg-wide) → dm-0 (LUKS luks-root) → sda2 (partition) → sda", "/dev/dm-2 → dm-2 (LVM vg-wide) → nvme0n1p1 (partition) → nvme0n1"},
		"/dev/md0":            {"/dev/md0 → md0 (md raid1) → sdb", "/dev/md0 → md0 (md raid1) → sdc"},
		"/dev/loop0":          {"/dev/loop0 → loop0 (loop) → /srv/image with space (ext4) → dm-1 (LVM vg-data) → dm-0 (LUKS luks-root) → sda2 (partition) → sda"},
		"/big":                {"/big (btrfs) → sdb", "/big (btrfs) → sdc"},
		"/one":                {"/one (btrfs) → nvme0n1p1 (partition) → nvme0n1"},
	} {
		list, err := s.disks(path)
		require.NoError(t, err, path)
		var got []string
		for _, d := range list {
			got = append(got, strings.Join(d.Chain, " → "))
		}
		require.Equal(t, want, got, path)
	}
	d, err := s.disk("/dev/loop0")
	require.NoError(t, err)
	require.Equal(t, Device{8, 0}, d.Device)
	require.Equal(t, "sda", d.Name)
}

func TestDisksThatAreNone(t *testing.T) {
	s := machine(t)
	for path, saying := range map[string]string{
		"/net": "nfs4 (somewhere)", "/over": "upper directory", "/run/x": "in memory", "/f": "no disk of this machine", "/z": "outside any cgroup", "/odd": "squish",
		"250:1": "no such block device", "/dev/loop1": "deleted",
	} {
		_, err := s.disk(path)
		var none *NoDiskError
		require.ErrorAs(t, err, &none, path)
		require.ErrorContains(t, err, saying, path)
	}
	for _, path := range []string{"8:1", "/dev/sda1"} {
		_, err := s.disk(path)
		var partition *PartitionError
		require.ErrorAs(t, err, &partition, path)
		require.Equal(t, "/dev/sda", partition.Disk)
	}
	for _, path := range []string{"/big", "/dev/md0", "/dev/dm-2"} {
		_, err := s.disk(path)
		var several *AmbiguousError
		require.ErrorAs(t, err, &several, path)
		require.Len(t, several.Disks, 2)
		require.ErrorContains(t, err, "; "+path)
	}
	_, err := s.disk("/absent")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = s.disk("/dev/loop2") // a loop device on itself
	require.ErrorContains(t, err, "layers")
}
