package account_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/account"
)

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	require.Equal(t, read(t, file), got)
}

func TestRecord(t *testing.T) {
	root := t.TempDir()
	s := account.Set{Root: root, Backend: account.Record, Users: []account.User{{Name: "app"}}}
	require.Equal(t, []string{
		"create directory /etc: 0755", "create directory /etc/sysusers.d: 0755",
		"create group app: gid allocated, recorded for the first boot",
		"create user app: uid allocated, group app, home /nonexistent, shell /usr/sbin/nologin, locked, recorded for the first boot",
		"create file /etc/sysusers.d/bedplate-app.conf: 1 lines of sysusers.d",
	}, lines(converge(t, s)))

	s.Groups = []account.Group{{Name: "crew", GID: 950}, {Name: "plain"}}
	s.Users = []account.User{
		{Name: "app", UID: 901, Comment: `100% "ours"`, Home: "/var/lib/app", Shell: "/bin/sh", Groups: []string{"crew", "adm"}},
		{Name: "worker", Group: "crew"},
	}
	require.Equal(t, []string{
		"create group crew: gid 950, recorded for the first boot",
		"create group plain: gid allocated, recorded for the first boot",
		`update user app: uid 901, group app, groups + crew, groups + adm, comment "100% \"ours\"", home /var/lib/app, shell /bin/sh, locked, recorded for the first boot`,
		"create user worker: uid allocated, group crew, home /nonexistent, shell /usr/sbin/nologin, locked, recorded for the first boot",
		"update file /etc/sysusers.d/bedplate-app.conf: 6 lines of sysusers.d",
	}, lines(converge(t, s)))
	golden(t, "bedplate-app.conf", read(t, root, "etc/sysusers.d/bedplate-app.conf"))

	for i := range s.Users {
		s.Users[i] = account.User{Name: s.Users[i].Name, Absent: true}
	}
	for i := range s.Groups {
		s.Groups[i].Absent, s.Groups[i].GID = true, 0
	}
	require.Equal(t, []string{"delete file /etc/sysusers.d/bedplate-app.conf: no account is left in it"}, lines(converge(t, s)))
	require.NoFileExists(t, filepath.Join(root, "etc/sysusers.d/bedplate-app.conf"))
}

// What the tree has already needs no record; what it has otherwise needs root.
func TestRecordOverFiles(t *testing.T) {
	root := rootWith(t, map[string]string{
		"etc/passwd": passwdText + "app:*:900:900::/:/usr/sbin/nologin\n", "etc/group": groupText + "app:x:900:\n",
	})
	s := account.Set{Root: root, Backend: account.Record, Users: []account.User{{Name: "app"}}}
	require.Empty(t, converge(t, s))
	require.NoDirExists(t, filepath.Join(root, "etc/sysusers.d"))

	s.Users = []account.User{{Name: "old"}}
	_, err := s.Plan(t.Context())
	require.ErrorIs(t, err, account.ErrNoPrivilege)
	require.NotContains(t, err.Error(), "$6$")
}

func TestRecordDamaged(t *testing.T) {
	root := rootWith(t, map[string]string{"etc/sysusers.d/bedplate-app.conf": "x y z\n"})
	_, err := account.Set{Root: root, Backend: account.Record, Users: []account.User{{Name: "app"}}}.Ensure(t.Context())
	require.ErrorContains(t, err, "bedplate-app.conf: sysusers: line 1")
}

// Whatever is made is planned and told, a root that is not there yet among it.
func TestMissingRoot(t *testing.T) {
	for backend, dirs := range map[account.Backend][]string{
		account.Files:  {"create directory /: 0755", "create directory /etc: 0755"},
		account.Record: {"create directory /: 0755", "create directory /etc: 0755", "create directory /etc/sysusers.d: 0755"},
	} {
		root := filepath.Join(t.TempDir(), "machine")
		require.Equal(t, dirs, lines(converge(t, account.Set{Root: root, Backend: backend, Users: []account.User{{Name: "app"}}}))[:len(dirs)])

		root = filepath.Join(t.TempDir(), "machine")
		require.Empty(t, converge(t, account.Set{Root: root, Backend: backend, Users: []account.User{{Name: "app", Absent: true}}}))
		require.NoDirExists(t, root)
	}
}
