package checks_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
)

// want is what a check must come to: a status, and words in what it says.
type want struct {
	check  verify.Check
	status verify.Status
	says   string
}

func judge(t *testing.T, wants []want) {
	t.Helper()
	for _, w := range wants {
		r := verify.Run(t.Context(), w.check)
		require.Len(t, r.Results, 1)
		got := r.Results[0]
		require.NotContains(t, got.Cause, "panicked", w.check.Name)
		require.Equal(t, w.status, got.Status, "%s: %s", w.check.Name, got.Finding)
		require.Contains(t, got.Finding.String(), w.says, w.check.Name)
		if got.Status == verify.Fail {
			require.NotEmpty(t, got.Wanted, "%s says what was wanted", w.check.Name)
		}
	}
}

// tree makes files below a new root. A name that ends in / is a directory.
func tree(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		p := filepath.Join(root, name)
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(p, 0o755))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
		require.NoError(t, os.WriteFile(p, []byte(text), 0o644))
	}
	return root
}

// Each check has one level, and no more than one.
func TestLevels(t *testing.T) {
	for _, c := range everyCheck("") {
		n := 0
		for _, tag := range c.Tags {
			if tag == checks.Quick || tag == checks.Standard || tag == checks.Deep {
				n++
			}
		}
		require.Equal(t, 1, n, "%s has tags %v", c.Name, c.Tags)
	}
}

// An answer that comes too late is unknown for every check, and none hangs.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := verify.Run(ctx, everyCheck(tree(t, nil))...)
	require.Equal(t, len(r.Results), r.Count(verify.Unknown))
}

// What is asked for nothing is unknown: it would hold on any machine.
func TestNothingIsWanted(t *testing.T) {
	bin := program(t)
	for _, c := range []verify.Check{
		checks.WriteAudit(tree(t, map[string]string{"etc/passwd": "", "etc/group": ""}), "app", nil, nil), checks.CgroupControllers(""), checks.KernelCommandLine(),
		checks.NextKernelCommandLine(tree(t, map[string]string{"boot/grub/grub.cfg": "linux /vmlinuz ro\n"})), checks.BuildSettings(filepath.Dir(bin), "/app", nil),
	} {
		judge(t, []want{{c, verify.Unknown, ""}})
	}
}

// Names that would break out of a bus path, a file name or a command line are
// refused by what they are, not by what they would do.
func TestHostileUnitNames(t *testing.T) {
	for _, name := range []string{
		"", "app", "app.exe", ".service", "../../etc/passwd", "a/b.service", "app.service\x00", "app .service", "app;reboot.service", "-H evil.service", "*.service",
		strings.Repeat("a", 250) + ".service", "ä.service", "$(id).service", "`id`.service",
	} {
		for _, c := range []verify.Check{
			checks.UnitActive(name), checks.UnitLoaded(name), checks.Limit(name, "memory.max", "max"), checks.JournalEntry(name, nil), checks.JournalComplete(name),
			checks.UnitExposure(name, 1), checks.Listening(name), checks.GoLimits(name),
		} {
			c.Name = "hostile" // the engine refuses a name with control characters itself
			got := verify.Run(t.Context(), c).Results[0]
			require.Equal(t, verify.Unknown, got.Status, "%q", name)
			require.Contains(t, got.Cause, "is no name of a unit", "%q", name)
		}
	}
}
