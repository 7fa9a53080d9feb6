package atomicfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestLabelIsKept(t *testing.T) {
	d := open(t)
	path := filepath.Join(d.Name(), "f")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	const label = "system_u:object_r:etc_t:s0\x00"
	if err := unix.Setxattr(path, labelAttribute, []byte(label), 0); err != nil {
		t.Skipf("this file system or user can't set a context: %v", err)
	}
	_, err := WriteAt(d, "f", []byte("new"), Options{})
	require.NoError(t, err)
	b := make([]byte, 100)
	n, err := unix.Getxattr(path, labelAttribute, b)
	require.NoError(t, err)
	require.Equal(t, label, string(b[:n]))
}
