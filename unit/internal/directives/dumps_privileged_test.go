//go:build privileged

package directives_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// The dump of this machine's version is what its systemd says. To renew it, take
// the text from the failure and run go generate.
func TestDump(t *testing.T) {
	daemon := "/usr/lib/systemd/systemd"
	if _, err := os.Stat(daemon); err != nil {
		daemon = "/lib/systemd/systemd"
	}
	out, err := exec.Command(daemon, "--dump-configuration-items").Output()
	require.NoError(t, err)
	want, err := os.ReadFile(fmt.Sprintf("testdata/dumps/%d.txt", testenv.Systemd(t)))
	require.NoError(t, err)
	require.Equal(t, string(want), string(out))
}
