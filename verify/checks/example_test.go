package checks_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
)

func Example() {
	root, _ := os.MkdirTemp("", "image")
	defer os.RemoveAll(root)
	_ = os.MkdirAll(filepath.Join(root, "etc/app"), 0o750)
	_ = os.Chmod(filepath.Join(root, "etc/app"), 0o777) // somebody was in a hurry

	report := verify.Run(context.Background(),
		checks.Mode(root, "/etc/app", fs.ModeDir|0o750),
		checks.Absent(root, "/etc/profile.d/go.sh"))
	for _, r := range report.Results {
		fmt.Println(r.Check, r.Finding)
	}
	// Output:
	// path/etc/app/mode fail; wanted drwxr-x---, found drwxrwxrwx; its permissions were changed; chmod it, or apply the tree again
	// path/etc/profile.d/go.sh/absent pass; absent
}

// machine is what the guide shows.
func machine(ctx context.Context) verify.Report {
	const active = "unit/app.service/active"
	health := verify.Until(checks.HTTP("http://127.0.0.1:8080/healthz", "ok"), 100*time.Millisecond, 10*time.Second)
	limits := checks.LimitsAgree("app.service", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(256), CPUMax: cgroupv2.Percent(50)})
	health.Needs, limits.Needs = []string{active}, []string{active}
	return verify.Run(ctx,
		checks.GoRelease("", "/usr/local/go", ">=1.26"),
		checks.Static("", "/opt/app/bin/app"),
		checks.UnitActive("app.service"),
		checks.UnitFrom("app.service", "/etc/systemd/system/app.service"),
		limits, health)
}

// TestTheGuidesProgram keeps what the guide shows one that compiles and runs.
func TestTheGuidesProgram(t *testing.T) {
	guide, err := os.ReadFile("../../docs/verify.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(guide), "```go\n")
	require.True(t, found)
	shown, _, _ := strings.Cut(rest, "```\n")
	source, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	require.Contains(t, string(source), shown)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := machine(ctx)
	require.Equal(t, 6, r.Count(verify.Unknown), "nothing was asked, and nothing passes")
}
