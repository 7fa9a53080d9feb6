package goenv_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
)

// TestAudited: one proxy and one database of one's own, with the real go command.
func TestAudited(t *testing.T) {
	c := newCorp(t)
	m, err := goenv.Audited(c.URL, c.db)
	require.NoError(t, err)
	dir := program(t, hashes(t, moduleZip(t, "one")))
	out, err := goRun(t, dir, machine(t, m), "run", ".")
	require.NoError(t, err, out)
	require.Equal(t, "one", out)

	t.Run("go.sum comes from the database", func(t *testing.T) {
		dir := program(t, "")
		out, err := goRun(t, dir, machine(t, m), "build", "-o", os.DevNull, ".")
		require.Error(t, err)
		require.Contains(t, out, "missing go.sum entry", "-mod=readonly")
		env := append(machine(t, m), "GOFLAGS=-mod=mod")
		out, err = goRun(t, dir, env, "mod", "tidy")
		require.NoError(t, err, out)
		sum, err := os.ReadFile(filepath.Join(dir, "go.sum"))
		require.NoError(t, err)
		require.Equal(t, hashes(t, moduleZip(t, "one")), string(sum))
		require.True(t, slices.ContainsFunc(c.asked, func(p string) bool { return strings.Contains(p, "/lookup/example.com/lib@v1.0.0") }))
	})
	t.Run("a tampered module", func(t *testing.T) {
		c.broken = true
		defer func() { c.broken = false }()
		out, err := goRun(t, program(t, hashes(t, moduleZip(t, "one"))), machine(t, m), "run", ".")
		require.Error(t, err)
		require.Contains(t, out, "SECURITY ERROR", "go.sum knows better")
		out, err = goRun(t, program(t, ""), append(machine(t, m), "GOFLAGS=-mod=mod"), "mod", "tidy")
		require.Error(t, err)
		require.Contains(t, out, "SECURITY ERROR", "the database knows better")
	})
	t.Run("another key", func(t *testing.T) {
		other, err := goenv.Audited(c.URL, goenv.SumDB{Name: "sums.example.com", Key: keyOf("sums.example.com")})
		require.NoError(t, err)
		out, err := goRun(t, program(t, ""), append(machine(t, other), "GOFLAGS=-mod=mod"), "mod", "tidy")
		require.Error(t, err)
		require.Contains(t, out, "no verifiable signatures", out)
	})
	t.Run("no way around", func(t *testing.T) {
		out, err := goRun(t, dir, machine(t, m), "list", "-m", "example.com/other@latest")
		require.Error(t, err)
		require.Contains(t, out, "GOPROXY", out)
	})
	for want, bad := range map[string]func() (goenv.Modules, error){
		"has no key of its own": func() (goenv.Modules, error) { return goenv.Audited(c.URL, goenv.SumDB{}) },
		"can't be off":          func() (goenv.Modules, error) { return goenv.Audited(c.URL, goenv.SumDB{Off: true}) },
		"has one proxy, not":    func() (goenv.Modules, error) { return goenv.Audited("direct", c.db) },
		"has the key of":        func() (goenv.Modules, error) { return goenv.Audited(c.URL, goenv.SumDB{Name: "x", Key: otherKey}) },
	} {
		_, err := bad()
		require.ErrorContains(t, err, want)
	}
}

// TestHybrid gets a real module through a list whose first mirror is down, and
// whose second is the proxy that the go command here uses.
func TestHybrid(t *testing.T) {
	c := newCorp(t)
	c.down = true
	here, err := goenv.FromGo(t.Context(), "go")
	require.NoError(t, err)
	m, err := goenv.Hybrid([]string{c.URL, here.Proxy[0].URL}, "*.corp.example.com")
	require.NoError(t, err)
	require.Equal(t, goenv.Direct, m.Proxy[2].URL)
	m.SumDB = here.SumDB
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/app\n\ngo 1.26\n"), 0o644))
	env := machine(t, m)
	out, err := goRun(t, dir, env, "get", realModule+"@"+realVersion)
	require.NoError(t, err, out)
	require.NotEmpty(t, c.asked, "the first mirror was asked")
	sum, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	require.NoError(t, err)
	require.Contains(t, string(sum), realModule+" "+realVersion+" h1:")

	// Whichever mirror serves it, the database's word counts.
	tampered := strings.Replace(string(sum), realVersion+" h1:", realVersion+" h1:AAAA", 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), []byte(tampered), 0o644))
	out, err = goRun(t, dir, machine(t, m), "mod", "download")
	require.Error(t, err)
	require.Contains(t, out, "checksum mismatch")

	for want, mirrors := range map[string][]string{"at least one mirror": nil, "must be the URL of one proxy": {"off"}, "has no scheme": {"/x"}} {
		_, err := goenv.Hybrid(mirrors)
		require.ErrorContains(t, err, want)
	}
}

// A real module without requirements, as small as they come.
const (
	realModule  = "golang.org/x/xerrors"
	realVersion = "v0.0.0-20240903120638-7835f813f4da"
)

// TestIsolated builds from a directory and nothing else.
func TestIsolated(t *testing.T) {
	c := newCorp(t)
	audited, err := goenv.Audited(c.URL, c.db)
	require.NoError(t, err)
	sum := hashes(t, moduleZip(t, "one"))
	connected := machine(t, audited)
	out, err := goRun(t, program(t, sum), connected, "mod", "download")
	require.NoError(t, err, out)
	cache := strings.TrimPrefix(connected[slices.IndexFunc(connected, func(kv string) bool { return strings.HasPrefix(kv, "GOMODCACHE=") })], "GOMODCACHE=")
	c.down = true

	m, err := goenv.Isolated(cache)
	require.NoError(t, err)
	require.Equal(t, "file://"+cache+"/cache/download,off", m.Proxy.String())
	out, err = goRun(t, program(t, sum), machine(t, m), "run", ".")
	require.NoError(t, err, out)
	require.Equal(t, "one", out)
	out, err = goRun(t, program(t, ""), machine(t, m), "run", ".")
	require.Error(t, err, "go.sum is required")
	require.Contains(t, out, "missing go.sum entry")
	_, err = goenv.Isolated(filepath.Join(cache, "cache", "download"))
	require.NoError(t, err)

	zip := filepath.Join(cache, "cache/download/example.com/lib/@v/v1.0.0.zip")
	require.NoError(t, os.Chmod(zip, 0o644))
	require.NoError(t, os.WriteFile(zip, moduleZip(t, "two"), 0o644))
	out, err = goRun(t, program(t, sum), machine(t, m), "run", ".")
	require.Error(t, err)
	require.Contains(t, out, "checksum mismatch")

	_, err = goenv.Isolated(t.TempDir())
	require.ErrorContains(t, err, "is no module cache")
	_, err = goenv.Isolated(zip)
	require.ErrorContains(t, err, "is no directory")
	_, err = goenv.Isolated("/no/such/cache")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = goenv.Isolated("relative")
	require.ErrorContains(t, err, "absolute")
}
