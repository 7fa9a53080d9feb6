//go:build linux

package xattr

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAttributes(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	require.NoError(t, err)
	defer f.Close()
	_, ok, err := Get(f, "user.a")
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, Remove(f, "user.a"))
	for _, value := range [][]byte{[]byte("x"), {}, bytes.Repeat([]byte("long"), 500)} {
		err := Set(f, "user.a", value)
		if errors.Is(err, syscall.EOPNOTSUPP) {
			t.Skip("this file system has no user attributes; the machine's have")
		}
		require.NoError(t, err)
		got, ok, err := Get(f, "user.a")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, value, got)
	}
	require.NoError(t, Set(f, "user.b", nil))
	names, err := List(f)
	require.NoError(t, err)
	require.Subset(t, names, []string{"user.a", "user.b"})
	require.NoError(t, Remove(f, "user.a"))
	_, ok, err = Get(f, "user.a")
	require.NoError(t, err)
	require.False(t, ok)
	require.ErrorContains(t, Set(f, "nonsense", nil), "set attribute nonsense of ")
}
