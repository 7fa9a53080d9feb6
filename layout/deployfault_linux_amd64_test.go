package layout_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/internal/sysfault"
	"github.com/bedplate/bedplate/layout"
)

// TestDeployInChild is the process that the next test stops.
func TestDeployInChild(t *testing.T) {
	root := os.Getenv("LAYOUT_TEST_DEPLOY")
	if root == "" {
		return
	}
	sysfault.Begin()
	_, err := deployment(layout.Releases{Root: root, Dir: "/opt/app/releases"}, "v3").Ensure(t.Context())
	sysfault.End()
	require.NoError(t, err)
}

func deployment(r layout.Releases, text string) layout.Deployment {
	return layout.Deployment{Releases: r, Staging: layout.Staging{Contents: contents(text), Label: text}}
}

// TestDeployKilledAnywhere: the old release stays current until the new one is,
// the way back is known all the time, and the next deployment heals.
func TestDeployKilledAnywhere(t *testing.T) {
	t.Parallel()
	steps := 0
	for at := 1; ; at++ {
		r := shelfIn(t, inMemory(t))
		for _, text := range []string{"v1", "v2"} {
			_, err := deployment(r, text).Ensure(t.Context())
			require.NoError(t, err)
		}
		result, out := sysfault.Self(t, "TestDeployInChild", sysfault.Fault{At: at, Dir: r.Root}, "LAYOUT_TEST_DEPLOY="+r.Root)
		if !result.Status.Signaled() {
			require.Zero(t, result.Status.ExitStatus(), out)
			break
		}
		steps++
		all, err := r.List()
		require.NoError(t, err)
		for _, rel := range all {
			require.NoError(t, r.Verify(t.Context(), rel.ID), "what is listed is whole")
			label := rel.Manifest.Label
			switched := len(all) == 3 && all[0].Current
			if switched {
				require.Equal(t, label == "v2", rel.Previous, "killed at call %d, %s", at, result.Struck)
			} else {
				require.Equal(t, label == "v2", rel.Current, "killed at call %d, %s", at, result.Struck)
				require.Equal(t, label == "v1", rel.Previous, "killed at call %d, %s", at, result.Struck)
			}
		}
		_, err = deployment(r, "v3").Ensure(t.Context())
		require.NoError(t, err)
		_, err = r.Rollback(t.Context())
		require.NoError(t, err)
		b, err := os.ReadFile(filepath.Join(r.Root, "opt/app/current/doc/a.txt"))
		require.NoError(t, err)
		require.Equal(t, "v2", string(b))
		require.Empty(t, leftovers(t, r.Root))
		for _, name := range names(t, filepath.Join(r.Root, r.Dir)) {
			require.NotContains(t, []string{".new", ".old"}, filepath.Ext(name))
		}
	}
	t.Logf("killed at %d calls", steps)
	require.Greater(t, steps, 20)
}

// TestFailingDeploysInChild is the process whose calls the next test lets fail:
// in the n-th deployment the n-th.
func TestFailingDeploysInChild(t *testing.T) {
	root := os.Getenv("LAYOUT_TEST_DEPLOYS")
	if root == "" {
		return
	}
	r := layout.Releases{Root: root, Dir: "/opt/app/releases"}
	before := "v2"
	at := 1
	for ; ; at++ {
		text := fmt.Sprint("n", at)
		sysfault.Begin()
		_, err := deployment(r, text).Ensure(t.Context())
		if !sysfault.End() {
			require.NoError(t, err)
			break
		}
		all, listErr := r.List()
		require.NoError(t, listErr)
		for _, rel := range all {
			require.NoError(t, r.Verify(t.Context(), rel.ID), "call %d: what is listed is whole", at)
			if rel.Current {
				require.Contains(t, []string{before, text}, rel.Manifest.Label, "call %d", at)
			}
			if err == nil {
				require.Equal(t, rel.Current, rel.Manifest.Label == text, "call %d: what it says it did, it did", at)
			}
		}
		_, err = deployment(r, text).Ensure(t.Context())
		require.NoError(t, err, "call %d", at)
		_, err = r.Rollback(t.Context())
		require.NoError(t, err, "call %d", at)
		b, err := os.ReadFile(filepath.Join(root, "opt/app/current/doc/a.txt"))
		require.NoError(t, err)
		require.Equal(t, before, string(b), "call %d", at)
		_, err = r.Prune(t.Context(), 1)
		require.NoError(t, err)
		require.Empty(t, leftovers(t, root), "call %d", at)
	}
	fmt.Println("calls:", at-1)
}

// TestDeployEachCallFails: whichever call fails, the old release is current or
// the new one is, the next deployment succeeds, and the way back is known.
func TestDeployEachCallFails(t *testing.T) {
	t.Parallel()
	for lasting, errnos := range map[bool][]syscall.Errno{false: errnos(syscall.EDQUOT), true: errnos(syscall.EROFS)} {
		for _, errno := range errnos {
			r := shelfIn(t, inMemory(t))
			for _, text := range []string{"v1", "v2"} {
				_, err := deployment(r, text).Ensure(t.Context())
				require.NoError(t, err)
			}
			fault := sysfault.Fault{Errno: errno, Each: true, Lasting: lasting, Dir: r.Root, Reads: os.Getenv("BEDPLATE_LONG") != ""}
			result, out := sysfault.Self(t, "TestFailingDeploysInChild", fault, "LAYOUT_TEST_DEPLOYS="+r.Root)
			require.True(t, result.Status.Exited() && result.Status.ExitStatus() == 0, out)
			_, after, ok := strings.Cut(out, "calls: ")
			require.True(t, ok, out)
			t.Logf("%s calls failed: %v, lasting: %v", strings.Fields(after)[0], errno, lasting)
			require.Greater(t, result.Calls, 20)
		}
	}
}
