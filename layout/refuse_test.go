package layout_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/layout"
)

// TestRefused: what is wrong in itself is refused with the entry's name, all of
// it at once, before anything is touched.
func TestRefused(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, c := range []struct {
		entry layout.Entry
		want  string
	}{
		{nil, "entry 2: it is nil"},
		{&layout.Dir{Path: "/d"}, "/d: a *layout.Dir is no entry"},
		{layout.Dir{}, "entry 2: it has no Path"},
		{layout.Dir{Path: "etc"}, "etc: the path is relative; write /etc"},
		{layout.Dir{Path: "/"}, "the root itself"},
		{layout.Dir{Path: "/a/../b"}, `has ".." for a part; write /b`},
		{layout.Dir{Path: "/a//b"}, `has "" for a part; write /a/b`},
		{layout.Dir{Path: "/a/"}, `write /a`},
		{layout.Dir{Path: "/a\x00"}, "NUL"},
		{layout.Dir{Path: "/" + long}, "has 256 bytes"},
		{layout.Dir{Path: strings.Repeat("/abcdefg", 600)}, "4800 bytes"},
		{layout.File{Path: "/.f.bedplate"}, "temporary files"},
		{layout.Dir{Path: "/d", Mode: 0o644}, "mode 0644 lets somebody read or write a directory that they can't enter; did you mean 0755?"},
		{layout.Dir{Path: "/d", Mode: 0o720}, "did you mean 0730?"},
		{layout.Dir{Path: "/d", Mode: 0o4755}, "setuid means nothing on a directory"},
		{layout.Dir{Path: "/d", Mode: 0o10755}, "more than permission bits"},
		{layout.Dir{Path: "/d", Owner: "a:b"}, "no name of a user"},
		{layout.Dir{Path: "/d", Group: "a\nb"}, "no name of a user"},
		{layout.Dir{Path: "/d", Purge: []string{"["}}, "no pattern"},
		{layout.Dir{Path: "/d", Purge: []string{"a/b"}}, "no pattern"},
		{layout.Dir{Path: "/d", Purge: []string{"/"}}, "no pattern"},
		{layout.File{Path: "/f", Mode: 0o4755}, "set Privileged as well"},
		{layout.File{Path: "/f", Mode: 0o2755}, "set Privileged as well"},
		{layout.File{Path: "/f", Mode: 0o755, Privileged: true}, "neither setuid nor setgid"},
		{layout.File{Path: "/f", Privileged: true}, "neither setuid nor setgid"},
		{layout.File{Path: "/f", Mode: 0o1644}, "sticky"},
		{layout.File{Path: "/f", Mode: 0o644, Secret: true}, "lets everybody in; use 0640"},
		{layout.File{Path: "/f", Content: []byte("x"), Source: layout.FromHost("/x")}, "both Content and a Source"},
		{layout.File{Path: "/f", SHA256: "abc"}, "not 64 hex digits"},
		{layout.File{Path: "/f", SHA256: strings.Repeat("0", 64), CreateOnly: true}, "contradict"},
		{layout.Dir{Path: "/d", Owner: "a%b"}, "no name of a user"},
		{layout.Dir{Path: "/d", Grants: []layout.Grant{{User: "a", Group: "b"}}}, "set one of the two"},
		{layout.Dir{Path: "/d", Inherited: []layout.Grant{{}}}, "set one of the two"},
		{layout.Dir{Path: "/d", Grants: []layout.Grant{{User: "a", Rights: 8}}}, "want 0 to 7"},
		{layout.Dir{Path: "/d", Grants: []layout.Grant{{User: "a", Rights: 6}}}, "user a read or write a directory that they can't enter"},
		{layout.File{Path: "/f", Grants: []layout.Grant{{User: "a"}, {User: "a", Rights: 1}}}, "two grants for user a"},
		{layout.File{Path: "/f", Grants: []layout.Grant{{User: "a:b", Rights: 1}}}, "no name of a user"},
		{layout.File{Path: "/f", Attributes: map[string]string{"origin": "x"}}, "want user.NAME"},
		{layout.File{Path: "/f", Attributes: map[string]string{"system.posix_acl_access": "x"}}, "Grants for rights"},
		{layout.File{Path: "/f", Attributes: map[string]string{"security.capability": "x"}}, "set Privileged as well"},
		{layout.Dir{Path: "/d", Attributes: map[string]string{"security.capability": "x"}}, "a directory has no capabilities"},
		{layout.Symlink{Path: "/l"}, "the link's target"},
		{layout.Symlink{Path: "/l", Target: "a\x00"}, "the link's target"},
		{layout.File{Path: "/good"}, "two entries have this path"},
		{layout.File{Path: "/good/inside"}, "inside /good, which is to be a file"},
		{layout.Absent{Path: "/good"}, "two entries"},
	} {
		root := t.TempDir()
		tree := layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: []layout.Entry{layout.File{Path: "/good"}, c.entry, layout.File{Path: "relative"}}}
		for range 2 {
			_, err := tree.Ensure(t.Context())
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "relative: the path is relative", "all errors are told")
			require.Empty(t, names(t, root))
		}
	}
	for _, entries := range [][]layout.Entry{
		{layout.Absent{Path: "/a", Recursive: true}, layout.Dir{Path: "/a/b"}},
		{layout.Symlink{Path: "/a", Target: "b"}, layout.Dir{Path: "/a/b/c"}},
		{layout.Dir{Path: "/x"}, layout.Absent{Path: "/x/y"}, layout.File{Path: "/x/y/z"}},
	} {
		_, err := layout.Tree{Root: t.TempDir(), Entries: entries}.Plan(t.Context())
		require.ErrorContains(t, err, "it is inside /")
	}
	for _, tree := range []layout.Tree{{Owners: "maybe"}, {Name: "a/b"}, {Name: "a\nb"}} {
		_, err := tree.Plan(t.Context())
		require.Error(t, err)
	}
}

// TestOccupied: what is wrong with the machine is found before anything is touched.
func TestOccupied(t *testing.T) {
	root := t.TempDir()
	write(t, root, "file", "", 0o644)
	write(t, root, "dir/x", "", 0o644)
	require.NoError(t, os.Symlink("dir", filepath.Join(root, "link")))
	for entry, want := range map[layout.Entry]string{
		layout.Symlink{Path: "/file", Target: "x"}:    "/file: it is a file, not a symlink",
		layout.Symlink{Path: "/dir", Target: "x"}:     "/dir: it is a directory, not a symlink",
		layout.Symlink{Path: "/file/x", Target: "y"}:  "/file is a file, not a directory",
		layout.Symlink{Path: "/link/x/y", Target: ""}: "",
	} {
		if want == "" {
			continue
		}
		refuses(t, root, entry, want)
	}
	refuses(t, root, layout.Dir{Path: "/file"}, "/file: it is a file, not a directory")
	refuses(t, root, layout.Dir{Path: "/link"}, "/link: it is a symlink, not a directory")
	refuses(t, root, layout.File{Path: "/dir"}, "/dir: it is a directory, not a file")
	refuses(t, root, layout.File{Path: "/link"}, "/link: it is a symlink, not a file")
	refuses(t, root, layout.File{Path: "/file/x"}, "/file is a file, not a directory")
}

func refuses(t *testing.T, root string, entry layout.Entry, want string) {
	t.Helper()
	tree := layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: []layout.Entry{layout.Dir{Path: "/fine"}, entry}}
	_, err := tree.Ensure(t.Context())
	require.ErrorIs(t, err, layout.ErrOccupied)
	require.ErrorContains(t, err, want)
	var e *layout.EntryError
	require.ErrorAs(t, err, &e)
	_, err = os.Lstat(filepath.Join(root, "fine"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestSecretStaysSecret(t *testing.T) {
	root := t.TempDir()
	write(t, root, "key", "hunter1", 0o644)
	tree := layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: []layout.Entry{
		layout.File{Path: "/key", Content: []byte("hunter2!"), Secret: true},
		layout.File{Path: "/new", Content: []byte("hunter2!"), Secret: true},
	}}
	for _, s := range targets(settle(t, tree)) {
		require.NotContains(t, s, "hunter")
		require.NotContains(t, s, "8 bytes")
	}
	tree.Entries = []layout.Entry{
		layout.File{Path: "/key", Source: failing("password=hunter2"), Secret: true},
		layout.File{Path: "/other", Content: []byte("hunter2!"), SHA256: strings.Repeat("0", 64), Secret: true},
	}
	_, err := tree.Plan(t.Context())
	require.ErrorContains(t, err, "/key: ")
	require.NotContains(t, err.Error(), "hunter")
	tree.Entries = tree.Entries[1:]
	_, err = tree.Ensure(t.Context())
	require.ErrorIs(t, err, layout.ErrContent)
	require.NotContains(t, err.Error(), "it is")
}
