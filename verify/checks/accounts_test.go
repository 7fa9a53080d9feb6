package checks_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestAccounts(t *testing.T) {
	root := tree(t, map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/bash\napp:x:900:900:App:/nonexistent:/usr/sbin/nologin\nopen:x:901:901::/home/open:/bin/sh\n" +
			"twin:x:900:902::/:/bin/false\ntoor:x:0:0::/:/bin/false\nlone:x:903:903::/:/bin/false\n# a comment\n+@nis::::::\n",
		"etc/group":  "root:x:0:\napp:x:900:\nopen:x:901:\nadm:x:4:app,syslog\nsame:x:901:\nlone:x:903:\n",
		"etc/shadow": "root:*:19000:0:99999:7:::\napp:!*:19000::::::\nopen::19000::::::\ntwin:$y$j9T$x:19000::::::\n",
	})
	judge(t, []want{
		{checks.User(root, account.User{Name: "lone"}), verify.Pass, "uid 903, group lone"},
		{checks.User(root, account.User{Name: "app", UID: 900, Groups: []string{"adm"}, Home: "/nonexistent"}), verify.Fail, "twin has the same uid 900"},
		{checks.User(root, account.User{Name: "lone", UID: 904, Home: "/srv", Shell: "/bin/sh", Groups: []string{"adm", "none"}, Group: "app"}), verify.Fail,
			"uid is 903, not 904; primary group is lone, not app; it is not in group adm; it is not in group none; home is /, not /srv; shell is /bin/false, not /bin/sh"},
		{checks.User(root, account.User{Name: "open", Shell: "/bin/sh"}), verify.Pass, ""},
		{checks.User(root, account.User{Name: "open"}), verify.Fail, "shell /bin/sh lets somebody log in"},
		{checks.User(root, account.User{Name: "toor", Group: "root"}), verify.Fail, "it is root"},
		{checks.User(root, account.User{Name: "none"}), verify.Fail, "found absent"},
		{checks.User(root, account.User{Name: "none", Absent: true}), verify.Pass, ""},
		{checks.User(root, account.User{Name: "app", Absent: true}), verify.Fail, "wanted absent"},
		{checks.Group(root, account.Group{Name: "app", GID: 900}), verify.Pass, ""},
		{checks.Group(root, account.Group{Name: "app", GID: 7}), verify.Fail, "gid 900"},
		{checks.Group(root, account.Group{Name: "open"}), verify.Fail, "same has the same"},
		{checks.Group(root, account.Group{Name: "none"}), verify.Fail, "found absent"},
		{checks.PasswordLocked(root, "app"), verify.Pass, ""},
		{checks.PasswordLocked(root, "root"), verify.Pass, ""},
		{checks.PasswordLocked(root, "open"), verify.Fail, "open without a password"},
		{checks.PasswordLocked(root, "twin"), verify.Fail, "found a password"},
		{checks.PasswordLocked(root, "lone"), verify.Fail, "no line in /etc/shadow"},
		{checks.User(t.TempDir(), account.User{Name: "app"}), verify.Unknown, "no such file"},
	})
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc/passwd"), []byte("app:x:900\n"), 0o644))
	judge(t, []want{{checks.User(root, account.User{Name: "app"}), verify.Unknown, "etc/passwd:1: 3 fields, not 7"}})
}
