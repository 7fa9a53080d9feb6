package checks_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
)

func TestPaths(t *testing.T) {
	root := tree(t, map[string]string{
		"etc/app/app.conf": "a = 1\n", "var/lib/app/": "",
		"etc/passwd": "root:x:0:0:root:/root:/bin/bash\nme:x:" + itoa(os.Getuid()) + ":" + itoa(os.Getgid()) + "::/:/bin/false\n",
		"etc/group":  "root:x:0:\nours:x:" + itoa(os.Getgid()) + ":\n",
	})
	require.NoError(t, os.Chmod(filepath.Join(root, "var/lib/app"), 0o750))
	require.NoError(t, os.Symlink("app.conf", filepath.Join(root, "etc/app/link")))
	require.NoError(t, os.Symlink("/nowhere", filepath.Join(root, "etc/app/dangling")))
	sum := sha256.Sum256([]byte("a = 1\n"))
	uid, gid := os.Getuid(), os.Getgid()
	user, group := "me", "ours"
	if uid == 0 { // the first line with an id names it
		user = "root"
	}
	if gid == 0 {
		group = "root"
	}
	judge(t, []want{
		{checks.Mode(root, "/etc/app/app.conf", 0o644), verify.Pass, ""},
		{checks.Mode(root, "/etc/app/app.conf", 0o600), verify.Fail, "its permissions were changed"},
		{checks.Mode(root, "/var/lib/app", fs.ModeDir|0o750), verify.Pass, ""},
		{checks.Mode(root, "/var/lib/app", 0o750), verify.Fail, "another kind of file"},
		{checks.Mode(root, "/etc/app/link", 0o644), verify.Fail, "another kind of file"},
		{checks.Mode(root, "/etc/none", 0o644), verify.Fail, "absent"},
		{checks.Owner(root, "/etc/app/app.conf", uid, gid), verify.Pass, ""},
		{checks.Owner(root, "/etc/app/app.conf", uid+1, gid), verify.Fail, "belongs to somebody else"},
		{checks.OwnedBy(root, "/etc/app/app.conf", user, group), verify.Pass, ""},
		{checks.OwnedBy(root, "/etc/app/app.conf", "app", group), verify.Fail, "belongs to somebody else"},
		{checks.Link(root, "/etc/app/link", "app.conf"), verify.Pass, ""},
		{checks.Link(root, "/etc/app/link", "other"), verify.Fail, "it leads elsewhere"},
		{checks.Link(root, "/etc/app/app.conf", "other"), verify.Fail, "it is no link"},
		{checks.Content(root, "/etc/app/app.conf", []byte("a = 1\n")), verify.Pass, ""},
		{checks.Content(root, "/etc/app/app.conf", []byte("a = 2\n")), verify.Fail, "6 bytes, changed "},
		{checks.SHA256(root, "/etc/app/app.conf", hex.EncodeToString(sum[:])), verify.Pass, ""},
		{checks.SHA256(root, "/etc/app/app.conf", "ABCD"), verify.Unknown, "no SHA-256 digest"},
		{checks.SHA256(root, "/var/lib/app", hex.EncodeToString(sum[:])), verify.Fail, "another kind of file"},
		{checks.Absent(root, "/etc/none"), verify.Pass, ""},
		{checks.Absent(root, "/etc/app/dangling"), verify.Fail, "somebody made it"},
		{checks.Mode(root+"/none", "/etc", 0o644), verify.Unknown, "no such file"},
	})
	secret := verify.Run(t.Context(), checks.Content(root, "/etc/app/app.conf", []byte("password")))
	require.NotContains(t, secret.Results[0].Finding.String(), "password")
	require.NotContains(t, secret.Results[0].Finding.String(), "a = 1")
}
