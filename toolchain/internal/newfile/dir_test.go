package newfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestDir goes both ways to a directory: the kernel's, and part by part.
func TestDir(t *testing.T) {
	path := t.TempDir()
	root, err := os.OpenRoot(path)
	require.NoError(t, err)
	defer root.Close()
	d, err := Top(root)
	require.NoError(t, err)
	require.NoError(t, d.Mkdir("a", 0o755))
	require.ErrorIs(t, d.Mkdir("a", 0o755), fs.ErrExist)
	a, err := d.Open("a")
	require.NoError(t, err)
	require.NoError(t, a.Mkdir("b", 0o700))
	require.DirExists(t, filepath.Join(path, "a", "b"))
	perm, err := a.Entry("b").Perm()
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), perm)
	require.NoError(t, a.Entry("b").Chmod(0o755))
	perm, err = a.Entry("b").Perm()
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o755), perm)
	require.NoError(t, os.Symlink("b", filepath.Join(path, "a", "link")))
	require.NoError(t, os.Symlink(t.TempDir(), filepath.Join(path, "out")))
	require.NoError(t, os.Mkdir(filepath.Join(path, "a", "b", "c"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(path, "a", "file"), nil, 0o600))
	require.Error(t, a.Entry("link").Chmod(0o700))
	for way, open := range map[string]func(string) (int, error){"kernel": d.resolve, "walk": d.walk} {
		for _, name := range []string{".", "a", "a/b", "a/b/c"} {
			fd, err := open(name)
			require.NoError(t, err, "%s: %s", way, name)
			require.NoError(t, unix.Mkdirat(fd, way, 0o755))
			require.DirExists(t, filepath.Join(path, name, way))
			require.NoError(t, unix.Close(fd))
		}
		for _, name := range []string{"a/link", "a/link/c", "out", "a/file", "a/file/x", "none", "a/none/x"} {
			_, err := open(name)
			require.Error(t, err, "%s: %s", way, name)
		}
	}
	_, err = d.Open("a/none")
	var pathErr *fs.PathError
	require.ErrorAs(t, err, &pathErr)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, a.Close())
	require.NoError(t, d.Close())
	require.Error(t, d.Close())
}
