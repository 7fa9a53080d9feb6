package cgroupv2

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModes(t *testing.T) {
	const (
		v2      = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
		tmpfs   = "30 23 0:26 / /sys/fs/cgroup ro,nosuid shared:4 - tmpfs tmpfs ro,mode=755\n"
		unified = "31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
		named   = "32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
		cpu     = "33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
	)
	for text, want := range map[string]Info{
		v2:                            {Mode: Unified, Mount: "/sys/fs/cgroup", Options: []string{"nsdelegate", "memory_recursiveprot"}},
		tmpfs + unified + named + cpu: {Mode: Hybrid, Mount: "/sys/fs/cgroup/unified", Options: []string{"nsdelegate"}},
		tmpfs + named + cpu:           {Mode: Legacy},
		tmpfs + named:                 {Mode: None},
		tmpfs + unified + named:       {Mode: Unified, Mount: "/sys/fs/cgroup/unified", Options: []string{"nsdelegate"}},
		"":                            {Mode: None},
		"garbage\n1 2 - \n":           {Mode: None},
		"9 1 0:1 / /mnt rw - cgroup2 x rw\n" + v2: {Mode: Unified, Mount: "/sys/fs/cgroup", Options: []string{"nsdelegate", "memory_recursiveprot"}},
	} {
		got := parseMounts(text)
		if len(got.Options) == 0 {
			got.Options = nil
		}
		require.Equal(t, want, got, text)
	}
	require.Equal(t, "/user.slice", ownGroup("12:cpu:/a\n0::/user.slice\n"))
	require.Empty(t, ownGroup("12:cpu:/a\n"))
	require.Equal(t, "/mnt/a b", parseMountinfo(`1 2 8:1 / /mnt/a\040b rw - ext4 /dev/sda1 rw`)[0].point)
}
