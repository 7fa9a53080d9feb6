package cpio

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadByOthers gives the archive to cpio(1), or checks the bytes where it is not installed.
func TestReadByOthers(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	w.Directory("etc", 0o755)
	w.File("etc/conf", 0o640, []byte("content"))
	w.Symlink("etc/link", "conf")
	w.Character("console", 0o600, 5, 1)
	require.NoError(t, w.Close())
	require.Zero(t, b.Len()%512)
	require.True(t, bytes.HasPrefix(b.Bytes(), []byte("070701")))
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		require.Contains(t, b.String(), "etc/conf\x00")
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(cpio, "-idm", "etc/*", "etc")
	cmd.Dir, cmd.Stdin = dir, &b
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	content, err := os.ReadFile(dir + "/etc/link")
	require.NoError(t, err)
	require.Equal(t, "content", string(content))
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestTheFirstErrorSticks(t *testing.T) {
	w := NewWriter(full{})
	w.File("f", 0o644, make([]byte, 2<<20))
	require.EqualError(t, w.Close(), "disk full")
}
