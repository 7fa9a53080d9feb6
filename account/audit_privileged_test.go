//go:build privileged

package account_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/account/internal/acl"
)

// TestAuditMachine: nothing is found for a service's user on Debian as it is,
// and each of what is planted is found.
func TestAuditMachine(t *testing.T) {
	s := account.Set{Groups: []account.Group{{Name: "crew", GID: 850}}, Users: []account.User{{Name: "app", Groups: []string{"crew"}}}}
	converge(t, s)
	defer func() { // not a Cleanup: the context ends before
		converge(t, account.Set{Groups: []account.Group{{Name: "crew", Absent: true}}, Users: []account.User{{Name: "app", Absent: true}}})
	}()
	audit := func() (all []string) {
		found, err := account.Audit{User: "app"}.Run(t.Context())
		require.NoError(t, err)
		for _, f := range found {
			all = append(all, f.String())
		}
		return all
	}
	require.Empty(t, audit())

	run(t, "install", "-d", "-o", "app", "/var/lib/app")
	run(t, "install", "-o", "app", "/dev/null", "/var/lib/app/job")
	var planted []string
	for _, c := range []struct{ plant, clean, want string }{
		{"install -d -m 2775 -g crew /etc/cron.daily.app && install /bin/true /etc/cron.daily.app/job", "rm -r /etc/cron.daily.app", "/etc/cron.daily.app (configuration): the user can write /etc/cron.daily.app (group 850)"},
		{"cp /bin/true /usr/local/sbin/x && setfacl -m u:app:rw /usr/local/sbin/x", "rm /usr/local/sbin/x", "/usr/local/sbin/x (program or library): the user can write /usr/local/sbin/x (access control list)"},
		{"ln -s /var/lib/app/conf /etc/app.conf", "rm /etc/app.conf", "/etc/app.conf (configuration): the user can replace conf in /var/lib/app (owner)"},
		{"mkdir -p /etc/systemd/system/dbus.service.d && touch /etc/systemd/system/dbus.service.d/x.conf && chown app /etc/systemd/system/dbus.service.d/x.conf", "rm -r /etc/systemd/system/dbus.service.d", "/etc/systemd/system/dbus.service.d/x.conf (configuration): the user can write /etc/systemd/system/dbus.service.d/x.conf (owner)"},
		{`printf '[Service]\nUser=app\nExecStartPre=+/var/lib/app/job\nExecStart=/bin/true\n' >/run/systemd/system/app.service`, "rm /run/systemd/system/app.service", "/var/lib/app/job (run by root (ExecStartPre=) for app.service): the user can replace job in /var/lib/app (owner)"},
		{"setfacl -m g:crew:rwx /etc/profile.d", "setfacl -b /etc/profile.d", "/etc/profile.d (configuration): the user can write /etc/profile.d (access control list, group 850)"},
	} {
		run(t, "sh", "-ec", c.plant)
		defer run(t, "sh", "-ec", c.clean)
		planted = append(planted, c.want)
	}
	require.Subset(t, audit(), planted)
}

// attempt is one try of the process below, and what the kernel said.
type attempt struct {
	Path     string
	Dir, Own bool
	Wrote    bool
}

// TestAttempts is the process that asks the kernel.
func TestAttempts(t *testing.T) {
	if os.Getenv("ACCOUNT_TEST_ATTEMPTS") == "" {
		return
	}
	var all []attempt
	require.NoError(t, json.NewDecoder(os.Stdin).Decode(&all))
	for i, a := range all {
		if a.Own { // what an owner can give himself counts
			_ = os.Chmod(a.Path, 0o700)
		}
		if a.Dir {
			err := os.Mkdir(a.Path+"/probe", 0o700)
			all[i].Wrote = err == nil
			_ = os.Remove(a.Path + "/probe")
			continue
		}
		f, err := os.OpenFile(a.Path, os.O_WRONLY, 0)
		if all[i].Wrote = err == nil; err == nil {
			require.NoError(t, f.Close())
		}
	}
	b, err := json.Marshal(all)
	require.NoError(t, err)
	fmt.Printf("ANSWER %s\n", b)
}

// TestKernelAgrees: over random owners, modes and lists, Writable says what the
// kernel does.
func TestKernelAgrees(t *testing.T) {
	const uid, gid, extra, none = 4242, 4243, 4244, 1<<32 - 1
	root := newRoot(t)
	require.NoError(t, os.Chmod(filepath.Dir(root), 0o755))
	id := account.Identity{UID: uid, GID: gid, Groups: []account.ID{extra}}
	random := rand.New(rand.NewPCG(1, 2))
	owners, groups := []int{0, 0, uid, 4000}, []int{0, gid, extra, 4000}
	var all []attempt
	for i := range 400 {
		a := attempt{Path: filepath.Join(root, fmt.Sprint("d", i%20), fmt.Sprint(i)), Dir: i%2 == 0}
		if i < 20 {
			require.NoError(t, os.Mkdir(filepath.Dir(a.Path), 0o755))
		}
		if a.Dir {
			require.NoError(t, os.Mkdir(a.Path, 0o700))
		} else {
			require.NoError(t, os.WriteFile(a.Path, nil, 0o600))
		}
		owner := owners[random.IntN(4)]
		a.Own = owner == uid
		require.NoError(t, os.Chown(a.Path, owner, groups[random.IntN(4)]))
		require.NoError(t, os.Chmod(a.Path, os.FileMode(random.IntN(0o1000))))
		if random.IntN(2) == 0 {
			entry := func(tag acl.Tag, id uint32) acl.Entry {
				return acl.Entry{Tag: tag, Rights: uint16(random.IntN(8)), ID: id}
			}
			list := acl.List{
				entry(acl.Owner, none), entry(acl.User, []uint32{uid, 4001}[random.IntN(2)]), entry(acl.OwningGroup, none),
				entry(acl.Group, []uint32{gid, 4002}[random.IntN(2)]), entry(acl.Group, []uint32{extra, 4245}[random.IntN(2)]),
				entry(acl.Mask, none), entry(acl.Other, none),
			}
			slices.SortStableFunc(list, func(a, b acl.Entry) int { return cmp.Or(cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.ID, b.ID)) })
			require.NoError(t, syscall.Setxattr(a.Path, "system.posix_acl_access", list.Bytes(), 0))
		}
		all = append(all, a)
	}
	for i := range 20 { // the ways there
		require.NoError(t, os.Chmod(filepath.Join(root, fmt.Sprint("d", i)), []os.FileMode{0o755, 0o711, 0o750, 0o700}[i%4]))
	}
	// Before the kernel is asked: an owner changes modes.
	var want []bool
	for _, a := range all {
		ways, err := id.Writable("", a.Path)
		require.NoError(t, err)
		want = append(want, len(ways) > 0)
	}
	in, err := json.Marshal(all)
	require.NoError(t, err)
	binary := filepath.Join(root, "attempts")
	run(t, "install", "-m", "755", os.Args[0], binary)
	cmd := exec.Command(binary, "-test.run=^TestAttempts$", "-test.v")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "ACCOUNT_TEST_ATTEMPTS=1")
	cmd.Stdin = strings.NewReader(string(in))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid, Groups: []uint32{extra}}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	_, answer, _ := strings.Cut(string(out), "ANSWER ")
	require.NoError(t, json.Unmarshal([]byte(strings.SplitN(answer, "\n", 2)[0]), &all))
	yes := 0
	for i, a := range all {
		if a.Wrote != want[i] {
			t.Errorf("the kernel says %t, Writable %t:\n%s", a.Wrote, want[i], run(t, "getfacl", "-np", a.Path))
		}
		if a.Wrote {
			yes++
		}
	}
	require.Greater(t, yes, 50)
	require.Less(t, yes, 350)
}
