//go:build privileged

package checks_test

import (
	"slices"
	"syscall"
	"testing"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
)

// needRoot are the checks that only root can answer.
var needRoot = []string{
	"account/password/hello", "go/stray", "journal/persistent", "path" + config + "/content", "path" + config + "/mode", "path" + config + "/owned by", "prove/cpu.max", "prove/memory.max",
	ofService + "go limits", ofService + "journal", ofService + "journal complete", ofService + "listening", "write audit/hello",
}

// withoutRoot: what an ordinary user can't see is unknown, and nothing fails for
// that.
func withoutRoot(t *testing.T, list []verify.Check) {
	list = append(slices.Clone(list), checks.ProveMemoryMax(cgroupv2.MiB(32)), checks.ProveCPUMax(cgroupv2.Percent(20)))
	var r verify.Report
	asNobody(t, func() { r = verify.Run(t.Context(), list...) })
	t.Log(report(t, r))
	var unknown []string
	for _, res := range r.Results {
		require.NotEqual(t, verify.Fail, res.Status, "%s: %s", res.Check, res.Finding)
		if res.Status == verify.Unknown {
			require.Empty(t, res.BlockedBy, res.Check)
			require.NotEmpty(t, res.Cause, res.Check)
			unknown = append(unknown, res.Check)
		}
	}
	require.ElementsMatch(t, needRoot, unknown)
}

// asNobody gives all threads of this process another user's rights for a while.
func asNobody(t *testing.T, do func()) {
	const nobody = 65534
	groups, err := syscall.Getgroups()
	require.NoError(t, err)
	require.NoError(t, syscall.Setgroups([]int{nobody}))
	require.NoError(t, syscall.Setresgid(nobody, nobody, 0))
	require.NoError(t, syscall.Setresuid(nobody, nobody, 0))
	defer func() {
		require.NoError(t, syscall.Setresuid(0, 0, 0))
		require.NoError(t, syscall.Setresgid(0, 0, 0))
		require.NoError(t, syscall.Setgroups(groups))
	}()
	do()
}
