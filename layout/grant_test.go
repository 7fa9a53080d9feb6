//go:build linux

package layout_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/internal/posixacl"
	"github.com/bedplate/bedplate/internal/xattr"
	"github.com/bedplate/bedplate/layout"
)

// aclOf reads a list by its path, as a tool of the system would.
func aclOf(t testing.TB, p, attribute string) string {
	t.Helper()
	b := make([]byte, 1000)
	n, err := syscall.Getxattr(p, attribute, b)
	if err == syscall.ENODATA {
		return ""
	}
	require.NoError(t, err)
	list, err := posixacl.Decode(b[:n])
	require.NoError(t, err)
	var parts []string
	for _, e := range list {
		who := ""
		if e.Tag == posixacl.User || e.Tag == posixacl.Group {
			who = itoa(int(e.ID))
		}
		parts = append(parts, e.Text(who))
	}
	return strings.Join(parts, ",")
}

// needsACLs: the machine's file systems have them, wherever else this runs.
func needsACLs(t testing.TB, dir string) {
	t.Helper()
	f, err := os.Open(dir)
	require.NoError(t, err)
	defer f.Close()
	for name, value := range map[string][]byte{posixacl.Default: posixacl.Encode(posixacl.New(0o755, nil)), "user.test": []byte("x")} {
		if err := xattr.Set(f, name, value); err != nil {
			t.Skip(err)
		}
		require.NoError(t, xattr.Remove(f, name))
	}
}

func TestGrants(t *testing.T) {
	root := t.TempDir()
	needsACLs(t, root)
	file := layout.File{Path: "/d/f", Content: []byte("x"), Mode: 0o640, Grants: []layout.Grant{{User: "4711", Rights: 6}}}
	dir := layout.Dir{Path: "/d", Mode: 0o750, Grants: []layout.Grant{{Group: "20", Rights: 7}, {User: "4711", Rights: 5}}, Inherited: []layout.Grant{{User: "4712", Rights: 4}}}
	file.Attributes = map[string]string{"user.origin": "here", "user.empty": ""}
	tree := layout.Tree{Root: root, Owners: layout.ApplyOwners, Entries: own([]layout.Entry{dir, file, layout.File{Path: "/d/plain", Mode: 0o640}, layout.File{Path: "/d/none", Mode: 0o640, Grants: []layout.Grant{}}})}
	changes := targets(settle(t, tree))
	require.Contains(t, changes[0], ", g:20:rwx, u:4711:r-x, inherited u:4712:r--")
	require.Contains(t, changes[1], ", u:4711:rw-, user.empty, user.origin, 1 bytes")
	join := filepath.Join
	require.Equal(t, "u::rwx,u:4711:r-x,g::r-x,g:20:rwx,m::rwx,o::---", aclOf(t, join(root, "d"), posixacl.Access))
	require.Equal(t, "u::rwx,u:4712:r--,g::r-x,m::r-x,o::---", aclOf(t, join(root, "d"), posixacl.Default))
	require.Equal(t, "u::rw-,u:4711:rw-,g::r--,m::rw-,o::---", aclOf(t, join(root, "d/f"), posixacl.Access))
	require.Equal(t, "u::rw-,u:4712:r--,g::r-x,m::r--,o::---", aclOf(t, join(root, "d/plain"), posixacl.Access), "as its directory gives")
	require.Equal(t, "", aclOf(t, join(root, "d/none"), posixacl.Access))
	info, err := os.Stat(join(root, "d/none"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode())

	// Drift of the list, of its mask alone (which is all that chmod changes), and
	// of an attribute, is found and mended.
	require.NoError(t, os.Chmod(join(root, "d"), 0o750))
	require.NoError(t, syscall.Removexattr(join(root, "d/f"), posixacl.Access))
	require.NoError(t, syscall.Setxattr(join(root, "d/f"), "user.origin", []byte("hunter2"), 0))
	require.NoError(t, syscall.Removexattr(join(root, "d/f"), "user.empty"))
	require.NoError(t, syscall.Setxattr(join(root, "d/none"), posixacl.Access, posixacl.Encode(posixacl.New(0o640, []posixacl.Entry{{Tag: posixacl.User, Perm: 6, ID: 1}})), 0))
	require.Equal(t, []string{
		"update directory /d: rights u::rwx,u:4711:r-x,g::r-x,g:20:rwx,m::r-x,o::--- → u::rwx,u:4711:r-x,g::r-x,g:20:rwx,m::rwx,o::---",
		"update file /d/f: rights none → u::rw-,u:4711:rw-,g::r--,m::rw-,o::---, attribute user.empty, attribute user.origin",
		"update file /d/none: mode 0660 → 0640, rights u::rw-,u:1:rw-,g::r--,m::rw-,o::--- → none",
	}, targets(settle(t, tree)))

	// What is not asked for is left alone; content that changes is a new file.
	plain := layout.File{Path: "/d/f", Content: []byte("x"), Mode: 0o660}
	tree.Entries = own([]layout.Entry{plain})
	settled(t, tree)
	file.Content = []byte("y")
	tree.Entries = own([]layout.Entry{file})
	require.Len(t, settle(t, tree), 1)
	require.Equal(t, "u::rw-,u:4711:rw-,g::r--,m::rw-,o::---", aclOf(t, join(root, "d/f"), posixacl.Access))

	// None is asked for.
	dir.Grants, dir.Inherited = []layout.Grant{}, []layout.Grant{}
	tree.Entries = own([]layout.Entry{dir})
	settle(t, tree)
	for _, attribute := range []string{posixacl.Access, posixacl.Default} {
		require.Equal(t, "", aclOf(t, join(root, "d"), attribute))
	}
}

func TestPendingGrant(t *testing.T) {
	root := t.TempDir()
	needsACLs(t, root)
	dir := layout.Dir{Path: "/d"}
	settle(t, layout.Tree{Root: root, Owners: layout.ApplyOwners, Entries: own([]layout.Entry{dir})})
	dir.Grants = []layout.Grant{{User: "app", Rights: 5}}
	tree := layout.Tree{Root: root, Owners: layout.ApplyOwners, Entries: own([]layout.Entry{dir})}
	planned, err := tree.Plan(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"update directory /d: rights none → u::rwx,u:app:r-x,g::r-x,m::r-x,o::r-x (after user app)"}, targets(planned))
	_, err = tree.Ensure(t.Context())
	require.ErrorIs(t, err, layout.ErrUnknownOwner)
	write(t, root, "etc/passwd", "app:x:4711:4711::/:/bin/false\n", 0o644)
	settle(t, tree)
}

// TestGrantsAreRecorded needs no file system that has them.
func TestGrantsAreRecorded(t *testing.T) {
	root := t.TempDir()
	file := layout.File{Path: "/f", Mode: 0o640, Grants: []layout.Grant{{User: "app", Rights: 6}}, Attributes: map[string]string{"user.x": "a b"}}
	tree := layout.Tree{Root: root, Name: "x", Owners: layout.RecordOwners, Entries: []layout.Entry{file}}
	settle(t, tree)
	lines := func() string {
		b, err := os.ReadFile(filepath.Join(root, "etc/tmpfiles.d/bedplate-x.conf"))
		require.NoError(t, err)
		_, after, ok := strings.Cut(string(b), "z /etc/tmpfiles.d/bedplate-x.conf 0644 root root\n")
		require.True(t, ok)
		return after
	}
	require.Equal(t, "a /f - - - - u::rw-,u:app:rw-,g::r--,m::rw-,o::---\nt /f - - - - \"user.x=a b\"\nz /f 0660 root root\n", lines())

	file.Grants, file.Attributes = []layout.Grant{}, map[string]string{"user.x": "b"}
	tree.Entries = []layout.Entry{file}
	require.Equal(t, []string{
		"update file /etc/tmpfiles.d/bedplate-x.conf: records 2 owners and modes, drops 1",
		"update file /f: recorded 0660 root:root → 0640 root:root, recorded rights dropped, recorded attributes",
	}, targets(settle(t, tree)))
	require.Equal(t, "t /f - - - - \"user.x=b\"\nz /f 0640 root root\n", lines())

	file.Grants, file.Attributes = nil, nil
	tree.Entries = []layout.Entry{file}
	settled(t, tree)
	tree.Entries = []layout.Entry{layout.Absent{Path: "/f"}}
	settle(t, tree)
	require.Equal(t, "", lines())
}
