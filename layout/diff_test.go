package layout_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/layout"
)

func TestDiff(t *testing.T) {
	root := t.TempDir()
	write(t, root, "conf", "a\nb\nc\n", 0o644)
	write(t, root, "same", "a", 0o644)
	write(t, root, "seed", "grown", 0o644)
	write(t, root, "bin", "\x00", 0o644)
	write(t, root, "key", "hunter1", 0o600)
	tree := layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: []layout.Entry{
		layout.File{Path: "/conf", Content: []byte("a\nB\nc\n")}, layout.File{Path: "/same", Content: []byte("a")}, layout.File{Path: "/seed", CreateOnly: true},
		layout.File{Path: "/bin", Content: []byte("\x01")}, layout.File{Path: "/key", Content: []byte("hunter2"), Secret: true},
		layout.File{Path: "/new/f", Content: []byte("x\n")}, layout.File{Path: "/new/key", Content: []byte("hunter2"), Secret: true},
		layout.Dir{Path: "/d"},
	}}
	before := snapshot(t, root)
	diffs, err := tree.Diff(t.Context())
	require.NoError(t, err)
	require.Equal(t, []layout.Diff{
		{Path: "/bin", Summary: "content 1 bytes, sha256 6e340b9cffb3 → 1 bytes, sha256 4bf5122f3445"},
		{Path: "/conf", Summary: "content +1 −1 lines", Unified: "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"},
		{Path: "/key", Summary: "content"},
		{Path: "/new/f", Summary: "new, 2 bytes", Unified: "@@ -0,0 +1 @@\n+x\n"},
		{Path: "/new/key", Summary: "content"},
	}, diffs)
	require.Equal(t, before, snapshot(t, root))
	settle(t, tree)
	diffs, err = tree.Diff(t.Context())
	require.NoError(t, err)
	require.Empty(t, diffs)

	tree.Entries = []layout.Entry{layout.File{Path: "/d"}}
	_, err = tree.Diff(t.Context())
	require.ErrorIs(t, err, layout.ErrOccupied)
}
