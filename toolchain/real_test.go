package toolchain_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
)

// proxy is the source that the go command here would use.
func proxy(t testing.TB) toolchain.ModuleProxy {
	t.Helper()
	m, err := goenv.FromGo(t.Context(), "go")
	require.NoError(t, err)
	return toolchain.ModuleProxy{Proxies: m.Proxy, SumDB: m.SumDB}
}

// TestRealInstall downloads a real SDK through the module proxy, verifies it
// against the checksum database, builds and runs a program with it, and damages
// and repairs it.
func TestRealInstall(t *testing.T) {
	t.Parallel()
	dir, source := scratch(t), proxy(t)
	sdk := toolchain.SDK{Version: runtime.Version(), Source: source, Dir: dir, Use: true}
	planned, err := sdk.Plan(t.Context())
	require.NoError(t, err)
	made, err := sdk.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, planned, made)
	require.Len(t, made, 2)
	made, err = sdk.Ensure(t.Context())
	require.NoError(t, err)
	require.Empty(t, made)

	// A minor that is installed is found without any source.
	minor := sdk
	minor.Version = strings.TrimPrefix(strings.Join(strings.Split(runtime.Version(), ".")[:2], "."), "go") + ".x"
	minor.Source = toolchain.ModuleProxy{}
	i, err := toolchain.Install(t.Context(), minor)
	require.NoError(t, err)
	require.Equal(t, toolchain.Version(runtime.Version()), i.Version)

	require.NoError(t, i.Repair(t.Context(), toolchain.ModuleProxy{}), "it verifies, and fetches nothing where nothing is altered")
	program := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(program, []byte("package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"built\") }\n"), 0o600))
	cmd := i.Command(t.Context(), "run", program)
	cmd.Env = i.Env(append(os.Environ(), "GOROOT=/nowhere", "GOTOOLCHAIN=go1.1", "GOFLAGS=-mod=nonsense"))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Run(), errs.String())
	require.Equal(t, "built\n", out.String())

	require.NoError(t, os.Chmod(filepath.Join(i.GOROOT, "src", "fmt", "print.go"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(i.GOROOT, "src", "fmt", "extra.go"), nil, 0o644))
	require.NoError(t, os.Remove(filepath.Join(i.GOROOT, "src", "go.mod")))
	require.NoError(t, i.VerifyQuick())
	require.NoError(t, i.VerifyStandard(t.Context()))
	require.NoError(t, os.WriteFile(filepath.Join(i.GOROOT, "bin", "go"), nil, 0o755))
	require.ErrorContains(t, i.VerifyQuick(), "is no program")
	var altered *toolchain.AlteredError
	require.ErrorAs(t, i.Verify(t.Context()), &altered)
	require.Equal(t, []toolchain.Difference{{"bin/go", "changed"}, {"src/fmt/extra.go", "extra"}, {"src/fmt/print.go", "changed"}, {"src/go.mod", "missing"}}, altered.Differences)
	require.NoError(t, i.Repair(t.Context(), source))
	r, err := i.Receipt()
	require.NoError(t, err)
	require.Len(t, r.Vouches, 1)
	require.Equal(t, source.SumDB.String(), r.Vouches[0].By)

	_, err = toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.999", Source: source, Dir: dir})
	var missing *toolchain.NotFoundError
	require.ErrorAs(t, err, &missing)
	require.NotEmpty(t, missing.Nearest)
	require.NoError(t, i.VerifyQuick(), "a failed installation leaves the others alone")
	left, err := os.ReadDir(filepath.Join(dir, ".downloads"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestRealVersions is the long form: three versions, of three minors.
func TestRealVersions(t *testing.T) {
	if long(0, 1) == 0 {
		t.Skip("it downloads 200 MB; set BEDPLATE_LONG")
	}
	dir, source := scratch(t), proxy(t)
	for _, version := range []string{"1.25.0", "1.26.1", "stable"} {
		i, err := toolchain.Install(t.Context(), toolchain.SDK{Version: version, Source: source, Dir: dir, Use: true, Update: true, AllowEndOfLife: true})
		require.NoError(t, err)
		require.NoError(t, i.Verify(t.Context()))
		require.NoError(t, i.VerifyStandard(t.Context()))
		out, err := i.Command(t.Context(), "version").Output()
		require.NoError(t, err)
		require.Contains(t, string(out), string(i.Version))
		t.Logf("%s", bytes.TrimSpace(out))
	}
	installed, err := toolchain.List(dir)
	require.NoError(t, err)
	require.Len(t, installed, 3)
}
