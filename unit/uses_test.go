package unit

import (
	"os"
	"path/filepath"
	"testing"
	"time"

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
	require.Zero(t, p.placed(program), "the link leads nowhere yet")
	require.Zero(t, p.placed("/loop"))

	time.Sleep(20 * time.Millisecond) // two ticks of the clock that files are stamped with
	before := time.Now()
	time.Sleep(20 * time.Millisecond)
	for _, target := range []string{"1", "../releases/./1", "/opt/app/releases/1"} {
		link := filepath.Join(dir, "opt/app/releases/current")
		require.NoError(t, os.RemoveAll(link))
		require.NoError(t, os.Symlink(target, link))
		require.True(t, p.placed(program).After(before), target)
	}
	require.True(t, p.placed("/opt/app/releases/1/bin/app").Before(before), "by itself it is as old as it was")
	require.Equal(t, program, p.replaced(before, "/opt/app/releases/1/bin/app", program))
}
