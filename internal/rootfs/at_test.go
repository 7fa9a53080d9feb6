package rootfs

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAt(t *testing.T) {
	path := t.TempDir()
	d, err := os.Open(path)
	require.NoError(t, err)
	defer d.Close()

	sub, err := MkdirAt(d, "sub")
	require.NoError(t, err)
	defer sub.Close()
	info, err := LstatAt(d, "sub")
	require.NoError(t, err)
	require.Equal(t, os.ModeDir|0o700, info.Mode)
	_, err = MkdirAt(d, "sub")
	require.ErrorIs(t, err, os.ErrExist)

	require.NoError(t, os.Symlink("sub", filepath.Join(path, "link")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(path, "fifo"), 0o600))
	for _, name := range []string{"link", "fifo"} {
		_, err = OpenDirAt(d, name)
		require.ErrorIs(t, err, syscall.ENOTDIR, name)
	}
	_, err = OpenAt(d, "link", os.O_RDONLY)
	require.ErrorIs(t, err, syscall.ELOOP)
	fifo, err := OpenAt(d, "fifo", os.O_RDONLY)
	require.NoError(t, err, "a FIFO without a writer does not block")
	require.NoError(t, fifo.Close())

	require.NoError(t, LchownAt(d, "link", os.Getuid(), os.Getgid()))
	require.Error(t, RmdirAt(d, "link"))
	require.NoError(t, UnlinkAt(d, "link"))
	require.Error(t, UnlinkAt(d, "sub"))
	require.NoError(t, RmdirAt(d, "sub"))
	require.ErrorIs(t, RmdirAt(d, "sub"), os.ErrNotExist)
}

func TestHoldsAt(t *testing.T) {
	path := t.TempDir()
	d, err := os.Open(path)
	require.NoError(t, err)
	defer d.Close()
	long := strings.Repeat("0123456789", 1000)
	require.NoError(t, os.WriteFile(filepath.Join(path, "f"), []byte(long), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(path, "empty"), nil, 0o600))
	buf := make([]byte, 64)
	for _, c := range []struct {
		name, data string
		want       bool
	}{{"f", long, true}, {"f", long[:9999], false}, {"f", long + "x", false}, {"f", "", false}, {"f", "x" + long[1:], false}, {"empty", "", true}, {"empty", "x", false}} {
		got, err := HoldsAt(d, c.name, []byte(c.data), buf)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%s %d", c.name, len(c.data))
	}
	_, err = HoldsAt(d, "absent", nil, buf)
	require.ErrorIs(t, err, os.ErrNotExist)
}
