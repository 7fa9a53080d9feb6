//go:build privileged

package unit_test

import (
	"maps"
	"os/exec"
	"testing"

	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// A Set under a Root is what systemctl --root makes of the same files.
func TestSetIsSystemctlRoot(t *testing.T) {
	t.Parallel()
	ours, theirs := t.TempDir(), t.TempDir()
	for _, root := range []string{ours, theirs} {
		put(t, root, "/usr/lib/systemd/system/vendor@.service", "[Service]\nExecStart=/bin/x\n[Install]\nWantedBy=multi-user.target %i.target\nAlso=other.socket\n")
		put(t, root, "/usr/lib/systemd/system/other.socket", "[Socket]\nListenStream=1\n[Install]\nRequiredBy=sockets.target\nAlias=another.socket\n")
		put(t, root, "/usr/lib/systemd/system/plain.service", "[Service]\nExecStart=/bin/x\n[Install]\nWantedBy=multi-user.target\n")
		for _, target := range []string{"multi-user", "sockets", "timers", "one", "odd", "default"} {
			put(t, root, "/usr/lib/systemd/system/"+target+".target", "[Unit]\n")
		}
	}
	s := unit.Set{
		Root: ours, Enable: true, Target: unit.Target{Systemd: 247},
		Units: []unit.Unit{
			unit.Socket{Name: "app", Listen: []string{"8080"}}, app(),
			unit.Timer{Name: "job", Calendar: []string{"daily"}}, unit.Service{Name: "job", Type: unit.Oneshot, Exec: []string{"/bin/x"}, NoInstall: true},
			unit.Slice{Name: "apps"},
		},
		Files: []*unit.File{
			parsed(t, "t@.service", "[Service]\nExecStart=/bin/x\n[Install]\nWantedBy=multi-user.target\nDefaultInstance=d\n"),
			parsed(t, "alias.service", "[Service]\nExecStart=/bin/x\n[Install]\nAlias=nick.service\nRequiredBy=odd.target\n"),
		},
		Instances: []string{"vendor@one.service", "t@two.service", "plain.service"},
		Mask:      []string{"bad.service"},
	}
	ensure(t, s)
	for name, text := range tree(t, ours) {
		if name != "/" && name[len(name)-1] != '/' && len(text) > 0 && text[0] != 0xe2 { // "→"
			put(t, theirs, name, text)
		}
	}
	for _, args := range [][]string{
		{"enable", "app.socket", "app.service", "job.timer", "t@.service", "alias.service", "vendor@one.service", "t@two.service", "plain.service"},
		{"mask", "bad.service"},
	} {
		out, err := exec.Command("systemctl", append([]string{"--root=" + theirs}, args...)...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	require.Equal(t, tree(t, theirs), tree(t, ours))
	for _, name := range []string{"app.socket", "app.service", "job.timer", "vendor@one.service", "alias.service"} {
		out, err := exec.Command("systemctl", "--root="+ours, "is-enabled", name).CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
	}

	// Disabled, one of the Set's own among them. systemctl takes emptied directories
	// away, too.
	off := []string{"vendor@one.service", "alias.service", "plain.service", "app.socket"}
	ensure(t, unit.Set{Root: ours, Disabled: append(off, "never.service"), Target: s.Target, Units: s.Units[:1], Enable: true})
	out, err := exec.Command("systemctl", append([]string{"--root=" + theirs, "disable"}, off...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, withoutDirectories(tree(t, theirs)), withoutDirectories(tree(t, ours)))

	// And back again.
	ensure(t, unit.Set{Root: ours, Absent: []string{"app.service", "app.socket", "alias.service"}})
	require.NotContains(t, tree(t, ours), etc+"nick.service")
}

func withoutDirectories(all map[string]string) map[string]string {
	maps.DeleteFunc(all, func(name, _ string) bool { return name[len(name)-1] == '/' })
	return all
}
