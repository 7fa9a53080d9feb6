package cgroupv2

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCommandLines(t *testing.T) {
	unified := wish{args: []string{"systemd.unified_cgroup_hierarchy=1", "psi=1"}}
	for _, row := range []struct {
		w          wish
		text, want string
	}{
		{unified, "", "systemd.unified_cgroup_hierarchy=1 psi=1"},
		{unified, "quiet", "quiet systemd.unified_cgroup_hierarchy=1 psi=1"},
		{unified, "ro  quiet ", "ro  quiet systemd.unified_cgroup_hierarchy=1 psi=1 "},
		{unified, "root=UUID=1 ro\n", "root=UUID=1 ro systemd.unified_cgroup_hierarchy=1 psi=1\n"},
		{unified, "psi=0 quiet systemd.unified_cgroup_hierarchy=1", "psi=1 quiet systemd.unified_cgroup_hierarchy=1"},
		{unified, "psi=1 x psi=0 systemd.unified_cgroup_hierarchy=1", "psi=1 x systemd.unified_cgroup_hierarchy=1"},
		{unified, "psi=0 x psi=1 systemd.unified_cgroup_hierarchy=1", "x psi=1 systemd.unified_cgroup_hierarchy=1"},
		{unified, `a="b psi=0 c" -- psi=0 single`, `a="b psi=0 c" systemd.unified_cgroup_hierarchy=1 psi=1 -- psi=0 single`},
		{wish{args: []string{"console=ttyS0"}}, "console=tty0", "console=tty0 console=ttyS0"},
		{wish{args: []string{"console=ttyS0"}}, "console=ttyS0 console=tty0", "console=ttyS0 console=tty0"},
		{wish{args: unified.args, absent: true}, "a psi=1 b systemd.unified_cgroup_hierarchy=1", "a b"},
		{wish{args: unified.args, absent: true}, "psi=1 psi=0", "psi=0"},
		{wish{args: unified.args, only: true}, "quiet psi=0", "quiet"},
		{wish{args: []string{"psi"}}, "psi=0", "psi"},
	} {
		got := row.w.edit(row.text, nil)
		require.Equal(t, row.want, got, "%q", row.text)
		require.Equal(t, got, row.w.edit(got, nil), "a second time: %q", row.text)
		if !row.w.only {
			require.Empty(t, row.w.lacks(got, nil), "%q", row.text)
		}
	}
	require.Equal(t, []string{"psi=1"}, unified.lacks("psi=1 psi=0 systemd.unified_cgroup_hierarchy=1", nil), "the last one counts")
}

func FuzzCommandLine(f *testing.F) {
	for _, s := range []string{"quiet", "psi=0 -- psi=0", `a="b c" psi=1`, "  x\n y ", `"`, "psi=1 psi=1", "-- --", "\tpsi=2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, absent := range []bool{false, true} {
			w := wish{args: []string{"psi=1", "cgroup_no_v1=all"}, absent: absent}
			head, _, _ := strings.Cut(text, `"`)
			if head != text {
				return // an open quote takes what is added: the files' parsers refuse it
			}
			got := w.edit(text, nil)
			require.Empty(t, w.lacks(got, nil), "%q", got)
			require.Equal(t, got, w.edit(got, nil))
			require.Equal(t, w.foreign(text, nil), w.foreign(got, nil))
		}
	})
}
