//go:build privileged

package layout_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/internal/posixacl"
	"github.com/bedplate/bedplate/layout"
)

const appID = 4242

// withAccounts makes a root that knows the user and the group app.
func withAccounts(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	write(t, root, "etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:4242:4242::/:/bin/false\n", 0o644)
	write(t, root, "etc/group", "root:x:0:\napp:x:4242:\ncrew:x:4343:\n", 0o644)
	return root
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return string(out)
}

// made is what a tree consists of, without times and what the tests put there.
func made(t *testing.T, root string) map[string]state {
	all := snapshot(t, root)
	for p, s := range all {
		s.modified, s.change = time.Time{}, time.Time{}
		if s.mode.Type() != os.ModeSymlink {
			for _, attribute := range []string{posixacl.Access, posixacl.Default} {
				s.content += " " + aclOf(t, filepath.Join(root, p), attribute)
			}
			s.content += attributeOf(t, filepath.Join(root, p), "user.origin")
		}
		all[p] = s
		if strings.HasPrefix(p, "/etc/tmpfiles.d") || p == "/etc/passwd" || p == "/etc/group" {
			delete(all, p)
		}
	}
	return all
}

func attributeOf(t *testing.T, p, name string) string {
	b := make([]byte, 1000)
	n, err := syscall.Getxattr(p, name, b)
	if err == syscall.ENODATA {
		return ""
	}
	require.NoError(t, err)
	return " " + name + "=" + string(b[:n])
}

func everything() []layout.Entry {
	return append(layout.Service{Name: "app"}.Entries(),
		layout.Dir{Path: "/srv/shared", Mode: 0o2775, Group: "crew"},
		layout.Dir{Path: "/srv/drop", Mode: 0o1777},
		layout.Dir{Path: "/srv/100% \"sp ace\" \\", Mode: 0o700, Owner: "4711", Group: "crew"},
		layout.Dir{Path: "/srv/\xff\x01*?[x]"},
		layout.File{Path: "/srv/\xff\x01*?[x]/\t-%h", Content: []byte("\n %h \\ \"x\" \xff\xfe\t "), Mode: 0o604, Group: "app"},
		layout.File{Path: "/etc/app/app.conf", Content: []byte("listen = :8080\n# é\n"), Mode: 0o640, Group: "app"},
		layout.File{Path: "/etc/app/empty"},
		layout.File{Path: "/var/lib/app/seed", Content: []byte("-"), Mode: 0o600, Owner: "app", CreateOnly: true},
		layout.File{Path: "/var/lib/app/state/deep", Content: []byte("x"), Owner: "app"},
		layout.Dir{Path: "/var/lib/app/state", Owner: "app", Mode: 0o711},
		layout.File{Path: "/opt/app/bin/helper", Content: []byte("#!/bin/sh\n"), Mode: 0o4755, Privileged: true},
		layout.Symlink{Path: "/opt/app/latest", Target: "releases/100%"},
		// Of the names in a list, systemd-tmpfiles looks for the ids in the machine
		// that it runs on, even with --root: so they are numbers here.
		layout.Dir{Path: "/srv/granted", Mode: 0o750, Grants: []layout.Grant{{User: "4242", Rights: 5}, {Group: "4343", Rights: 7}}, Inherited: []layout.Grant{{User: "4242", Rights: 6}}},
		layout.File{Path: "/srv/granted/f", Content: []byte("x"), Mode: 0o600, Grants: []layout.Grant{{User: "4242", Rights: 4}}, Attributes: map[string]string{"user.origin": "here \"and\" 100%\n"}},
	)
}

// TestOwnersAreApplied on the machine itself, with its own accounts.
func TestOwnersAreApplied(t *testing.T) {
	accounts(t)
	tree := layout.Tree{Entries: everything()}
	require.False(t, tree.Records())
	planned, err := tree.Plan(t.Context())
	require.NoError(t, err)
	done, err := tree.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, planned, done)
	for _, again := range []func() (int, error){
		func() (int, error) { c, err := tree.Plan(t.Context()); return len(c), err },
		func() (int, error) { c, err := tree.Ensure(t.Context()); return len(c), err },
	} {
		n, err := again()
		require.NoError(t, err)
		require.Zero(t, n)
	}
	for p, want := range map[string]string{
		"/etc/app": "750 root app", "/etc/app/app.conf": "640 root app", "/var/lib/app": "750 app app", "/var/lib/app/seed": "600 app app",
		"/opt/app/bin": "755 root root", "/opt/app/bin/helper": "4755 root root", "/srv/shared": "2775 root crew", "/srv/drop": "1777 root root",
		"/run/app": "", "/opt/app/current": "777 root root",
	} {
		if want != "" {
			require.Equal(t, want, strings.TrimSpace(run(t, "stat", "-c", "%a %U %G", p)), p)
		}
	}
	// The kernel agrees that the service can't touch its code.
	out, err := exec.Command("setpriv", "--reuid=4242", "--regid=4242", "--clear-groups", "sh", "-c",
		"touch /var/lib/app/mine && cat /etc/app/app.conf >/dev/null && ! touch /opt/app/bin/x && ! touch /etc/app/x && ! mv /opt/app/bin /opt/app/gone").CombinedOutput()
	require.NoError(t, err, "%s", out)

	require.NoError(t, os.Chown("/opt/app/bin/helper", appID, appID), "which clears setuid")
	changes, err := tree.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"update file /opt/app/bin/helper: mode 0755 → 4755, owner 4242:4242 → root:root"}, targets(changes))
}

// TestTmpfilesIsTheTree: systemd-tmpfiles makes the fragment into what Ensure
// makes of the tree.
func TestTmpfilesIsTheTree(t *testing.T) {
	tree := layout.Tree{Root: withAccounts(t), Entries: everything()}
	settle(t, tree)
	fragment, err := tree.Tmpfiles()
	require.NoError(t, err)

	root := withAccounts(t)
	write(t, root, "etc/tmpfiles.d/x.conf", string(fragment), 0o644)
	out := run(t, "systemd-tmpfiles", "--root="+root, "--create", filepath.Join(root, "etc/tmpfiles.d/x.conf"))
	require.Empty(t, out)
	require.Equal(t, made(t, tree.Root), made(t, root))

	// And removing is removing.
	gone := layout.Tree{Root: tree.Root, Entries: []layout.Entry{layout.Absent{Path: "/srv/\xff\x01*?[x]", Recursive: true}, layout.Absent{Path: "/etc/app/empty"}}}
	settle(t, gone)
	fragment, err = gone.Tmpfiles()
	require.NoError(t, err)
	write(t, root, "etc/tmpfiles.d/x.conf", string(fragment), 0o644)
	require.Empty(t, run(t, "systemd-tmpfiles", "--root="+root, "--remove", filepath.Join(root, "etc/tmpfiles.d/x.conf")))
	require.Equal(t, made(t, tree.Root), made(t, root))
}

// TestRecordIsApplied: what was recorded becomes, at the first boot of an image
// that was packed with root as the owner of all, what would have been applied.
func TestRecordIsApplied(t *testing.T) {
	applied := layout.Tree{Root: withAccounts(t), Entries: everything()}
	settle(t, applied)
	recorded := layout.Tree{Root: withAccounts(t), Entries: everything(), Owners: layout.RecordOwners, Name: "app"}
	settle(t, recorded)
	require.NotEqual(t, made(t, applied.Root), made(t, recorded.Root))

	fragment := filepath.Join(recorded.Root, "etc/tmpfiles.d/bedplate-app.conf")
	for range 2 {
		out := run(t, "systemd-tmpfiles", "--root="+recorded.Root, "--create", fragment)
		require.Empty(t, out)
		require.Equal(t, made(t, applied.Root), made(t, recorded.Root))
	}
}

// TestServiceUserRaces: the user of a service swaps what is in its directories
// while root puts the tree in order.
func TestServiceUserRaces(t *testing.T) {
	root := withAccounts(t)
	mount(t, root, "var", "size=50m") // what is on disk does not matter here
	tree := layout.Tree{Root: root, Entries: []layout.Entry{
		layout.Dir{Path: "/var/lib/app", Owner: "app"},
		layout.Dir{Path: "/var/lib/app/sub", Mode: 0o750, Owner: "app", Purge: []string{"stray*", "stray*/"}},
		layout.File{Path: "/var/lib/app/sub/f", Content: []byte("inside"), Mode: 0o640, Owner: "app"},
		layout.File{Path: "/var/lib/app/f", Content: []byte("inside"), Mode: 0o640, Owner: "app"},
		layout.Dir{Path: "/var/lib/app/sub/deep/er", Mode: 0o700, Owner: "app"},
		layout.Symlink{Path: "/var/lib/app/sub/l", Target: "f"},
		layout.Absent{Path: "/var/lib/app/gone", Recursive: true},
	}}
	settle(t, tree)
	outside := filepath.Join(root, "var/outside")
	write(t, outside, "f", "outside", 0o604)
	write(t, outside, "sub/f", "outside", 0o604)
	require.NoError(t, os.Chmod(filepath.Dir(root), 0o755))
	untouched := linkable(snapshot(t, outside))

	swaps := 20_000
	if os.Getenv("BEDPLATE_LONG") != "" {
		swaps = 200_000
	}
	// Without this the service user could not even name files of root's: hard
	// links to them are what the entries must withstand.
	require.NoError(t, os.WriteFile("/proc/sys/fs/protected_hardlinks", []byte("0"), 0o644))
	cmd := exec.Command(os.Args[0], "-test.run=^TestSwapInChild$")
	cmd.Env = append(os.Environ(), "LAYOUT_TEST_SWAP="+filepath.Join(root, "var/lib/app"), "LAYOUT_TEST_OUTSIDE="+outside, "LAYOUT_TEST_SWAPS="+strconv.Itoa(swaps))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: appID, Gid: appID}}
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	runs, refused := 0, 0
	for over := false; !over; runs++ {
		if _, err := tree.Ensure(t.Context()); err != nil {
			refused++
		}
		select {
		case err := <-ended:
			require.NoError(t, err)
			over = true
		default:
		}
	}
	t.Logf("%d swaps, %d runs, %d of them refused", swaps, runs, refused)
	require.Equal(t, untouched, linkable(snapshot(t, outside)), "nothing outside is touched")
}

// TestSwapInChild is the service user of the test above.
func TestSwapInChild(t *testing.T) {
	if dir := os.Getenv("LAYOUT_TEST_SWAP"); dir != "" {
		n, err := strconv.Atoi(os.Getenv("LAYOUT_TEST_SWAPS"))
		require.NoError(t, err)
		swap(dir, os.Getenv("LAYOUT_TEST_OUTSIDE"), n)
	}
}

func TestMountPointsInside(t *testing.T) {
	root := withAccounts(t)
	mount(t, root, "srv/disk", "size=1m")
	tree := layout.Tree{Root: root, Entries: []layout.Entry{
		layout.Dir{Path: "/srv/disk", Mode: 0o750, Owner: "app"},
		layout.File{Path: "/srv/disk/f", Content: []byte("x")},
	}}
	settle(t, tree)

	_, err := layout.Tree{Root: root, Entries: []layout.Entry{layout.Absent{Path: "/srv", Recursive: true}}}.Ensure(t.Context())
	require.ErrorContains(t, err, "/srv: ")
	require.ErrorContains(t, err, "on another file system; unmount it first")
	require.Equal(t, []string{"f"}, names(t, filepath.Join(root, "srv/disk")))
	_, err = layout.Tree{Root: root, Entries: []layout.Entry{layout.Absent{Path: "/srv/disk", Recursive: true}}}.Ensure(t.Context())
	require.ErrorIs(t, err, syscall.EBUSY)
}

// TestFullAndReadOnly: the old file stays, nothing half is left, and with room
// again the work is finished.
func TestFullAndReadOnly(t *testing.T) {
	root := withAccounts(t)
	disk := mount(t, root, "srv", "size=64k")
	tree := layout.Tree{Root: root, Entries: []layout.Entry{layout.File{Path: "/srv/f", Content: []byte("old")}}}
	settle(t, tree)
	tree.Entries = []layout.Entry{layout.File{Path: "/srv/f", Content: []byte(strings.Repeat("new", 50_000))}}
	_, err := tree.Ensure(t.Context())
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, []string{"f"}, names(t, disk))
	b, err := os.ReadFile(filepath.Join(disk, "f"))
	require.NoError(t, err)
	require.Equal(t, "old", string(b))

	require.NoError(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size=1m"))
	_, err = tree.Ensure(t.Context())
	require.ErrorIs(t, err, syscall.EROFS)
	require.NoError(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT, "size=1m"))
	settle(t, tree)
}

func mount(t *testing.T, root, name, options string) string {
	t.Helper()
	p := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(p, 0o755))
	require.NoError(t, syscall.Mount("tmpfs", p, "tmpfs", 0, options))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(p, 0)) })
	return p
}

// TestCreateBesideTmpfiles gives the figures for large trees beside
// systemd-tmpfiles, which does not make durable what it makes: in memory, where
// that is no matter, and on disk, where a sync is added to it.
func TestCreateBesideTmpfiles(t *testing.T) {
	sizes := []int{1_000}
	if os.Getenv("BEDPLATE_LONG") != "" {
		sizes = append(sizes, 10_000)
	}
	for _, place := range []string{"memory", "disk"} {
		for _, n := range sizes {
			ours, theirs := fmt.Sprintf("/var/lib/ours-%d", n), fmt.Sprintf("/var/lib/theirs-%d", n)
			if place == "memory" {
				ours, theirs = mount(t, t.TempDir(), "ours", "size=200m"), mount(t, t.TempDir(), "theirs", "size=200m")
			}
			tree := many(ours, n)
			fragment, err := tree.Tmpfiles()
			require.NoError(t, err)
			write(t, theirs, "x.conf", string(fragment), 0o644)
			require.NoError(t, os.MkdirAll(ours, 0o755))
			syscall.Sync()
			begin := time.Now()
			_, err = tree.Ensure(t.Context())
			require.NoError(t, err)
			took := time.Since(begin)
			syscall.Sync()
			begin = time.Now()
			run(t, "systemd-tmpfiles", "--root="+theirs, "--create", filepath.Join(theirs, "x.conf"))
			syscall.Sync()
			t.Logf("%d entries, %s: Ensure %v, systemd-tmpfiles %v", n, place, took, time.Since(begin))
			begin = time.Now()
			changes, err := tree.Ensure(t.Context())
			require.NoError(t, err)
			require.Empty(t, changes)
			t.Logf("%d entries, %s: no change %v", n, place, time.Since(begin))
		}
	}
}
