//go:build privileged

package syscalls_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/unit/internal/syscalls"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// The dump of this machine's version is what its systemd says. To renew it,
// write what the failure shows into dumps/.
func TestDump(t *testing.T) {
	out, err := exec.Command("systemd-analyze", "syscall-filter", "--no-pager").Output()
	require.NoError(t, err)
	var want []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		name, member := strings.CutPrefix(line, "    ")
		switch {
		case strings.HasPrefix(line, "@"):
			want = append(want, line)
		case member && name != "" && name[0] != '#':
			want = append(want, "\t"+name)
		}
	}
	got, err := syscalls.Dump(testenv.Systemd(t))
	require.NoError(t, err)
	require.Equal(t, strings.Join(want, "\n")+"\n", string(got), fmt.Sprint("dumps/", testenv.Systemd(t), ".txt"))
}
