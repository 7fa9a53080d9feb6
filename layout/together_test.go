package layout_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/layout"
)

// TestLargeTrees: what several threads plan is what one does, where their shares
// meet in one directory, too.
func TestLargeTrees(t *testing.T) {
	root := inMemory(t)
	old := runtime.GOMAXPROCS(4)
	t.Cleanup(func() { runtime.GOMAXPROCS(old) })
	tree := many(root, 4_400)
	for i := range 600 {
		tree.Entries = append(tree.Entries, own([]layout.Entry{layout.File{Path: fmt.Sprintf("/var/deep/one/%04d", i)}})...)
	}
	plan := func() []string {
		t.Helper()
		changes, err := tree.Plan(t.Context())
		require.NoError(t, err)
		return targets(changes)
	}
	require.NoError(t, os.MkdirAll(root, 0o755))
	together := plan()
	runtime.GOMAXPROCS(1)
	require.Equal(t, plan(), together)
	runtime.GOMAXPROCS(4)
	settle(t, tree)

	// Trouble in every share is told at once.
	for _, name := range []string{"srv/000/00003", "srv/005/00500", "srv/010/01000", "var/deep/one"} {
		require.NoError(t, os.RemoveAll(filepath.Join(root, name)))
		write(t, root, name, "", 0o644)
	}
	_, err := tree.Ensure(t.Context())
	for _, name := range []string{"/srv/000/00003: it is a file", "/srv/005/00500/a.conf: ", "/srv/010/01000: ", "/var/deep/one/0599: "} {
		require.ErrorContains(t, err, name)
	}
}
