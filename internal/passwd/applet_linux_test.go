package passwd_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/internal/passwd"
)

// TestAppletLock: BusyBox's lock is waited for and named, and broken as soon as
// nobody has it.
func TestAppletLock(t *testing.T) {
	root, etc := newRoot(t)
	require.NoError(t, passwd.WaitApplets(t.Context(), root))
	for _, name := range []string{"passwd+", "shadow+", "group+", "gshadow+"} {
		lock := filepath.Join(etc, name)
		editor := exec.Command("sh", "-c", `exec 3>"$0"; echo; read x`, lock)
		_, err := editor.StdinPipe() // it never ends
		require.NoError(t, err)
		out, err := editor.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, editor.Start())
		_, err = out.Read(make([]byte, 1))
		require.NoError(t, err)
		err = passwd.WaitApplets(short(t), root)
		var held *passwd.LockError
		require.ErrorAs(t, err, &held)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, root.Host("/etc/"+name), held.Path)
		require.Contains(t, held.Holder, fmt.Sprintf("process %d (", editor.Process.Pid))

		// It was killed: the file is nobody's.
		require.NoError(t, editor.Process.Kill())
		_ = editor.Wait()
		require.NoError(t, passwd.WaitApplets(t.Context(), root))
		require.NoFileExists(t, lock)
	}
	// What is no file is no applet's.
	require.NoError(t, os.Mkdir(filepath.Join(etc, "passwd+"), 0o755))
	require.ErrorContains(t, passwd.WaitApplets(short(t), root), "passwd+ is held by another process")
}
