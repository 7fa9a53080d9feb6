package testenv

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { Main(m) }

// TestOutsideThePrivilegedTestsEndAtOnce starts this package's own tests as
// privileged ones: not even -test.list or a profile gets anywhere.
func TestOutsideThePrivilegedTestsEndAtOnce(t *testing.T) {
	require.False(t, Inside())
	dir := t.TempDir()
	binary := filepath.Join(dir, "privileged.test")
	out, err := exec.Command("go", "test", "-c", "-tags", "privileged", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	for _, args := range [][]string{nil, {"-test.list=."}, {"-test.v", "-test.cpuprofile=" + filepath.Join(dir, "profile")}} {
		out, err := exec.Command(binary, args...).CombinedOutput()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, 1, exit.ExitCode())
		require.Equal(t, "privileged tests run in the throwaway machine only; nothing was touched here. Run:\n\t"+Command+"\n", string(out))
		require.NoFileExists(t, filepath.Join(dir, "profile"))
	}
}
