package account_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/internal/atomicfile"
)

func TestRefusedValues(t *testing.T) {
	user := func(u account.User) account.Set { return account.Set{Users: []account.User{u}} }
	for want, s := range map[string]account.Set{
		`user "": Name`:                    user(account.User{}),
		`user "root": Name`:                user(account.User{Name: "root"}),
		`user "systemd-x": Name`:           user(account.User{Name: "systemd-x"}),
		`user "App": Name`:                 user(account.User{Name: "App"}),
		`user "1a": Name`:                  user(account.User{Name: "1a"}),
		`user "a:0": Name`:                 user(account.User{Name: "a:0"}),
		`user "a\nb": Name`:                user(account.User{Name: "a\nb"}),
		`user "-a": Name`:                  user(account.User{Name: "-a"}),
		`Name "` + strings.Repeat("a", 32): user(account.User{Name: strings.Repeat("a", 32)}),
		`group "sudo": Name`:               {Groups: []account.Group{{Name: "sudo"}}},
		`user "a": Comment`:                user(account.User{Name: "a", Comment: "x\nroot2::0:0::/:/bin/sh"}),
		`Comment "a:b"`:                    user(account.User{Name: "a", Comment: "a:b"}),
		`user "a": Home "var"`:             user(account.User{Name: "a", Home: "var"}),
		`Home "/a/../b"`:                   user(account.User{Name: "a", Home: "/a/../b"}),
		`Shell "sh"`:                       user(account.User{Name: "a", Shell: "sh"}),
		`Groups "x y"`:                     user(account.User{Name: "a", Groups: []string{"x y"}}),
		`Group "x:y"`:                      user(account.User{Name: "a", Group: "x:y"}),
		`UID "1000"`:                       user(account.User{Name: "a", UID: 1000}),
		`UID "4294967295"`:                 user(account.User{Name: "a", UID: 1<<32 - 1}),
		`GID "65534"`:                      {Groups: []account.Group{{Name: "a", GID: 65534}}},
		`listed twice`:                     {Users: []account.User{{Name: "a"}, {Name: "a"}}},
		`Absent "true": user b`:            {Groups: []account.Group{{Name: "a", Absent: true}}, Users: []account.User{{Name: "b", Groups: []string{"a"}}}},
		`Backend "x"`:                      {Users: []account.User{{Name: "a"}}, Backend: "x"},
		`Backend "shadow"`:                 {Users: []account.User{{Name: "a"}}, Backend: account.Shadow},
	} {
		s.Root = rootWith(t, nil)
		_, err := s.Plan(t.Context())
		field := (*account.FieldError)(nil)
		require.ErrorAs(t, err, &field, want)
		require.Contains(t, err.Error(), want)
		require.NotContains(t, err.Error(), "\n")
		made, again := s.Ensure(t.Context())
		require.Equal(t, err.Error(), again.Error())
		require.Empty(t, made)
		require.Equal(t, passwdText, read(t, s.Root, "etc/passwd"))
	}
}

func TestConflicts(t *testing.T) {
	home := func(t *testing.T, root string) {
		require.NoError(t, os.MkdirAll(filepath.Join(root, "home/file"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, "var"), nil, 0o644))
	}
	for want, s := range map[string]account.Set{
		"user alice: uid: have 1000":            {Users: []account.User{{Name: "alice"}}},
		"user old: uid: have 997, want 901":     {Users: []account.User{{Name: "old", UID: 901}}},
		"user app: uid: have 997 of user old":   {Users: []account.User{{Name: "app", UID: 997}}},
		"user app: home: have /home/alice":      {Users: []account.User{{Name: "app", Home: "/home/alice"}}},
		"user app: home: have /var, which is":   {Users: []account.User{{Name: "app", Home: "/var"}}},
		"group old: gid: have 997, want 901":    {Groups: []account.Group{{Name: "old", GID: 901}}},
		"group app: gid: have 997 of group old": {Groups: []account.Group{{Name: "app", GID: 997}}},
		"group alice: gid: have 1000":           {Groups: []account.Group{{Name: "alice"}}},
		"group old: gid: have the primary":      {Groups: []account.Group{{Name: "old", Absent: true}}},
		"user alice: uid: have 1000, want a":    {Users: []account.User{{Name: "alice", Absent: true}}},
		"user broken: name: have a malformed":   {Users: []account.User{{Name: "broken"}}},
		"901 of user one":                       {Users: []account.User{{Name: "one", UID: 901}, {Name: "two", UID: 901}}},
	} {
		t.Run(want, func(t *testing.T) {
			s.Root = rootWith(t, map[string]string{"etc/passwd": passwdText + "broken:x:abc:1::/:/\n"})
			s.Backend = account.Files
			home(t, s.Root)
			_, err := s.Plan(t.Context())
			conflict := (*account.ConflictError)(nil)
			require.ErrorAs(t, err, &conflict)
			require.Contains(t, err.Error(), want)
			made, err := s.Ensure(t.Context())
			require.ErrorAs(t, err, &conflict)
			require.Empty(t, made)
			require.Equal(t, groupText, read(t, s.Root, "etc/group"))
		})
	}
}

// An id that two users share is not a service's own.
func TestSharedID(t *testing.T) {
	root := rootWith(t, map[string]string{"etc/passwd": passwdText + "twin:x:997:997::/:/usr/sbin/nologin\n"})
	_, err := account.Set{Root: root, Users: []account.User{{Name: "old"}}, Backend: account.Files}.Plan(t.Context())
	require.ErrorContains(t, err, "which user twin has, too")
}

// No hash in any change or error, whatever is wrong.
func TestSecrets(t *testing.T) {
	root := rootWith(t, nil)
	for _, name := range []string{"old", "alice"} {
		s := account.Set{Root: root, Users: []account.User{{Name: name}}, Backend: account.Files}
		planned, err := s.Plan(t.Context())
		require.NotContains(t, fmt.Sprintf("%+v %#v %v", planned, planned, err), "$6$")
	}
}

func TestIrregular(t *testing.T) {
	root := rootWith(t, nil)
	require.NoError(t, os.Rename(filepath.Join(root, "etc/shadow"), filepath.Join(root, "etc/real")))
	require.NoError(t, os.Symlink("real", filepath.Join(root, "etc/shadow")))
	made, err := account.Set{Root: root, Users: []account.User{{Name: "app"}}, Backend: account.Files}.Ensure(t.Context())
	require.ErrorIs(t, err, atomicfile.ErrIrregular)
	require.Empty(t, made)
	require.Equal(t, groupText, read(t, root, "etc/group"))
	require.Equal(t, passwdText, read(t, root, "etc/passwd"))
	entries, err := os.ReadDir(filepath.Join(root, "etc"))
	require.NoError(t, err)
	for _, e := range entries {
		require.Contains(t, []string{"passwd", "group", "shadow", "gshadow", "real", ".pwd.lock"}, e.Name())
	}
}

func TestMissingRootIsAnEmptyOne(t *testing.T) {
	set := account.Set{Root: filepath.Join(t.TempDir(), "none"), Users: []account.User{{Name: "app"}}}
	planned, err := set.Plan(t.Context())
	require.NoError(t, err)
	require.NoDirExists(t, set.Root)
	made, err := set.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, planned, made)
}

// TestAllIDs: the system's range can be filled to the last id, and one more is
// refused before anything is touched.
func TestAllIDs(t *testing.T) {
	root := rootWith(t, map[string]string{"etc/login.defs": "SYS_UID_MIN 800\nSYS_GID_MIN 800\n"})
	s := account.Set{Root: root, Backend: account.Files}
	for i := range 199 { // "old" has 997
		s.Users = append(s.Users, account.User{Name: fmt.Sprint("u", i)})
	}
	before := read(t, root, "etc/passwd")
	more := s
	more.Users = append(slices.Clone(s.Users), account.User{Name: "more"})
	made, err := more.Ensure(t.Context())
	require.ErrorContains(t, err, "none is free from 800 to 999; widen SYS_")
	require.Empty(t, made)
	require.Equal(t, before, read(t, root, "etc/passwd"))
	require.Len(t, converge(t, s), 2*199)

	// An id that goes is free for the next.
	s.Users = []account.User{{Name: "u0", Absent: true}, {Name: "more"}}
	require.Len(t, converge(t, s), 4)
}
