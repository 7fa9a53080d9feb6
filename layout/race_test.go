package layout_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/layout"
)

type failing string

func (f failing) Open() (io.ReadSeekCloser, int64, error) { return nil, 0, errors.New(string(f)) }

// TestLinks: the links of an image are followed inside it; one in a directory
// that others can write is not.
func TestLinks(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "run"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "usr/lib"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "var/deep"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "open"), 0o755))
	require.NoError(t, os.Chmod(filepath.Join(root, "open"), 0o777))
	for name, target := range map[string]string{
		"var/run": "/run", "lib": "usr/lib", "chain": "/lib", "up": "../../../../usr", "var/deep/up": "../../lib",
		"dangling": "/nowhere", "loop": "loop2", "loop2": "/loop", "open/link": "/usr",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(root, name)))
	}
	tree := layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: []layout.Entry{
		layout.Dir{Path: "/var/run/app"}, layout.File{Path: "/chain/f"}, layout.File{Path: "/up/lib/g"}, layout.File{Path: "/var/deep/up/h"}, layout.File{Path: "/lib/new/i"},
	}}
	settle(t, tree)
	require.Equal(t, []string{"app"}, names(t, filepath.Join(root, "run")))
	require.Equal(t, []string{"f", "g", "h", "new"}, names(t, filepath.Join(root, "usr/lib")))

	for p, want := range map[string]string{
		"/dangling/x": "/dangling is a symlink to /nowhere, which does not exist", "/loop/x": "too many levels",
		"/open/link/x": "/open/link → /usr: a symlink that others could replace",
	} {
		tree.Entries = []layout.Entry{layout.File{Path: p}}
		_, err := tree.Ensure(t.Context())
		require.ErrorContains(t, err, want)
	}
	tree.Entries = []layout.Entry{layout.File{Path: "/open/link/x"}}
	_, err := tree.Ensure(t.Context())
	require.ErrorIs(t, err, layout.ErrUnsafeLink)
	require.NoError(t, os.Chmod(filepath.Join(root, "open"), 0o777|os.ModeSticky))
	settle(t, tree)
}

func TestHardLinks(t *testing.T) {
	root := t.TempDir()
	write(t, root, "shadow", "secret", 0o600)
	require.NoError(t, os.Link(filepath.Join(root, "shadow"), filepath.Join(root, "f")))
	tree := layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: []layout.Entry{layout.File{Path: "/f", Content: []byte("secret"), Mode: 0o644}}}
	// It is the caller's own: the entry gets an inode of its own.
	settle(t, tree)
	info, err := os.Stat(filepath.Join(root, "shadow"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	if os.Getuid() != 0 {
		t.Skip("the rest needs a file of somebody else's; the privileged run covers it")
	}
	require.NoError(t, os.Chown(filepath.Join(root, "shadow"), 4711, 4711))
	require.NoError(t, os.Remove(filepath.Join(root, "f")))
	require.NoError(t, os.Link(filepath.Join(root, "shadow"), filepath.Join(root, "f")))
	for _, content := range []string{"secret", "other"} {
		for _, createOnly := range []bool{false, true} {
			tree.Owners = layout.ApplyOwners
			tree.Entries = []layout.Entry{layout.Dir{Path: "/d"}, layout.File{Path: "/f", Content: []byte(content), CreateOnly: createOnly}}
			_, err = tree.Ensure(t.Context())
			require.ErrorIs(t, err, layout.ErrShared)
			require.ErrorContains(t, err, "/f: it has several names and belongs to somebody else (2 names, owner 4711)")
		}
	}
	_, err = os.Stat(filepath.Join(root, "d"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestWeirdNames(t *testing.T) {
	root := t.TempDir()
	var entries []layout.Entry
	for _, name := range []string{" ", "a b", "tab\t", "\x01\x7f", "\xff\xfe", `quo"te'`, `back\slash`, "%h%%", "*?[x]", "-", "#", "~", "ünï", strings.Repeat("n", 255), "..."} {
		entries = append(entries, layout.File{Path: "/files/" + name, Content: []byte(name), Mode: 0o640, Group: "app"}, layout.Dir{Path: "/dirs/" + name, Owner: "app"}, layout.File{Path: "/dirs/" + name + "/" + name, Owner: "app"})
	}
	settle(t, layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: entries})

	newline := []layout.Entry{layout.File{Path: "/new\nline", Content: []byte("x")}}
	_, err := layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: newline}.Ensure(t.Context())
	require.ErrorContains(t, err, `"/new\nline": its owner can't be recorded`)
	require.NotContains(t, err.Error(), "\n")
	settle(t, layout.Tree{Root: root, Owners: layout.ApplyOwners, Entries: own(newline)})
}

func TestUmaskAndSetgidParent(t *testing.T) {
	for _, umask := range []int{0, 0o077, 0o777} {
		if umask == 0o777 && os.Getuid() != 0 {
			continue // takes the caller's own rights to a new directory
		}
		old := syscall.Umask(umask)
		t.Cleanup(func() { syscall.Umask(old) })
		root := t.TempDir()
		require.NoError(t, os.Chmod(root, 0o755|os.ModeSetgid))
		tree := layout.Tree{Root: root, Owners: layout.ApplyOwners, Entries: own([]layout.Entry{
			layout.Dir{Path: "/a", Mode: 0o750}, layout.Dir{Path: "/a/shared", Mode: 0o2775}, layout.Dir{Path: "/a/shared/in", Mode: 0o1777},
			layout.File{Path: "/a/shared/f", Mode: 0o664}, layout.File{Path: "/b/c/f"}, layout.Symlink{Path: "/a/shared/l", Target: "f"},
		})}
		settle(t, tree)
		for name, want := range map[string]os.FileMode{
			"a": os.ModeDir | 0o750, "a/shared": os.ModeDir | os.ModeSetgid | 0o775, "a/shared/in": os.ModeDir | os.ModeSticky | 0o777,
			"a/shared/f": 0o664, "b": os.ModeDir | 0o755, "b/c": os.ModeDir | 0o755, "b/c/f": 0o644,
		} {
			info, err := os.Stat(filepath.Join(root, name))
			require.NoError(t, err)
			require.Equal(t, want, info.Mode(), name)
		}
		syscall.Umask(old)
	}
}

// TestSwaps lets another thread exchange what is in the tree with links that
// lead out of it, as a service user could in a directory of its own.
func TestSwaps(t *testing.T) {
	swaps := 50_000
	if os.Getenv("BEDPLATE_LONG") != "" {
		swaps = 1_000_000
	}
	top := inMemory(t)
	outside, root := filepath.Join(top, "outside"), filepath.Join(top, "root")
	write(t, outside, "f", "outside", 0o604)
	write(t, outside, "sub/f", "outside", 0o604)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "open"), 0o755))
	require.NoError(t, os.Chmod(filepath.Join(root, "open"), 0o777))
	untouched := linkable(snapshot(t, outside))

	tree := layout.Tree{Root: root, Owners: layout.ApplyOwners, Entries: own([]layout.Entry{
		layout.Dir{Path: "/open/sub", Mode: 0o750, Purge: []string{"stray*", "stray*/"}},
		layout.File{Path: "/open/sub/f", Content: []byte("inside"), Mode: 0o640},
		layout.File{Path: "/open/f", Content: []byte("inside"), Mode: 0o640},
		layout.Dir{Path: "/open/sub/deep/er", Mode: 0o700},
		layout.Symlink{Path: "/open/sub/l", Target: "f"},
		layout.Absent{Path: "/open/gone", Recursive: true},
	})}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		defer stop()
		swap(filepath.Join(root, "open"), outside, swaps)
	})
	runs, refused := 0, 0
	for ctx.Err() == nil {
		runs++
		if _, err := tree.Ensure(t.Context()); err != nil {
			refused++
		}
	}
	wg.Wait()
	t.Logf("%d swaps, %d runs, %d of them refused", swaps, runs, refused)
	require.Greater(t, refused, 0, "the race was on")
	require.Equal(t, untouched, linkable(snapshot(t, outside)), "nothing outside is touched")

	for _, name := range []string{"sub", "f", "gone"} {
		require.NoError(t, os.RemoveAll(filepath.Join(root, "open", name)))
	}
	settle(t, tree)
}

// linkable forgets what a hard link to a file alters in it.
func linkable(all map[string]state) map[string]state {
	for p, s := range all {
		s.change = time.Time{}
		all[p] = s
	}
	return all
}

// swap exchanges, one after the other, what the tree's paths lead to.
func swap(dir, outside string, n int) {
	join := filepath.Join
	moves := []func(){
		func() { _ = os.Rename(join(dir, "sub"), join(dir, "away")) },
		func() { _ = os.Symlink(outside, join(dir, "sub")) },
		func() { _ = os.Remove(join(dir, "sub")); _ = os.Rename(join(dir, "away"), join(dir, "sub")) },
		func() { _ = os.Remove(join(dir, "sub/f")); _ = os.Symlink(join(outside, "f"), join(dir, "sub/f")) },
		func() { _ = os.Remove(join(dir, "sub/f")); _ = os.Link(join(outside, "f"), join(dir, "sub/f")) },
		func() { _ = os.RemoveAll(join(dir, "sub/deep")); _ = os.Symlink(outside, join(dir, "sub/deep")) },
		func() { _ = os.Remove(join(dir, "sub/deep")); _ = os.Chmod(join(dir, "f"), 0o666) },
		func() { _ = os.Mkdir(join(dir, "gone"), 0o755); _ = os.Symlink(outside, join(dir, "gone/sub")) },
		func() { _ = os.Rename(join(dir, "gone"), join(dir, "was")); _ = os.Symlink(outside, join(dir, "gone")) },
		func() { _ = os.Remove(join(dir, "gone")); _ = os.Rename(join(dir, "was"), join(dir, "gone")) },
		func() {
			_ = os.Symlink(outside, join(dir, "sub/stray"))
			_ = os.Symlink(outside, join(dir, "sub/stray2"))
		},
		func() { _ = os.Remove(join(dir, "f")); _ = os.Symlink(join(outside, "f"), join(dir, "f")) },
		func() { _ = os.Remove(join(dir, "f")); _ = os.RemoveAll(join(dir, "was")) },
		func() { _ = os.RemoveAll(join(dir, "away")) },
	}
	for i := range n {
		moves[i%len(moves)]()
	}
}
