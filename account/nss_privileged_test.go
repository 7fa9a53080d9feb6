//go:build privileged

package account_test

import (
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/internal/testenv"
)

// directory gives the machine accounts that are in no file of /etc: those of
// libnss-extrausers, which stands for LDAP.
func directory(t *testing.T, users, groups string) {
	t.Helper()
	require.NoError(t, os.MkdirAll("/var/lib/extrausers", 0o755))
	for name, text := range map[string]string{"passwd": users, "group": groups, "shadow": ""} {
		require.NoError(t, os.WriteFile("/var/lib/extrausers/"+name, []byte(text), 0o644))
	}
	old := read(t, "/etc/nsswitch.conf")
	line := regexp.MustCompile(`(?m)^(passwd|group|shadow):.*$`)
	require.NoError(t, os.WriteFile("/etc/nsswitch.conf", []byte(line.ReplaceAllString(old, "$1: files extrausers")), 0o644))
	t.Cleanup(func() {
		require.NoError(t, os.WriteFile("/etc/nsswitch.conf", []byte(old), 0o644))
		require.NoError(t, os.RemoveAll("/var/lib/extrausers"))
	})
}

// TestDirectoryAccounts: a static binary sees the accounts of an NSS module, and
// never makes a second one of the same name or id.
func TestDirectoryAccounts(t *testing.T) {
	info, ok := debug.ReadBuildInfo()
	require.True(t, ok)
	static := false
	for _, s := range info.Settings {
		static = static || s.Key == "CGO_ENABLED" && s.Value == "0"
	}
	require.True(t, static, "the test is to be a static binary")

	t.Run("getent", func(t *testing.T) {
		require.NoFileExists(t, "/run/systemd/userdb/io.systemd.Multiplexer")
		seesDirectory(t)
	})
	if testenv.Systemd(t) < 252 {
		return // Debian 11 has no systemd-userdbd
	}
	t.Run("userdb", func(t *testing.T) {
		run(t, "tar", "-xpf", testenv.Payload(t, "packages.tar"), "-C", "/", "--keep-directory-symlink", "--no-overwrite-dir")
		run(t, "systemctl", "daemon-reload")
		run(t, "systemctl", "start", "systemd-userdbd.socket")
		defer run(t, "systemctl", "stop", "systemd-userdbd.socket", "systemd-userdbd.service")
		require.FileExists(t, "/run/systemd/userdb/io.systemd.Multiplexer")
		// It is not getent that sees them.
		require.NoError(t, os.Rename("/usr/bin/getent", "/usr/bin/getent.hidden"))
		t.Cleanup(func() { require.NoError(t, os.Rename("/usr/bin/getent.hidden", "/usr/bin/getent")) })
		seesDirectory(t)
	})
}

var allocated = regexp.MustCompile(`uid (\d+)`)

func seesDirectory(t *testing.T) {
	before := snapshot(t, "")
	next := func(name string) string {
		planned, err := account.Set{Users: []account.User{{Name: name}}}.Plan(t.Context())
		require.NoError(t, err)
		return allocated.FindStringSubmatch(planned[len(planned)-1].Detail)[1]
	}
	free := next("fresh")
	directory(t,
		"ldapsvc:x:870:871:Far,,,:/srv/far:/bin/sh\nldaptaken:x:"+free+":872::/:/bin/sh\nldapbare:x:873:873::/nonexistent:/bin/false\nldapperson:x:5000:5000::/home/p:/bin/sh\n",
		"ldapgrp:x:871:ldapsvc\nldapbare:x:873:\nldapperson:x:5000:\n")

	e, err := account.Lookup(t.Context(), "", "ldapsvc")
	require.NoError(t, err)
	require.Equal(t, account.Entry{Name: "ldapsvc", UID: 870, GID: 871, Comment: "Far,,,", Home: "/srv/far", Shell: "/bin/sh"}, e)
	g, err := account.LookupGroup(t.Context(), "", "ldapgrp")
	require.NoError(t, err)
	require.Equal(t, account.GroupEntry{Name: "ldapgrp", GID: 871, Members: []string{"ldapsvc"}}, g)
	_, err = account.Lookup(t.Context(), "", "ldapnone")
	require.ErrorIs(t, err, account.ErrUnknown)

	require.NotEqual(t, free, next("fresh"), "the id is taken")
	// What matches is adopted; nothing is made beside it.
	require.Empty(t, converge(t, account.Set{Users: []account.User{{Name: "ldapbare", Shell: "/bin/false"}, {Name: "ldapsvc", Group: "ldapgrp", Home: "/srv/far", Shell: "/bin/sh"}}, Groups: []account.Group{{Name: "ldapgrp"}}}))
	for want, s := range map[string]account.Set{
		"user ldapsvc: name: have an account of a directory service":            {Users: []account.User{{Name: "ldapsvc", Group: "ldapgrp", Home: "/srv/far", Shell: "/bin/false"}}},
		"user ldapperson: uid: have 5000":                                       {Users: []account.User{{Name: "ldapperson"}}},
		"group ldapperson: gid: have 5000":                                      {Groups: []account.Group{{Name: "ldapperson"}}},
		"user mine: uid: have 870 of user ldapsvc":                              {Users: []account.User{{Name: "mine", UID: 870}}},
		"group mine: gid: have 871 of group ldapgrp":                            {Groups: []account.Group{{Name: "mine", GID: 871}}},
		"user ldapsvc: name: have an account of a directory service, want none": {Users: []account.User{{Name: "ldapsvc", Absent: true}}},
		"have a group of a directory service":                                   {Groups: []account.Group{{Name: "ldapgrp", Absent: true}}},
	} {
		made, err := s.Ensure(t.Context())
		conflict := (*account.ConflictError)(nil)
		require.ErrorAs(t, err, &conflict, want)
		require.ErrorContains(t, err, want)
		require.Empty(t, made)
	}
	require.Equal(t, before, snapshot(t, ""))

	id, err := account.IdentityOf(t.Context(), "", "ldapbare")
	require.NoError(t, err)
	require.Equal(t, account.ID(873), id.UID)
}

// TestDynamicUser: a name that systemd lends to a running unit is nobody's to
// adopt.
func TestDynamicUser(t *testing.T) {
	// Type=exec: the name is lent by the process, before it executes sleep.
	run(t, "systemd-run", "--unit=lent", "-p", "Type=exec", "-p", "DynamicUser=yes", "-p", "User=lent", "sleep", "300")
	defer run(t, "systemctl", "stop", "lent.service")
	entries, err := os.ReadDir("/run/systemd/userdb")
	t.Log(fmt.Sprint(entries), err)
	e, err := account.Lookup(t.Context(), "", "lent")
	if testenv.Systemd(t) < 252 {
		t.Log(e, err)
		return
	}
	require.NoError(t, err)
	require.GreaterOrEqual(t, e.UID, account.ID(61184))
	_, err = account.Set{Users: []account.User{{Name: "lent"}}}.Ensure(t.Context())
	conflict := (*account.ConflictError)(nil)
	require.ErrorAs(t, err, &conflict)
	require.ErrorContains(t, err, "lent to a running unit")
}

// TestDirectoryFirst: where nsswitch.conf has another source before the files, its
// account is the one that counts.
func TestDirectoryFirst(t *testing.T) {
	converge(t, account.Set{Backend: account.Files, Users: []account.User{{Name: "twice", UID: 860}, {Name: "near"}}})
	defer converge(t, account.Set{Backend: account.Files, Users: []account.User{{Name: "twice", Absent: true}, {Name: "near", Absent: true}}})
	t.Run("", func(t *testing.T) { // its Cleanup comes before the removal
		directory(t, "twice:x:861:861:Far:/srv/far:/bin/sh\n", "twice:x:861:\n")
		e, err := account.Lookup(t.Context(), "", "twice")
		require.NoError(t, err)
		require.Equal(t, account.ID(860), e.UID)

		conf := read(t, "/etc/nsswitch.conf")
		require.NoError(t, os.WriteFile("/etc/nsswitch.conf", []byte(strings.ReplaceAll(conf, "files extrausers", "extrausers files")), 0o644))
		require.Contains(t, run(t, "getent", "passwd", "twice"), ":861:861:")
		e, err = account.Lookup(t.Context(), "", "twice")
		require.NoError(t, err)
		require.Equal(t, account.Entry{Name: "twice", UID: 861, GID: 861, Comment: "Far", Home: "/srv/far", Shell: "/bin/sh"}, e)
		before := snapshot(t, "")
		made, err := account.Set{Users: []account.User{{Name: "twice"}}}.Ensure(t.Context())
		conflict := (*account.ConflictError)(nil)
		require.ErrorAs(t, err, &conflict)
		require.ErrorContains(t, err, "an account of a directory service")
		require.Empty(t, made)
		require.Equal(t, before, snapshot(t, ""))
		// Those that it does not have are the files'.
		require.Empty(t, converge(t, account.Set{Users: []account.User{{Name: "near"}}}))
	})
}
