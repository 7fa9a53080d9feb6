package newfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/bedplate/bedplate/toolchain/internal/newfile"
	"github.com/stretchr/testify/require"
)

func TestFile(t *testing.T) {
	path := t.TempDir()
	dir := top(t, path)
	f, err := newfile.Create(dir, "x", 0o600)
	require.NoError(t, err)
	n, err := f.Write([]byte("content"))
	require.NoError(t, err)
	require.Equal(t, 7, n)
	perm, err := f.Perm()
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), perm)
	f.StartWriting()
	require.NoError(t, f.Chmod(0o755))
	require.NoError(t, f.Close())
	b, err := os.ReadFile(filepath.Join(path, "x"))
	require.NoError(t, err)
	require.Equal(t, "content", string(b))

	_, err = newfile.Create(dir, "x", 0o600)
	require.ErrorIs(t, err, fs.ErrExist)
	require.NoError(t, os.Symlink("elsewhere", filepath.Join(path, "link")))
	_, err = newfile.Create(dir, "link", 0o600)
	require.ErrorIs(t, err, fs.ErrExist)
	require.NoFileExists(t, filepath.Join(path, "elsewhere"))
	var pathErr *fs.PathError
	_, err = f.Write([]byte("x"))
	require.ErrorAs(t, err, &pathErr)
	require.Equal(t, filepath.Join(path, "x"), pathErr.Path)
}

func top(t *testing.T, path string) newfile.Dir {
	t.Helper()
	root, err := os.OpenRoot(path)
	require.NoError(t, err)
	dir, err := newfile.Top(root)
	require.NoError(t, err)
	require.NoError(t, root.Close())
	t.Cleanup(func() { require.NoError(t, dir.Close()) })
	return dir
}
