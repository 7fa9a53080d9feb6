package account

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/internal/passwd"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// hasty is a name service switch that another process is faster than: when it is
// asked, the account is in the files already.
type hasty struct {
	noDirectory
	root  string
	asked int
}

func (h *hasty) user(_ context.Context, name string) (passwd.User, bool, error) {
	h.asked++
	for file, text := range map[string]string{"passwd": "app:x:901:901::/nonexistent:/bin/sh\n", "group": "app:x:901:\n"} {
		if err := os.WriteFile(filepath.Join(h.root, "etc", file), []byte(text), 0o644); err != nil {
			return passwd.User{}, false, err
		}
	}
	return passwd.User{Name: name, UID: 901, GID: 901, Home: "/nonexistent", Shell: "/bin/sh"}, true, nil
}

// emptyRoot is a root with an empty /etc.
func emptyRoot(t *testing.T) (*rootfs.Root, string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "etc"), 0o755))
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, root.Close()) })
	return root, dir
}

func TestMadeMeanwhile(t *testing.T) {
	root, dir := emptyRoot(t)
	h := &hasty{root: dir}
	p := &planner{ctx: t.Context(), root: root, set: Set{Users: []User{{Name: "app", SubIDs: true}}}, wide: h, backend: Files}
	require.NoError(t, p.reload())
	steps, err := p.plan()
	require.NoError(t, err)
	require.Equal(t, 1, h.asked)
	require.Len(t, steps, 1)
	require.Equal(t, "shell /bin/sh → /usr/sbin/nologin, subordinate ids 100000 to 165535, by editing the files", steps[0].change.Detail)
}

// lateGroup is one that another process is faster than only after it was asked for
// the name: the id is taken, by the very group.
type lateGroup struct {
	noDirectory
	root string
}

func (l lateGroup) groupID(_ context.Context, gid uint32) (passwd.Group, bool, error) {
	err := os.WriteFile(filepath.Join(l.root, "etc", "group"), []byte("crew:x:850:\n"), 0o644)
	return passwd.Group{Name: "crew", GID: gid}, true, err
}

func TestGroupMadeMeanwhile(t *testing.T) {
	root, dir := emptyRoot(t)
	p := &planner{ctx: t.Context(), root: root, set: Set{Groups: []Group{{Name: "crew", GID: 850}}}, wide: lateGroup{root: dir}, backend: Files}
	require.NoError(t, p.reload())
	steps, err := p.plan()
	require.NoError(t, err)
	require.Empty(t, steps)
}

// far is a directory service.
type far struct{ noDirectory }

func (far) user(context.Context, string) (passwd.User, bool, error) {
	return passwd.User{Name: "app", UID: 61200, GID: 61200}, true, nil
}

func TestLent(t *testing.T) {
	root, err := rootfs.Open(t.TempDir())
	require.NoError(t, err)
	defer root.Close()
	p := &planner{ctx: t.Context(), root: root, set: Set{Users: []User{{Name: "app"}}}, wide: far{}, backend: Files}
	require.NoError(t, p.reload())
	_, err = p.plan()
	conflict := (*ConflictError)(nil)
	require.ErrorAs(t, err, &conflict)
	require.Contains(t, conflict.Have, "lent to a running unit")
}

// Whatever units and crontabs hold, what comes out are paths, and the same text
// gives the same ones.
func FuzzUses(f *testing.F) {
	for _, s := range []string{"[Service]\nExecStart=-+/a/b \"/c d\" \\\n ; x\nUser=app\nEnvironmentFile=-/e%%\n", "* * * * * root /a>/b 2>&1|/c\n@daily root /d;'/e'\n", "\\", "[\n=\nExecStart=\nExecStart=@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u := unitFile{name: "x.service", settings: settings(text)}
		all := append(u.uses(), crontab(text, "/etc/crontab", true)...)
		for _, one := range append(all, crontab(text, "/x", false)...) {
			require.True(t, filepath.IsAbs(one.path), "%q", one.path)
		}
		require.Equal(t, u.uses(), unitFile{name: "x.service", settings: settings(text)}.uses())
	})
}

func TestRankOfFiles(t *testing.T) {
	for conf, want := range map[string]rank{
		"":                                  alone,
		"passwd: files ldap\n":              alone,
		"passwd:files[SUCCESS=return] ldap": alone,
		"passwd: files [NOTFOUND=return] ldap # ldap files": alone,
		"passwd: compat systemd\ngroup: ldap":               alone,
		"passwd:\tsss files":                                later,
		"  passwd : ldap":                                   later,
		"passwd: files [ Success = Merge ] systemd":         merged,
		"passwd: files [SUCCESS=continue] ldap":             later,
		"passwd: files [!NOTFOUND=continue] ldap":           later,
	} {
		require.Equal(t, want, rankOfFiles(conf, "passwd"), conf)
	}
}

// both is a directory service that has what the files have, with other fields.
type both struct {
	noDirectory
	uid uint32
}

func (b both) user(context.Context, string) (passwd.User, bool, error) {
	return passwd.User{Name: "app", UID: b.uid, GID: 901, Home: "/far", Shell: "/bin/sh"}, true, nil
}

func (b both) group(context.Context, string) (passwd.Group, bool, error) {
	return passwd.Group{Name: "app", GID: b.uid, Members: []string{"far"}}, true, nil
}

// TestOrder: who is asked first has the account, and it is not corrected in files
// that do not count.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "etc"), 0o755))
	for file, text := range map[string]string{"passwd": "app:x:901:901::/nonexistent:/near\n", "group": "app:x:901:near\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "etc", file), []byte(text), 0o644))
	}
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	for _, c := range []struct {
		first   rank
		reads   bool
		uid     uint32
		local   bool
		shell   string
		members []string
	}{
		{alone, true, 850, true, "/near", []string{"near"}},
		{alone, false, 850, true, "/near", []string{"near"}},
		{later, true, 850, false, "/bin/sh", []string{"far"}},
		{later, false, 850, false, "/bin/sh", []string{"far"}},
		{later, true, 901, false, "/bin/sh", []string{"far"}},
		{merged, true, 901, false, "/bin/sh", []string{"far"}},
		{merged, false, 901, true, "/near", []string{"near"}}, // a group's file is enough for a plan
		{later, false, 901, true, "/near", []string{"near"}},  // the same account: it is ours to correct
	} {
		p := &planner{ctx: t.Context(), root: root, wide: both{uid: c.uid}, backend: Files, set: Set{Users: []User{{Name: "app"}}}, reads: c.reads}
		require.NoError(t, p.reload())
		p.order = order{passwd.UserFile: c.first, passwd.GroupFile: c.first}
		u, local, found := p.findUser("app")
		require.True(t, found)
		require.Equal(t, c.local, local)
		require.Equal(t, c.shell, u.Shell)
		g, local, found := p.findGroup("app")
		require.True(t, found)
		require.Equal(t, c.local, local)
		require.Equal(t, c.members, g.Members)
	}
	p := &planner{ctx: t.Context(), root: root, wide: both{uid: 850}, backend: Files, set: Set{Users: []User{{Name: "app", Home: "/srv"}}}}
	require.NoError(t, p.reload())
	p.order = order{}
	_, err = p.once()
	conflict := (*ConflictError)(nil)
	require.ErrorAs(t, err, &conflict)
	require.Contains(t, conflict.Have, "an account of a directory service")
}

// TestOwnGroup: what BusyBox's adduser does beside what it is told is put right.
func TestOwnGroup(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "etc"), 0o755))
	for file, text := range map[string]string{
		"passwd": "app:x:901:901::/nonexistent:/usr/sbin/nologin\n", "shadow": "app:!:::::::\n",
		"group": "app:x:901:other,app\n", "gshadow": "app:!::other,app\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "etc", file), []byte(text), 0o644))
	}
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	for backend, want := range map[Backend]int{BusyBox: 1, Shadow: 0, Files: 0} { // whom others added is left alone
		p := &planner{ctx: t.Context(), root: root, wide: noDirectory{}, backend: backend, set: Set{Users: []User{{Name: "app"}}}}
		require.NoError(t, p.reload())
		steps, err := p.plan()
		require.NoError(t, err)
		require.Len(t, steps, want, backend)
		if want == 0 {
			continue
		}
		require.Equal(t, "groups − app, its own, by BusyBox", steps[0].change.Detail)
		require.Empty(t, p.commands(steps[0]))
		require.Equal(t, "app:x:901:other\n", string(p.db.groups().Bytes()))
		require.Equal(t, "app:!::other\n", string(p.db.tables[passwd.GroupShadowFile].Bytes()))
	}
}
