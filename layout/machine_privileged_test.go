//go:build privileged

package layout_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/layout"
)

// TestWhatNeedsNoPrivilege runs the tests of an ordinary user as root, with this
// machine's kernel: faults, odd names and masks, deployers. A process for each
// call is for the long form, since starting one is slow here; from each call on
// nothing works in the short one, which leaves the same. What takes longest is
// left to one release each.
func TestWhatNeedsNoPrivilege(t *testing.T) {
	tests := []string{
		"TestTree", "TestGrants", "TestPendingGrant", "TestLinks", "TestHardLinks", "TestWeirdNames", "TestUmaskAndSetgidParent", "TestAbsentAndPurge",
		"TestActivateRollbackPrune", map[string]string{"bullseye": "TestNothingWorksAnyMore", "bookworm": "TestDeployKilledAnywhere", "trixie": "TestManyDeployers"}[testenv.Suite(t)],
	}
	if os.Getenv("BEDPLATE_LONG") != "" {
		tests = append(tests[:len(tests)-1], "TestNothingWorksAnyMore", "TestDeployKilledAnywhere", "TestManyDeployers", "TestKilledAnywhere", "TestEachCallFails", "TestDeployEachCallFails")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^("+strings.Join(tests, "|")+")$")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
	require.NotContains(t, string(out), "--- SKIP")
	require.Equal(t, len(tests), strings.Count(string(out), "\n--- PASS"))
}

// TestContextIsKept: a file's security context outlives its content, as it must
// where an administrator gave it one that the policy would not.
func TestContextIsKept(t *testing.T) {
	root := withAccounts(t)
	tree := layout.Tree{Root: root, Entries: []layout.Entry{layout.File{Path: "/f", Content: []byte("old")}}}
	settle(t, tree)
	const label = "system_u:object_r:shadow_t:s0\x00"
	f := filepath.Join(root, "f")
	require.NoError(t, syscall.Setxattr(f, "security.selinux", []byte(label), 0))
	tree.Entries = []layout.Entry{layout.File{Path: "/f", Content: []byte("new"), Mode: 0o600, Owner: "app"}}
	settle(t, tree)
	require.Equal(t, " security.selinux="+label, attributeOf(t, f, "security.selinux"))
}

// TestKernelGrants: what is granted is what the kernel allows, and no more.
func TestKernelGrants(t *testing.T) {
	root := withAccounts(t)
	require.NoError(t, os.Chmod(filepath.Dir(root), 0o755))
	settle(t, layout.Tree{Root: root, Entries: []layout.Entry{
		layout.Dir{Path: "/d", Mode: 0o700, Grants: []layout.Grant{{User: "app", Rights: 1}, {Group: "crew", Rights: 5}}},
		layout.File{Path: "/d/f", Content: []byte("x"), Mode: 0o600, Grants: []layout.Grant{{User: "app", Rights: 4}}},
		layout.File{Path: "/d/shut", Content: []byte("x"), Mode: 0o644, Grants: []layout.Grant{{User: "app", Rights: 0}}},
		layout.File{Path: "/d/ping", Content: []byte("x"), Mode: 0o755, Privileged: true, Attributes: map[string]string{"security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}},
	}})
	for script, want := range map[string][2]bool{ // for app, and for somebody of crew
		"cat f": {true, false}, "ls .": {false, true}, "cat shut": {false, true}, "touch x": {false, false}, "echo y >>f": {false, false},
	} {
		for i, who := range [][]string{{"--reuid=4242", "--regid=4242"}, {"--reuid=4711", "--regid=4343"}} {
			cmd := exec.Command("setpriv", append(who, "--clear-groups", "sh", "-c", "cd "+root+"/d && "+script)...)
			out, err := cmd.CombinedOutput()
			require.Equal(t, want[i], err == nil, "%v %s: %s", who, script, out)
		}
	}
}

// TestDirectivesAreTheTree: a unit with the directives finds the directories that
// the entries make.
func TestDirectivesAreTheTree(t *testing.T) {
	accounts(t)
	service := layout.Service{Name: "viadirectives", User: "app"}
	args := []string{"--wait", "--quiet", "-p", "User=app"}
	for name, value := range service.Directives() {
		args = append(args, "-p", name+"="+value)
	}
	describe := "stat -c '%n %a %U %G' /run/viadirectives >/var/lib/viadirectives/run"
	run(t, "systemd-run", append(args, "sh", "-c", describe)...)
	require.Equal(t, "/run/viadirectives 755 app app\n", run(t, "cat", "/var/lib/viadirectives/run"))
	tree := layout.Tree{}
	for _, e := range service.Entries() {
		d, ok := e.(layout.Dir)
		if ok && !strings.HasPrefix(d.Path, "/opt") && !strings.HasPrefix(d.Path, "/etc") {
			tree.Entries = append(tree.Entries, d)
		}
	}
	require.Len(t, tree.Entries, 3)
	changes, err := tree.Plan(t.Context())
	require.NoError(t, err)
	require.Empty(t, changes, "systemd made what the entries say")
}

// accounts makes the machine's own app and crew, once.
func accounts(t *testing.T) {
	t.Helper()
	if _, err := exec.Command("getent", "passwd", "app").Output(); err == nil {
		return
	}
	run(t, "groupadd", "-g", "4242", "app")
	run(t, "useradd", "-u", "4242", "-g", "app", "-M", "app")
	run(t, "groupadd", "-g", "4343", "crew")
}
