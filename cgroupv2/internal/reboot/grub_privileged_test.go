//go:build privileged

package reboot_test

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const (
	foreign  = "/etc/default/grub.d/50-site.cfg"
	config   = "/boot/grub/grub.cfg"
	settings = "/etc/default/grub"
)

var boot = cgroupv2.Boot{Args: []string{"psi=1", "cgroup_no_v1=all", "bedplate.test=1"}}

// The machine is given GRUB and arguments that contradict the wanted ones; it is
// edited and rebooted, and then the edit is undone and it is rebooted again.
func TestBootWithGRUB(t *testing.T) {
	switch testenv.Boot(t) {
	case 1:
		installGRUB(t)
		edit(t)
	case 2:
		edited(t)
		undo(t)
	case 3:
		undone(t)
	}
}

// installGRUB makes the machine one that its disk can boot: with the kernel and
// initial root that QEMU was given, GRUB in the boot sector, and Debian's settings.
func installGRUB(t *testing.T) {
	run(t, "tar", "--keep-directory-symlink", "-xf", testenv.Payload(t, "packages.tar"), "-C", "/")
	run(t, "ldconfig")
	var u unix.Utsname
	require.NoError(t, unix.Uname(&u))
	release := unix.ByteSliceToString(u.Release[:])
	require.NoError(t, os.MkdirAll("/boot/grub", 0o755))
	require.NoError(t, os.MkdirAll("/etc/default/grub.d", 0o755))
	for to, from := range map[string]string{
		"/boot/vmlinuz-" + release:    testenv.Payload(t, "boot/vmlinuz"),
		"/boot/initrd.img-" + release: testenv.Payload(t, "boot/initrd"),
		settings:                      "/usr/share/grub/default/grub",
	} {
		duplicate(t, to, from)
	}
	arguments := slices.DeleteFunc(words(t), func(w string) bool { return w == "psi=1" || w == "cgroup_no_v1=all" })
	site := "# ours\nGRUB_CMDLINE_LINUX=\"" + strings.Join(arguments, " ") + " psi=0 bedplate.foreign=1\"\nGRUB_TIMEOUT=0\nGRUB_TERMINAL=serial\n"
	require.NoError(t, os.WriteFile(foreign, []byte(site), 0o644))
	// The generators for other systems take most of the time under emulation.
	run(t, "sh", "-c", "chmod -x /etc/grub.d/05* /etc/grub.d/2* /etc/grub.d/3* /etc/grub.d/4*")
	disk, err := testenv.Disk("bedplate-root")
	require.NoError(t, err)
	// The disk has no partitions, and so no room for GRUB but in the file system.
	run(t, "grub-install", "--target=i386-pc", "--force", disk)
	run(t, "update-grub")
}

func edit(t *testing.T) {
	require.NotEmpty(t, entries(t))
	planned, err := boot.Plan(t.Context())
	require.NoError(t, err)
	done, err := boot.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, planned, done)
	require.Equal(t, "update-grub", done[len(done)-1].Target)
	require.GreaterOrEqual(t, len(entries(t)), 3, "the default, the kernel's own, the one for recovery")
	for _, l := range entries(t) {
		require.Contains(t, l, " psi=1 bedplate.foreign=1 cgroup_no_v1=all bedplate.test=1")
	}
	again, err := boot.Ensure(t.Context())
	require.NoError(t, err)
	require.Empty(t, again)
	state, err := boot.State()
	require.NoError(t, err)
	require.Equal(t, []string{"bedplate.test=1"}, state.Running, "the machine was booted with the others")
	require.True(t, state.Pending(), "the next boot makes it so")
}

// edited: the kernel has what GRUB was told.
func edited(t *testing.T) {
	now := words(t)
	require.True(t, strings.HasPrefix(now[0], "BOOT_IMAGE=/boot/vmlinuz-"), "it was GRUB that booted it: %v", now)
	require.Subset(t, now, append([]string{"bedplate.foreign=1"}, boot.Args...))
	require.NotContains(t, now, "psi=0")
	require.FileExists(t, "/proc/pressure/memory")
	state, err := boot.State()
	require.NoError(t, err)
	require.Empty(t, state.Running)
	require.False(t, state.Pending())
	again, err := boot.Plan(t.Context())
	require.NoError(t, err)
	require.Empty(t, again)
}

func undo(t *testing.T) {
	undo := boot
	undo.Absent = true
	_, err := undo.Ensure(t.Context())
	require.NoError(t, err)
	text, err := os.ReadFile(settings)
	require.NoError(t, err)
	shipped, err := os.ReadFile("/usr/share/grub/default/grub")
	require.NoError(t, err)
	require.Equal(t, string(shipped), string(text), "byte for byte")
	state, err := undo.State()
	require.NoError(t, err)
	require.Equal(t, boot.Args, state.Running)
	require.True(t, state.Pending())
}

func undone(t *testing.T) {
	now := words(t)
	for _, arg := range boot.Args {
		require.NotContains(t, now, arg)
	}
	require.Contains(t, now, "bedplate.foreign=1")
	require.True(t, strings.HasPrefix(now[0], "BOOT_IMAGE="))
	undo := boot
	undo.Absent = true
	state, err := undo.State()
	require.NoError(t, err)
	require.Empty(t, state.Running)
}

// words are the arguments of the running kernel.
func words(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("/proc/cmdline")
	require.NoError(t, err)
	return strings.Fields(string(text))
}

// entries are the lines of GRUB's configuration that boot a kernel.
func entries(t *testing.T) (list []string) {
	t.Helper()
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(line), "linux") && strings.Contains(line, "vmlinuz-") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

func duplicate(t *testing.T, to, from string) {
	t.Helper()
	in, err := os.Open(from)
	require.NoError(t, err)
	defer in.Close()
	out, err := os.Create(to)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
}
