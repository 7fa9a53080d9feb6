package unit

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/stretchr/testify/require"
)

// TestPlaced: a program is new to its service when it is put in place, and when a
// link on the way to it is.
func TestPlaced(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "opt/app/releases/1/bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "opt/app/releases/1/bin/app"), nil, 0o755))
	require.NoError(t, os.Symlink("releases/current", filepath.Join(dir, "opt/app/current")))
	require.NoError(t, os.Symlink("/loop", filepath.Join(dir, "loop")))
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, root.Close()) })
	p := &preparation{root: root}
	const program = "/opt/app/current/bin/app"
	placed := func(file string) time.Time {
		at, soon := p.placed(file)
		require.False(t, soon)
		return at
	}
	require.Zero(t, placed(program), "the link leads nowhere yet")
	require.Zero(t, placed("/loop"))

	time.Sleep(20 * time.Millisecond) // two ticks of the clock that files are stamped with
	before := time.Now()
	time.Sleep(20 * time.Millisecond)
	for _, target := range []string{"1", "../releases/./1", "/opt/app/releases/1"} {
		link := filepath.Join(dir, "opt/app/releases/current")
		require.NoError(t, os.RemoveAll(link))
		require.NoError(t, os.Symlink(target, link))
		require.True(t, placed(program).After(before), target)
	}
	require.True(t, placed("/opt/app/releases/1/bin/app").Before(before), "by itself it is as old as it was")
	require.Equal(t, program, p.replaced(before, "/opt/app/releases/1/bin/app", program))

	// What an earlier step of a plan will put in place, or a link on the way.
	old := time.Now()
	for target, want := range map[string]string{
		"/opt/app/current": program, "/opt/app/releases/current": program, "/opt/app/releases/1/bin/app": program,
		"/opt/app/releases/2/bin/app": "",
	} {
		p.foresee([]bedplate.Change{{Op: bedplate.OpUpdate, Kind: "symlink", Target: target}})
		require.Equal(t, want, p.replaced(old, program), target)
	}
	p.foresee([]bedplate.Change{{Op: bedplate.OpCreate, Kind: "file", Target: "/etc/app.conf"}})
	require.Equal(t, "/etc/app.conf", p.replaced(old, program, "/etc/app.conf"), "not there yet")
	p.foresee([]bedplate.Change{{Op: bedplate.OpDelete, Kind: "file", Target: program}, {Op: bedplate.OpUpdate, Kind: "directory", Target: "/opt/app/current"}})
	require.Empty(t, p.replaced(old, program))
}
