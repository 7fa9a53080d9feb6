package directives_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bedplate/bedplate/unit/internal/directives"
	"github.com/stretchr/testify/require"
)

// The table is what the generator makes of the dumps.
func TestTableIsGenerated(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "testdata", "dumps"), os.DirFS("testdata/dumps")))
	since, err := os.ReadFile("since.txt")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "since.txt"), since, 0o644))
	gen := filepath.Join(dir, "gen")
	out, err := exec.Command("go", "build", "-o", gen, "./gen").CombinedOutput()
	require.NoError(t, err, string(out))
	cmd := exec.Command(gen)
	cmd.Dir = dir
	out, err = cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	want, err := os.ReadFile(filepath.Join(dir, "table.txt"))
	require.NoError(t, err)
	got, err := os.ReadFile("table.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run go generate ./unit/internal/directives")
}

func TestFind(t *testing.T) {
	d, ok := directives.Find("Service", "RestartSteps")
	require.True(t, ok)
	require.Equal(t, 254, d.Since)
	require.True(t, d.In(257))
	require.False(t, d.In(252))
	d, ok = directives.Find("Service", "ExecStart")
	require.True(t, ok)
	require.Equal(t, 247, d.Since)
	_, ok = directives.Find("Service", "ExecStrat")
	require.False(t, ok)
	require.Equal(t, "ExecStart", directives.Nearest("Service", "ExecStrat"))
	require.Equal(t, "Service", directives.NearestSection("service"))
	require.Equal(t, "Socket", directives.Elsewhere("ListenStream"))
	require.Empty(t, directives.Nearest("Service", "SomethingElseAltogether"))
	require.False(t, directives.Known("Servise"))
}
