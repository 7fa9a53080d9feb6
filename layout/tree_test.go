package layout_test

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/layout"
)

//go:embed testdata
var embedded embed.FS

// settle ensures the tree, and proves that Plan said what Ensure then did, and
// that nothing is left to do.
func settle(t testing.TB, tree layout.Tree) []bedplate.Change {
	t.Helper()
	planned, err := tree.Plan(t.Context())
	require.NoError(t, err)
	done, err := tree.Ensure(t.Context())
	require.NoError(t, err)
	for i := range planned {
		planned[i].Pending = ""
	}
	require.Equal(t, planned, done, "Plan is honest")
	settled(t, tree)
	return done
}

func settled(t testing.TB, tree layout.Tree) {
	t.Helper()
	before := snapshot(t, tree.Root)
	for _, do := range []func(context.Context) ([]bedplate.Change, error){tree.Plan, tree.Ensure} {
		changes, err := do(t.Context())
		require.NoError(t, err)
		require.Empty(t, changes)
	}
	require.Equal(t, before, snapshot(t, tree.Root), "a second run writes nothing")
}

type state struct {
	mode             fs.FileMode
	uid, gid         int
	modified, change time.Time
	content          string
}

// snapshot has what a write of any kind would alter.
func snapshot(t testing.TB, root string) map[string]state {
	t.Helper()
	all := map[string]state{}
	require.NoError(t, filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		content := ""
		switch {
		case info.Mode().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil && !errors.Is(err, fs.ErrPermission) {
				return err
			}
			content = string(b)
		case info.Mode().Type() == fs.ModeSymlink:
			if content, err = os.Readlink(p); err != nil {
				return err
			}
		}
		all[strings.TrimPrefix(p, root)] = state{info.Mode(), int(st.Uid), int(st.Gid), info.ModTime(), changeTime(st), content}
		return nil
	}))
	return all
}

func targets(changes []bedplate.Change) (all []string) {
	for _, c := range changes {
		all = append(all, c.String())
	}
	return all
}

func write(t testing.TB, root, name, content string, mode fs.FileMode) {
	t.Helper()
	p := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
	require.NoError(t, os.WriteFile(p, []byte(content), mode))
	require.NoError(t, os.Chmod(p, mode))
}

func sample(root string) layout.Tree {
	return layout.Tree{Root: root, Name: "app", Owners: layout.RecordOwners, Entries: []layout.Entry{
		layout.File{Path: "/etc/app/app.conf", Content: []byte("listen = :8080\n"), Mode: 0o640, Group: "app"},
		layout.File{Path: "/etc/app/key", Content: []byte("hunter2"), Secret: true, Owner: "app"},
		layout.Dir{Path: "/etc/app", Mode: 0o750, Group: "app"},
		layout.Dir{Path: "/var/lib/app", Mode: 0o750, Owner: "app"},
		layout.Symlink{Path: "/opt/app/current", Target: "releases/1"},
		layout.File{Path: "/opt/app/bin/app", Content: []byte("\x7fELF\x00"), Mode: 0o755},
		layout.File{Path: "/opt/app/README", Source: layout.FromFS(embedded, "testdata/readme.txt")},
		layout.Absent{Path: "/opt/app/old"},
	}}
}

func TestTree(t *testing.T) {
	root := filepath.Join(t.TempDir(), "image")
	tree := sample(root)
	require.True(t, tree.Records())
	require.Equal(t, []string{
		"create directory /: 0755",
		"create directory /etc: 0755 root:root (recorded)",
		"create directory /etc/tmpfiles.d: 0755 root:root (recorded)",
		"create file /etc/tmpfiles.d/bedplate-app.conf: records 14 owners and modes, drops 0",
		"create directory /etc/app: 0750 root:app (recorded)",
		"create file /etc/app/app.conf: 0640 root:app (recorded), 15 bytes",
		"create file /etc/app/key: 0600 app:app (recorded)",
		"create directory /opt: 0755 root:root (recorded)",
		"create directory /opt/app: 0755 root:root (recorded)",
		"create file /opt/app/README: 0644 root:root (recorded), 29 bytes",
		"create directory /opt/app/bin: 0755 root:root (recorded)",
		"create file /opt/app/bin/app: 0755 root:root (recorded), 5 bytes",
		"create symlink /opt/app/current: → releases/1",
		"create directory /var: 0755 root:root (recorded)",
		"create directory /var/lib: 0755 root:root (recorded)",
		"create directory /var/lib/app: 0750 app:app (recorded)",
	}, targets(settle(t, tree)))
	b, err := os.ReadFile(filepath.Join(root, "etc/tmpfiles.d/bedplate-app.conf"))
	require.NoError(t, err)
	require.Equal(t, `# Owners and modes for the first boot, written by bedplate.
# Pack the image with all files owned by root.
d /etc 0755 root root
d /etc/app 0750 root app
z /etc/app/app.conf 0640 root app
z /etc/app/key 0600 app app
d /etc/tmpfiles.d 0755 root root
z /etc/tmpfiles.d/bedplate-app.conf 0644 root root
d /opt 0755 root root
d /opt/app 0755 root root
z /opt/app/README 0644 root root
d /opt/app/bin 0755 root root
z /opt/app/bin/app 0755 root root
d /var 0755 root root
d /var/lib 0755 root root
d /var/lib/app 0750 app app
`, string(b))

	// Drift of every kind is found and repaired.
	require.NoError(t, os.Chmod(filepath.Join(root, "etc/app"), 0o777))
	write(t, root, "etc/app/app.conf", "listen = :80\n", 0o644)
	write(t, root, "etc/app/key", "stolen", 0o644)
	write(t, root, "opt/app/bin/app", "\x00", 0o755)
	write(t, root, "opt/app/old", "", 0o644)
	require.NoError(t, os.Remove(filepath.Join(root, "opt/app/current")))
	require.NoError(t, os.Symlink("releases/0", filepath.Join(root, "opt/app/current")))
	tree.Entries = append(tree.Entries, layout.Dir{Path: "/opt/app", Mode: 0o751})
	require.Equal(t, []string{
		"update file /etc/tmpfiles.d/bedplate-app.conf: records 1 owners and modes, drops 0",
		"update directory /etc/app: mode 0777 → 0750",
		"update file /etc/app/app.conf: content +1 −1 lines, mode 0644 → 0640",
		"update file /etc/app/key: content, mode 0644 → 0600",
		"update directory /opt/app: mode 0755 → 0751, recorded 0755 root:root → 0751 root:root",
		"update file /opt/app/bin/app: content 1 bytes, sha256 6e340b9cffb3 → 5 bytes, sha256 8d70ec3a2f3f",
		"update symlink /opt/app/current: releases/0 → releases/1",
		"delete file /opt/app/old",
	}, targets(settle(t, tree)))
}

func TestAppliedToOneself(t *testing.T) {
	// Without privilege a tree can still be applied if all is the caller's own.
	tree := layout.Tree{Root: t.TempDir(), Owners: layout.ApplyOwners, Entries: own(sample("").Entries)}
	require.False(t, tree.Records())
	settle(t, tree)
	_, err := os.Stat(filepath.Join(tree.Root, "etc/tmpfiles.d"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	info, err := os.Stat(filepath.Join(tree.Root, "etc/app/app.conf"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o640), info.Mode())
}

func TestPendingOwner(t *testing.T) {
	tree := layout.Tree{Root: t.TempDir(), Owners: layout.ApplyOwners, Entries: []layout.Entry{
		layout.Dir{Path: "/var/lib/app", Owner: "app"}, layout.File{Path: "/f", Owner: "0", Group: "staff"},
	}}
	write(t, tree.Root, "f", "", 0o644)
	changes, err := tree.Plan(t.Context())
	require.NoError(t, err)
	require.Equal(t, "user app", changes[len(changes)-1].Pending)
	require.Equal(t, "group staff", changes[0].Pending)
	_, err = tree.Ensure(t.Context())
	require.ErrorIs(t, err, layout.ErrUnknownOwner)
	require.ErrorContains(t, err, "/var/lib/app: user app: no such user or group")
	require.ErrorContains(t, err, "/f: group staff: ")
	_, err = os.Stat(filepath.Join(tree.Root, "var"))
	require.ErrorIs(t, err, fs.ErrNotExist, "nothing was touched")
}

func TestNamesOfTheRoot(t *testing.T) {
	root := t.TempDir()
	uid, gid := os.Getuid(), os.Getgid()
	write(t, root, "etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:"+itoa(uid)+":"+itoa(gid)+"::/:/bin/false\n", 0o644)
	write(t, root, "etc/group", "crew:x:"+itoa(gid)+":\n", 0o644)
	settle(t, layout.Tree{Root: root, Owners: layout.ApplyOwners, Entries: []layout.Entry{
		layout.Dir{Path: "/d", Owner: "app", Group: "crew"},
	}})
}

func names(t testing.TB, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
