package checks_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bedplate/bedplate/internal/posixacl"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
)

func TestWriteAudit(t *testing.T) {
	root := tree(t, map[string]string{
		"etc/passwd": "app:x:4000000:4000001::/:/bin/false\nadmin:x:0:0::/:/bin/false\n", "etc/group": "app:x:4000001:\n",
		"opt/app/bin/app": "", "opt/app/etc/app.conf": "", "opt/app/data/log": "",
	})
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(root, "opt/app/link")))
	audit := func(except ...string) verify.Check {
		return checks.WriteAudit(root, "app", []string{"/opt/app"}, except)
	}
	judge(t, []want{{audit(), verify.Pass, "none that app can write"}})

	mode := func(name string, m os.FileMode) { require.NoError(t, os.Chmod(filepath.Join(root, name), m)) }
	mode("opt/app/etc/app.conf", 0o666)
	judge(t, []want{{audit(), verify.Fail, "it can write /opt/app/etc/app.conf (everybody)"}, {audit("/opt/app/etc/"), verify.Pass, ""}})
	mode("opt/app/etc", 0o700) // nobody gets there
	judge(t, []want{{audit(), verify.Pass, ""}})
	mode("opt/app/etc", 0o755)
	mode("opt/app/etc/app.conf", 0o644)
	mode("opt", 0o777)
	judge(t, []want{{audit(), verify.Fail, "can replace app in /opt (everybody)"}})
	mode("opt", 0o777|os.ModeSticky)
	missing := checks.WriteAudit(root, "app", []string{"/opt/none"}, nil)
	judge(t, []want{{audit(), verify.Pass, ""}, {missing, verify.Fail, "can replace none in /opt (everybody)"}})
	mode("opt", 0o755)
	judge(t, []want{
		{missing, verify.Pass, ""},
		{checks.WriteAudit(root, "nobody", []string{"/opt"}, nil), verify.Unknown, `user "nobody"`},
		{checks.WriteAudit(root, "app", []string{"opt"}, nil), verify.Unknown, "no absolute path"},
		{checks.WriteAudit(root, "admin", []string{"/opt/app"}, nil), verify.Fail, "/opt/app"},
	})

	// A list beside the mode: its mask is where the mode has the group's bits.
	list := posixacl.New(0o644, []posixacl.Entry{{Tag: posixacl.User, Perm: 6, ID: 4000000}})
	err := syscall.Setxattr(filepath.Join(root, "opt/app/bin/app"), posixacl.Access, posixacl.Encode(list), 0)
	if errors.Is(err, syscall.ENOTSUP) {
		t.Log("this file system has no access control lists; in the throwaway machine it has")
		return
	}
	require.NoError(t, err)
	judge(t, []want{{audit(), verify.Fail, "it can write /opt/app/bin/app (access control list)"}})
}

// A pipe in the place of a program is no program, and nobody waits for its other end.
func TestAPipeInPlaceOfAProgram(t *testing.T) {
	root := tree(t, map[string]string{"dir/": ""})
	require.NoError(t, syscall.Mkfifo(filepath.Join(root, "pipe"), 0o644))
	judge(t, []want{
		{checks.Static(root, "/pipe"), verify.Fail, "another kind of file"}, {checks.BuiltWith(root, "/pipe", "go1.26.8"), verify.Fail, "another kind of file"},
		{checks.Starts(root, "/dir"), verify.Fail, "another kind of file"}, {checks.Content(root, "/pipe", nil), verify.Fail, "another kind of file"},
	})
}
