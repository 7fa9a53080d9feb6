//go:build privileged

package account_test

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/account"
)

// TestFullLive: where /etc of the machine is full or read-only, no tool is begun.
func TestFullLive(t *testing.T) {
	bringBusyBox(t)
	child := exec.Command("unshare", "-m", "--propagation", "private", os.Args[0], "-test.run=^TestFullInChild$", "-test.v")
	child.Env = append(os.Environ(), "ACCOUNT_TEST_FULL="+t.TempDir())
	out, err := child.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "8 refused")
}

// TestFullInChild has a small /etc of its own.
func TestFullInChild(t *testing.T) {
	saved := os.Getenv("ACCOUNT_TEST_FULL")
	if saved == "" {
		return
	}
	run(t, "cp", "-a", "/etc/.", saved)
	run(t, "mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", "/etc")
	run(t, "cp", "-a", saved+"/.", "/etc")
	before := snapshot(t, "")
	require.NoError(t, os.RemoveAll("/etc/.pwd.lock")) // the next that needs it makes it
	names := run(t, "ls", "-A", "/etc")
	refused := 0
	for _, backend := range []account.Backend{account.Shadow, account.BusyBox, account.Sysusers, account.Files} {
		s := account.Set{Backend: backend, Users: []account.User{{Name: "app", Groups: []string{"adm"}}}}
		for _, c := range []struct {
			errno      syscall.Errno
			harm, mend []string
		}{
			{syscall.ENOSPC, []string{"sh", "-c", "! cat /dev/zero 2>/dev/null >/etc/filler"}, []string{"rm", "/etc/filler"}},
			{syscall.EROFS, []string{"mount", "-o", "remount,ro", "/etc"}, []string{"mount", "-o", "remount,rw", "/etc"}},
		} {
			run(t, c.harm[0], c.harm[1:]...)
			made, err := s.Ensure(t.Context())
			require.ErrorIs(t, err, c.errno, backend)
			require.Empty(t, made)
			require.Equal(t, before, snapshot(t, ""))
			run(t, c.mend[0], c.mend[1:]...)
			refused++
		}
	}
	require.NoError(t, os.RemoveAll("/etc/.pwd.lock"))
	require.Equal(t, names, run(t, "ls", "-A", "/etc"), "nothing is left")
	fmt.Println(refused, "refused")
}
