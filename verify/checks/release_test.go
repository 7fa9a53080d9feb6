package checks_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
)

func TestRelease(t *testing.T) {
	root := tree(t, map[string]string{"opt/app/releases/": ""})
	r := layout.Releases{Root: root, Dir: "/opt/app/releases"}
	judge(t, []want{{checks.Release(r, ""), verify.Fail, "0 releases, none of them current"}})
	rel, err := r.Stage(t.Context(), layout.Staging{Contents: layout.TreeFS(fstest.MapFS{"app.txt": {Data: []byte("one")}})})
	require.NoError(t, err)
	// A release is read-only, for its maker too.
	t.Cleanup(func() { require.NoError(t, os.Chmod(filepath.Join(root, rel.Path), 0o755)) })
	judge(t, []want{{checks.Release(r, ""), verify.Fail, "1 releases, none of them current"}})
	_, err = r.Activate(t.Context(), rel.ID)
	require.NoError(t, err)
	judge(t, []want{{checks.Release(r, ""), verify.Pass, rel.ID}, {checks.Release(r, "other"), verify.Fail, "another release is current"}})
	file := filepath.Join(root, rel.Path, "app.txt")
	require.NoError(t, os.Chmod(file, 0o644))
	require.NoError(t, os.WriteFile(file, []byte("two"), 0o644))
	judge(t, []want{{checks.Release(r, ""), verify.Fail, "app.txt"}})
}
