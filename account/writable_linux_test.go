package account_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/account/internal/acl"
)

// stranger owns nothing in the trees that tests make.
const stranger = 54321

func makeFile(t testing.TB, root, name string, mode os.FileMode) string {
	t.Helper()
	p := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
	require.NoError(t, os.WriteFile(p, nil, 0o644))
	require.NoError(t, os.Chmod(p, mode))
	return p
}

func makeDir(t testing.TB, root, name string, mode os.FileMode) string {
	t.Helper()
	p := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(p, 0o755))
	require.NoError(t, os.Chmod(p, mode))
	return p
}

// allow sets a list that gives user and group rights beyond the mode's.
func allow(t testing.TB, path string, user, group, mask uint16) {
	t.Helper()
	list := acl.List{
		{Tag: acl.Owner, Rights: 7, ID: 1<<32 - 1}, {Tag: acl.User, Rights: user, ID: stranger},
		{Tag: acl.OwningGroup, Rights: 5, ID: 1<<32 - 1}, {Tag: acl.Group, Rights: group, ID: stranger},
		{Tag: acl.Mask, Rights: mask, ID: 1<<32 - 1}, {Tag: acl.Other, Rights: 5, ID: 1<<32 - 1},
	}
	require.NoError(t, unix.Setxattr(path, "system.posix_acl_access", list.Bytes(), 0))
}

func allowGroup(t testing.TB, path string, gid uint32) {
	t.Helper()
	list := acl.List{
		{Tag: acl.Owner, Rights: 6, ID: 1<<32 - 1}, {Tag: acl.OwningGroup, Rights: 4, ID: 1<<32 - 1},
		{Tag: acl.Group, Rights: 6, ID: gid}, {Tag: acl.Mask, Rights: 6, ID: 1<<32 - 1}, {Tag: acl.Other, Rights: 4, ID: 1<<32 - 1},
	}
	require.NoError(t, unix.Setxattr(path, "system.posix_acl_access", list.Bytes(), 0))
}

func link(t testing.TB, root, target, name string) {
	t.Helper()
	p := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
	require.NoError(t, os.Symlink(target, p))
}

func newRoot(t testing.TB) string {
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	return root
}

func TestWritable(t *testing.T) {
	root := newRoot(t)
	makeFile(t, root, "etc/closed", 0o644)
	makeFile(t, root, "etc/open", 0o646)
	makeFile(t, root, "etc/group", 0o664)
	makeDir(t, root, "srv/shared", 0o777)
	makeFile(t, root, "srv/shared/deep/f", 0o644)
	makeDir(t, root, "srv/sticky", 0o777|os.ModeSticky)
	makeFile(t, root, "srv/sticky/ours", 0o644)
	makeDir(t, root, "srv/hidden", 0o700)
	makeFile(t, root, "srv/hidden/open", 0o666)
	allow(t, makeFile(t, root, "srv/acl", 0o644), 6, 0, 7)
	allow(t, makeFile(t, root, "srv/masked", 0o644), 6, 6, 4)
	allow(t, makeFile(t, root, "srv/denied", 0o666), 4, 6, 7)
	allow(t, makeFile(t, root, "srv/unmasked", 0o644), 0, 0, 0)
	require.NoError(t, os.Chmod(filepath.Join(root, "srv/unmasked"), 0o606))
	allow(t, makeDir(t, root, "srv/acldir", 0o755), 7, 0, 7)
	link(t, root, "/srv/shared/deep/f", "etc/link")
	link(t, root, "../srv/shared", "etc/relative")
	link(t, root, "/srv/sticky/missing", "etc/dangling")
	link(t, root, "../../../../../etc/open", "etc/out")
	link(t, root, "loop", "etc/loop")

	app := account.Identity{UID: stranger, GID: stranger}
	for path, want := range map[string][]account.Way{
		"/etc/closed":             nil,
		"/etc/missing":            nil,
		"/etc/missing/below":      nil,
		"etc/./../etc/closed":     nil,
		"/etc/open":               {{"/etc/open", "", "everybody"}},
		"/srv/shared":             {{"/srv/shared", "", "everybody"}},
		"/srv/shared/deep/f":      {{"/srv/shared", "deep", "everybody"}},
		"/srv/shared/new/f":       {{"/srv/shared", "new", "everybody"}},
		"/srv/sticky/ours":        nil,
		"/srv/sticky/new":         {{"/srv/sticky", "new", "everybody"}},
		"/srv/hidden/open":        nil,
		"/srv/acl":                {{"/srv/acl", "", "access control list"}},
		"/srv/masked":             nil,
		"/srv/denied":             nil,
		"/srv/unmasked":           {{"/srv/unmasked", "", "everybody"}}, // an empty mask hides the list
		"/srv/acldir/x":           {{"/srv/acldir", "x", "access control list"}},
		"/etc/link":               {{"/srv/shared", "deep", "everybody"}},
		"/etc/relative":           {{"/srv/shared", "", "everybody"}},
		"/etc/relative/deep/none": {{"/srv/shared", "deep", "everybody"}},
		"/etc/dangling":           {{"/srv/sticky", "missing", "everybody"}},
		"/etc/out":                {{"/etc/open", "", "everybody"}},
	} {
		got, err := app.Writable(root, path)
		require.NoError(t, err, path)
		require.Equal(t, want, got, path)
	}
	for path, want := range map[string]string{"/etc/loop": "too many levels", "/etc/open/x": "not a directory"} {
		_, err := app.Writable(root, path)
		require.ErrorContains(t, err, want)
	}

	// Groups, the list's too.
	member := account.Identity{UID: stranger + 1, GID: 1, Groups: []account.ID{account.ID(os.Getgid()), stranger}}
	for path, want := range map[string]string{"/etc/group": "group ", "/srv/denied": "access control list, group 54321", "/srv/masked": "", "/etc/open": ""} {
		got, err := member.Writable(root, path)
		require.NoError(t, err, path)
		if want == "" {
			require.Empty(t, got, path)
			continue
		}
		require.Len(t, got, 1, path)
		require.Contains(t, got[0].By, want)
	}

	// An owner can give himself what the mode denies; root needs nobody's leave.
	makeDir(t, root, "srv/locked", 0o500)
	for _, id := range []account.Identity{{UID: account.ID(os.Getuid()), GID: stranger}, {}} {
		got, err := id.Writable(root, "/srv/locked")
		require.NoError(t, err)
		require.Equal(t, "/srv/locked", got[len(got)-1].Path)
	}
}

func TestIdentityOf(t *testing.T) {
	root := rootWith(t, nil)
	id, err := account.IdentityOf(t.Context(), root, "alice")
	require.NoError(t, err)
	require.Equal(t, account.Identity{UID: 1000, GID: 1000, Groups: []account.ID{4}}, id)
	_, err = account.IdentityOf(t.Context(), root, "nobody-here")
	require.ErrorIs(t, err, account.ErrUnknown)
}
