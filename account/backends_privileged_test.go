//go:build privileged

package account_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/internal/passwd"
	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/internal/testenv"
)

var databases = []string{"etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/subuid", "etc/subgid"}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return string(out)
}

// machineRoot is a tree with this machine's accounts.
func machineRoot(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	for _, dir := range []string{"etc", "usr/sbin", "bin", "run", "var/lib"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, file := range append(slices.Clone(databases), "etc/login.defs", "usr/sbin/nologin", "bin/sh", "bin/false") {
		if _, err := os.Stat("/" + file); err == nil {
			run(t, "cp", "-pL", "/"+file, filepath.Join(root, file))
		}
	}
	return root
}

// account as it is in the files, with all that a user can ask for.
type known struct {
	User     passwd.User
	Group    passwd.Group
	Locked   bool
	Aging    string // what could close the account some day
	Member   []string
	Shadowed []string // the groups of gshadow that name it
	SubUIDs  []passwd.Range
	SubGIDs  []passwd.Range
}

func know(t testing.TB, root, name string) known {
	t.Helper()
	r, err := rootfs.Open(root)
	require.NoError(t, err)
	defer r.Close()
	table := func(file string) *passwd.Table {
		tab, err := passwd.Read(r, file)
		require.NoError(t, err)
		return tab
	}
	var k known
	var ok bool
	k.User, ok = table(passwd.UserFile).User(name)
	require.True(t, ok, "no user %s", name)
	require.True(t, k.User.Password.Elsewhere(), "the password is not in shadow")
	k.Group, ok = table(passwd.GroupFile).GroupID(k.User.GID)
	require.True(t, ok)
	require.True(t, k.Group.Password.Elsewhere())
	s, ok := table(passwd.ShadowFile).Shadow(name)
	require.True(t, ok, "%s is not in shadow", name)
	k.Locked = s.Password.Locked()
	// name:password:last change:min:max:warn:inactive:expire:
	for line := range strings.Lines(string(table(passwd.ShadowFile).Bytes())) {
		if f := strings.Split(line, ":"); f[0] == name {
			k.Aging = "inactive " + f[6] + ", expires " + f[7]
		}
	}
	for g := range table(passwd.GroupFile).Groups() {
		if slices.Contains(g.Members, name) {
			k.Member = append(k.Member, g.Name)
		}
		if s, ok := table(passwd.GroupShadowFile).GroupShadow(g.Name); ok && slices.Contains(s.Members, name) {
			k.Shadowed = append(k.Shadowed, g.Name)
		}
	}
	for _, r := range table(passwd.SubUIDFile).Ranges() {
		if r.Name == name {
			k.SubUIDs = append(k.SubUIDs, r)
		}
	}
	for _, r := range table(passwd.SubGIDFile).Ranges() {
		if r.Name == name {
			k.SubGIDs = append(k.SubGIDs, r)
		}
	}
	slices.Sort(k.Member)
	slices.Sort(k.Shadowed)
	return k
}

func snapshot(t testing.TB, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, file := range databases {
		b, err := os.ReadFile(filepath.Join("/", root, file))
		if !os.IsNotExist(err) {
			require.NoError(t, err)
		}
		all[file] = string(b)
	}
	return all
}

// bringBusyBox installs one that can make accounts, as a machine has it that has
// no other: Debian's own can't, and its adduser is another program.
func bringBusyBox(t testing.TB) {
	t.Helper()
	run(t, "install", "-m", "755", testenv.Payload(t, "busybox"), "/usr/sbin/busybox")
	for _, name := range []string{"/usr/sbin/adduser", "/usr/sbin/addgroup"} {
		if _, err := os.Lstat(name); err == nil {
			hide(t, name)
		}
		require.NoError(t, os.Symlink("busybox", name))
		t.Cleanup(func() { _ = os.Remove(name) })
	}
}

func hide(t testing.TB, path string) {
	t.Helper()
	require.NoError(t, os.Rename(path, path+".hidden"))
	t.Cleanup(func() { require.NoError(t, os.Rename(path+".hidden", path)) })
}

// ways is every backend that makes accounts, each where it can.
func ways(t testing.TB) map[string]account.Set {
	bringBusyBox(t)
	return map[string]account.Set{
		"shadow": {Backend: account.Shadow}, "busybox": {Backend: account.BusyBox},
		"sysusers": {Backend: account.Sysusers}, "files": {Backend: account.Files},
		"files under a root":    {Backend: account.Files, Root: machineRoot(t)},
		"sysusers under a root": {Backend: account.Sysusers, Root: machineRoot(t)},
	}
}

// described leaves out by what means.
func described(all []bedplate.Change) (out []string) {
	for _, c := range all {
		if c.Kind == "file" || c.Kind == "directory" {
			continue
		}
		d := c.Detail[:strings.LastIndex(c.Detail, ", ")]
		out = append(out, string(c.Op)+" "+c.Kind+" "+c.Target+": "+d)
	}
	return out
}

// TestBackendsAgree: the same account, field by field, is adopted, drifts, is
// corrected, and goes, whoever makes it.
func TestBackendsAgree(t *testing.T) {
	var first map[string]known
	var plans [][]string
	for name, way := range ways(t) {
		t.Run(name, func(t *testing.T) {
			before := snapshot(t, way.Root)
			way.Groups = []account.Group{{Name: "crew", GID: 850}, {Name: "plain"}}
			way.Users = []account.User{
				{Name: "bare"},
				{Name: "rich", UID: 851, Comment: `Ours, 100% "so"`, Home: "/var/lib/rich", Shell: "/bin/sh", Groups: []string{"crew", "adm"}},
				{Name: "worker", Group: "crew"},
				{Name: "nester", SubIDs: true},
			}
			made := [][]string{described(converge(t, way))}
			got := map[string]known{}
			for _, u := range way.Users {
				got[u.Name] = know(t, way.Root, u.Name)
				require.True(t, got[u.Name].Locked)
			}

			// Drift in every field, by another's hand.
			drift(t, way.Root)
			way.Users[0].Groups = []string{"crew"}
			way.Users[2].SubIDs = true
			made = append(made, described(converge(t, way)))
			for _, u := range way.Users {
				got[u.Name+" corrected"] = know(t, way.Root, u.Name)
				require.True(t, got[u.Name+" corrected"].Locked)
			}

			gone := way
			gone.Users, gone.Groups = nil, nil
			for _, u := range way.Users {
				gone.Users = append(gone.Users, account.User{Name: u.Name, Absent: true})
			}
			for _, g := range way.Groups {
				gone.Groups = append(gone.Groups, account.Group{Name: g.Name, Absent: true})
			}
			made = append(made, described(converge(t, gone)))
			require.Equal(t, before, snapshot(t, way.Root))

			if first == nil {
				first, plans = got, made
			}
			require.Equal(t, first, got)
			require.Equal(t, plans, made)
		})
	}
}

// drift changes every field of "rich".
func drift(t testing.TB, root string) {
	t.Helper()
	edit := func(file, from, to string) {
		p := filepath.Join("/", root, file)
		b, err := os.ReadFile(p)
		require.NoError(t, err)
		info, err := os.Stat(p)
		require.NoError(t, err)
		changed := strings.Replace(string(b), from, to, 1)
		require.NotEqual(t, string(b), changed, "no %q in %s", from, file)
		require.NoError(t, os.WriteFile(p, []byte(changed), info.Mode()))
	}
	edit("etc/passwd", `:Ours, 100% "so":/var/lib/rich:/bin/sh`, `:Theirs:/home/rich:/bin/bash`)
	edit("etc/shadow", "\nrich:!", "\nrich:$1$x$y!")
	edit("etc/group", "rich", "")
}

// TestChoice: each backend is taken where the ones before it are missing.
func TestChoice(t *testing.T) {
	bringBusyBox(t)
	s := account.Set{Users: []account.User{{Name: "chosen", Comment: "x"}}}
	gone := account.Set{Users: []account.User{{Name: "chosen", Absent: true}}}
	for _, next := range []struct{ by, hide string }{
		{"by shadow's tools", "useradd"}, {"by BusyBox", ""}, {"by systemd-sysusers", "systemd-sysusers"}, {"by editing the files", ""},
	} {
		for _, c := range converge(t, s)[:2] {
			require.Contains(t, c.Detail, next.by)
		}
		converge(t, gone)
		switch next.by {
		case "by BusyBox":
			require.NoError(t, os.Remove("/usr/sbin/adduser"))
			require.NoError(t, os.Remove("/usr/sbin/addgroup"))
		case "by editing the files":
		default:
			p, err := exec.LookPath(next.hide)
			require.NoError(t, err)
			hide(t, p)
		}
	}
}
