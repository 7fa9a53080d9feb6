package account_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/account"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	passwdText = `# foreign
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin

nonsense without colons
alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash
old:x:0997:997::/var/lib/old:/bin/sh
+@nis::::::
`
	groupText   = "root:x:0:\ndaemon:x:1:\nadm:x:4:alice, ,\nalice:x:1000:\nold:x:997:\n+:::\n"
	shadowText  = "root:*:19000:0:99999:7:::\nalice:$6$salt$secrethash:19000:0:99999:7:::\nold:$6$salt$othersecret:19000::::::"
	gshadowText = "root:*::\ndaemon:*::\nadm:*::alice\nalice:!::\nold:!::\n"
)

// rootWith is a tree with some accounts, odd lines among them.
func rootWith(t testing.TB, extra map[string]string) string {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{
		"etc/passwd": passwdText, "etc/group": groupText, "etc/shadow": shadowText, "etc/gshadow": gshadowText,
		"usr/sbin/nologin": "", "bin/bash": "", "bin/sh": "",
	}
	for name, text := range extra {
		files[name] = text
	}
	for name, text := range files {
		p := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
		mode := os.FileMode(0o644)
		if filepath.Base(name) == "shadow" || filepath.Base(name) == "gshadow" {
			mode = 0o640
		}
		require.NoError(t, os.WriteFile(p, []byte(text), mode))
	}
	return root
}

func read(t testing.TB, parts ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parts...))
	require.NoError(t, err)
	return string(b)
}

// converge ensures a set and proves that the plan was honest and that nothing is
// left to do.
func converge(t testing.TB, s account.Set) []bedplate.Change {
	t.Helper()
	planned, err := s.Plan(t.Context())
	require.NoError(t, err)
	made, err := s.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, planned, made)
	again, err := s.Plan(t.Context())
	require.NoError(t, err)
	require.Empty(t, again)
	again, err = s.Ensure(t.Context())
	require.NoError(t, err)
	require.Empty(t, again)
	return made
}

func lines(all []bedplate.Change) (out []string) {
	for _, c := range all {
		out = append(out, string(c.Op)+" "+c.Kind+" "+c.Target+": "+c.Detail)
	}
	return out
}

func TestZeroValue(t *testing.T) {
	root := rootWith(t, nil)
	made := converge(t, account.Set{Root: root, Users: []account.User{{Name: "app"}}, Backend: account.Files})
	require.Equal(t, []string{
		"create group app: gid 999, by editing the files",
		"create user app: uid 999, group app, home /nonexistent, shell /usr/sbin/nologin, locked, by editing the files",
	}, lines(made))
	// Foreign lines are kept, and ours come before those of NIS.
	require.Equal(t, passwdText[:len(passwdText)-len("+@nis::::::\n")]+"app:x:999:999::/nonexistent:/usr/sbin/nologin\n+@nis::::::\n", read(t, root, "etc/passwd"))
	require.Equal(t, groupText[:len(groupText)-len("+:::\n")]+"app:x:999:\n+:::\n", read(t, root, "etc/group"))
	require.Equal(t, shadowText+"\napp:!*:::::::\n", read(t, root, "etc/shadow"))
	require.Equal(t, gshadowText+"app:!*::\n", read(t, root, "etc/gshadow"))
	info, err := os.Stat(filepath.Join(root, "etc/shadow"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode())
	require.NoFileExists(t, filepath.Join(root, "etc/passwd.lock"))
}

func TestEverything(t *testing.T) {
	root := rootWith(t, nil)
	s := account.Set{Root: root, Backend: account.Files,
		Groups: []account.Group{{Name: "crew", GID: 950}, {Name: "app"}},
		Users: []account.User{
			{Name: "app", UID: 901, Groups: []string{"adm", "crew"}, Comment: "Our app", Home: "/var/lib/app", Shell: "/bin/sh", SubIDs: true},
			{Name: "worker", Group: "crew"},
		}}
	require.Equal(t, []string{
		"create group crew: gid 950, by editing the files",
		"create group app: gid 999, by editing the files",
		`create user app: uid 901, group app, groups + adm, groups + crew, comment "Our app", home /var/lib/app, shell /bin/sh, locked, subordinate ids 100000 to 165535, by editing the files`,
		"create user worker: uid 998, group crew, home /nonexistent, shell /usr/sbin/nologin, locked, by editing the files",
	}, lines(converge(t, s)))
	require.Contains(t, read(t, root, "etc/group"), "adm:x:4:alice,app\n")
	require.Contains(t, read(t, root, "etc/gshadow"), "adm:*::alice,app\n")
	require.Equal(t, "app:100000:65536\n", read(t, root, "etc/subuid"))
	require.Equal(t, "app:100000:65536\n", read(t, root, "etc/subgid"))

	s = account.Set{Root: root, Backend: account.Files, Users: []account.User{{Name: "app", Absent: true}, {Name: "worker", Absent: true}}, Groups: []account.Group{{Name: "crew", Absent: true}}}
	require.Equal(t, []string{
		"delete user app: uid 901, by editing the files",
		"delete group app: gid 999, by editing the files",
		"delete user worker: uid 998, by editing the files",
		"delete group crew: gid 950, by editing the files",
	}, lines(converge(t, s)))
	require.Equal(t, passwdText, read(t, root, "etc/passwd"))
	require.NotContains(t, read(t, root, "etc/gshadow"), "alice,app")
	require.Empty(t, read(t, root, "etc/subuid"))
}

func TestDrift(t *testing.T) {
	root := rootWith(t, nil)
	s := account.Set{Root: root, Backend: account.Files, Users: []account.User{{Name: "old", Comment: "Old one", Group: "daemon", Groups: []string{"adm"}}}}
	require.Equal(t, []string{
		`update user old: group old → daemon, comment "" → "Old one", home /var/lib/old → /nonexistent, shell /bin/sh → /usr/sbin/nologin, password open → locked, groups + adm, by editing the files`,
	}, lines(converge(t, s)))
	require.Contains(t, read(t, root, "etc/shadow"), "\nold:!$6$salt$othersecret:19000::::::\n")
	require.Contains(t, read(t, root, "etc/shadow"), "\nalice:$6$salt$secrethash:19000:0:99999:7:::\n")
}

func TestKeepPassword(t *testing.T) {
	root := rootWith(t, nil)
	converge(t, account.Set{Root: root, Backend: account.Files, Users: []account.User{{Name: "old", KeepPassword: true}}})
	require.Equal(t, shadowText, read(t, root, "etc/shadow"))
}

// Without shadow files, or with a password in passwd itself, that is what counts.
func TestPasswordsInPasswd(t *testing.T) {
	for text, changes := range map[string]int{
		"app::900:900::/:/usr/sbin/nologin\n":       1, // no password at all
		"app:$6$a$b:900:900::/:/usr/sbin/nologin\n": 1,
		"app:*:900:900::/:/usr/sbin/nologin\n":      0,
		"app:x:900:900::/:/usr/sbin/nologin\n":      1, // nothing in shadow: nothing matches, and yet it is to be there
	} {
		root := rootWith(t, map[string]string{"etc/passwd": text, "etc/group": "app:x:900:\n", "etc/gshadow": "app:!::\n"})
		made := converge(t, account.Set{Root: root, Backend: account.Files, Users: []account.User{{Name: "app"}}})
		require.Len(t, made, changes, text)
		require.Regexp(t, `^app:(!|\*|x)`, read(t, root, "etc/passwd"))
	}
}

// A tool was killed between a file and its shadow.
func TestMissingShadow(t *testing.T) {
	root := rootWith(t, map[string]string{"etc/passwd": "app:x:900:900::/:/usr/sbin/nologin\n", "etc/group": "app:x:900:\ncrew:x:901:app\nother:x:902:\n"})
	s := account.Set{Root: root, Backend: account.Files, Groups: []account.Group{{Name: "crew"}}, Users: []account.User{{Name: "app", KeepPassword: true}}}
	require.Equal(t, []string{
		"update group crew: no entry in gshadow → locked, by editing the files",
		"update group app: no entry in gshadow → locked, by editing the files",
		"update user app: no entry in shadow → locked, by editing the files",
	}, lines(converge(t, s)))
	require.Equal(t, shadowText+"\napp:!*:::::::\n", read(t, root, "etc/shadow"))
	require.Equal(t, gshadowText+"crew:!*::app\napp:!*::\n", read(t, root, "etc/gshadow"))

	// And between a group's members and their shadow.
	s.Root = rootWith(t, map[string]string{"etc/group": groupText + "crew:x:950:old\n", "etc/gshadow": gshadowText + "crew:!::\n"})
	s.Groups, s.Users = nil, []account.User{{Name: "old", Groups: []string{"crew"}, KeepPassword: true, Home: "/var/lib/old", Shell: "/bin/sh"}}
	require.Equal(t, []string{"update user old: groups + crew in gshadow, by editing the files"}, lines(converge(t, s)))
	require.Equal(t, gshadowText+"crew:!::old\n", read(t, s.Root, "etc/gshadow"))
	s.Groups, s.Users = []account.Group{{Name: "crew"}}, []account.User{{Name: "app", KeepPassword: true}}

	// A tree that has no such file does without, and so does one that is recorded.
	s.Root = rootWith(t, map[string]string{"etc/passwd": "app:x:900:900::/:/usr/sbin/nologin\n", "etc/group": "app:x:900:\ncrew:x:901:app\n"})
	s.Backend = account.Record
	require.Empty(t, converge(t, s))
	s.Backend = account.Files
	for _, file := range []string{"shadow", "gshadow"} {
		require.NoError(t, os.Remove(filepath.Join(s.Root, "etc", file)))
	}
	require.Empty(t, converge(t, s))
}

// A line in shadow that a former user left is not the new one's password.
func TestStaleShadow(t *testing.T) {
	root := rootWith(t, map[string]string{"etc/shadow": "app:$6$salt$stale:19000::::::\n"})
	converge(t, account.Set{Root: root, Backend: account.Files, Users: []account.User{{Name: "app"}}})
	require.Equal(t, "app:!*:::::::\n", read(t, root, "etc/shadow"))
}

func TestEmptyRoot(t *testing.T) {
	root := t.TempDir()
	converge(t, account.Set{Root: root, Backend: account.Files, Users: []account.User{{Name: "app"}}})
	require.Equal(t, "app:x:999:999::/nonexistent:/usr/sbin/nologin\n", read(t, root, "etc/passwd"))
	info, err := os.Stat(filepath.Join(root, "etc/shadow"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestPendingGroup(t *testing.T) {
	root := rootWith(t, nil)
	s := account.Set{Root: root, Backend: account.Files, Users: []account.User{{Name: "app", Groups: []string{"later"}}}}
	planned, err := s.Plan(t.Context())
	require.NoError(t, err)
	require.Equal(t, "group later", planned[1].Pending)
	made, err := s.Ensure(t.Context())
	require.ErrorIs(t, err, account.ErrUnknown)
	require.Empty(t, made)
	require.Equal(t, passwdText, read(t, root, "etc/passwd"))
}
