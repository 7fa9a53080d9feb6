package goenv_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
)

// fromCorp sets the environment that Pack's go command gets modules by.
func fromCorp(t *testing.T, c *corp, private string) {
	t.Helper()
	m, err := goenv.Audited(c.URL, c.db)
	require.NoError(t, err)
	if private != "" {
		m.Private, m.VCS = []string{private}, ""
		m.NoProxy = []string{"none"} // through the proxy all the same
	}
	env := machine(t, m)
	for _, kv := range env {
		if name, value, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "GO") {
			t.Setenv(name, value)
		}
	}
}

func converge(t testing.TB, r bedplate.Resource) []bedplate.Change {
	t.Helper()
	planned, err := r.Plan(t.Context())
	require.NoError(t, err)
	made, err := r.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, planned, made)
	again, err := r.Ensure(t.Context())
	require.NoError(t, err)
	require.Empty(t, again)
	return made
}

func TestBundle(t *testing.T) {
	c := newCorp(t)
	fromCorp(t, c, "")
	sum := hashes(t, moduleZip(t, "one"))
	file := filepath.Join(t.TempDir(), "app.bundle")
	packed, err := goenv.Pack{Dir: program(t, sum)}.Write(t.Context(), file)
	require.NoError(t, err)
	require.Equal(t, []string{"example.com/lib@v1.0.0"}, packed.Modules)
	require.Empty(t, packed.Private)
	second := filepath.Join(t.TempDir(), "app.bundle")
	again, err := goenv.Pack{Dir: program(t, sum)}.Write(t.Context(), second)
	require.NoError(t, err)
	require.Equal(t, packed.SHA256, again.SHA256, "the same project, the same bundle")
	c.Close() // from here on nobody answers

	root := t.TempDir()
	b := goenv.Bundle{Path: file, SHA256: packed.SHA256, Root: root, Dir: "/srv/go/app", SumDB: c.db}
	require.Equal(t, []bedplate.Change{
		{Op: bedplate.OpCreate, Kind: "directory", Target: "/srv"}, {Op: bedplate.OpCreate, Kind: "directory", Target: "/srv/go"},
		{Op: bedplate.OpCreate, Kind: "bundle", Target: "/srv/go/app", Detail: "1 modules"},
	}, converge(t, b))
	require.NoError(t, b.Verify(t.Context()))
	m, err := b.Modules()
	require.NoError(t, err)
	out, err := goRun(t, program(t, sum), machine(t, m), "run", ".")
	require.NoError(t, err, out)
	require.Equal(t, "one", out)
	// The tiles vouch for what go.sum does not have.
	fresh := program(t, "")
	out, err = goRun(t, fresh, append(machine(t, m), "GOFLAGS=-mod=mod"), "mod", "tidy")
	require.NoError(t, err, out)
	made, err := os.ReadFile(filepath.Join(fresh, "go.sum"))
	require.NoError(t, err)
	require.Equal(t, sum, string(made))

	answers, err := goenv.Preflight{Module: "example.com/lib"}.Ask(t.Context(), m)
	require.NoError(t, err)
	for _, a := range answers {
		require.NoError(t, a.Err, a.String())
	}

	zip := filepath.Join(root, "srv/go/app/example.com/lib/@v/v1.0.0.zip")
	require.NoError(t, os.WriteFile(zip, moduleZip(t, "two"), 0o644))
	require.ErrorContains(t, b.Verify(t.Context()), "v1.0.0.zip was changed")
	require.NoError(t, os.Remove(zip))
	require.Contains(t, converge(t, b)[0].Detail, "v1.0.0.zip is not as it was")
	require.NoError(t, b.Verify(t.Context()))

	t.Run("refused", func(t *testing.T) {
		for want, bad := range map[string]goenv.Bundle{
			"its digest is":         {Path: file, SHA256: strings.Repeat("0", 64), SumDB: c.db},
			"is the one to believe": {Path: file, SumDB: goenv.SumDB{Name: "sums.example.com", Key: keyOf("sums.example.com")}},
			"is no bundle":          {Path: "/bin/sh"},
			"no such file":          {Path: "/no/such/bundle"},
		} {
			bad.Root, bad.Dir = t.TempDir(), "/app"
			_, err := bad.Ensure(t.Context())
			require.ErrorContains(t, err, want)
			require.NoDirExists(t, filepath.Join(bad.Root, "app"))
		}
		other := goenv.Bundle{Path: file, Root: t.TempDir(), Dir: "/app", SumDB: c.db}
		require.NoError(t, os.MkdirAll(filepath.Join(other.Root, "app", "precious"), 0o755))
		_, err := other.Ensure(t.Context())
		require.ErrorContains(t, err, "holds something else than a bundle")
	})
}

// rewrite makes another bundle of one.
func rewrite(t testing.TB, file string, change func(name string, content []byte) (string, []byte)) string {
	t.Helper()
	in, err := os.Open(file)
	require.NoError(t, err)
	defer in.Close()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		b, err := io.ReadAll(r)
		require.NoError(t, err)
		if h.Name, b = change(h.Name, b); h.Name == "" {
			continue
		}
		h.Size = int64(len(b))
		require.NoError(t, w.WriteHeader(h))
		_, err = w.Write(b)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	name := filepath.Join(t.TempDir(), "bundle")
	require.NoError(t, os.WriteFile(name, out.Bytes(), 0o644))
	return name
}

// TestHostileBundles: what is not as it was signed is not unpacked, whatever the
// manifest says.
func TestHostileBundles(t *testing.T) {
	c := newCorp(t)
	fromCorp(t, c, "")
	file := filepath.Join(t.TempDir(), "bundle")
	_, err := goenv.Pack{Dir: program(t, hashes(t, moduleZip(t, "one")))}.Write(t.Context(), file)
	require.NoError(t, err)
	good, evil := moduleZip(t, "one"), moduleZip(t, "two")
	require.Len(t, evil, len(good))
	sumOf := func(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
	const zip, manifest = "example.com/lib/@v/v1.0.0.zip", "bundle.json"
	for name, c2 := range map[string]struct {
		change func(name string, b []byte) (string, []byte)
		want   string
	}{
		"a tampered module": {func(n string, b []byte) (string, []byte) {
			if n == zip {
				b = evil
			}
			return n, b
		}, "its content is not what the manifest says"},
		"a tampered module with a manifest to match": {func(n string, b []byte) (string, []byte) {
			switch n {
			case zip:
				b = evil
			case manifest:
				b = bytes.ReplaceAll(b, []byte(sumOf(good)), []byte(sumOf(evil)))
			}
			return n, b
		}, "it was changed"},
		"a module declared private": {func(n string, b []byte) (string, []byte) {
			if n == manifest {
				b = bytes.Replace(b, []byte(`"files"`), []byte(`"private": ["example.com/lib@v1.0.0"], "files"`), 1)
			}
			return n, b
		}, "nobody vouches for them"},
		"a file less": {func(n string, b []byte) (string, []byte) {
			if n == zip {
				n = ""
			}
			return n, b
		}, "stands in its place"},
		"a way out": {func(n string, b []byte) (string, []byte) {
			switch n {
			case zip:
				n = "../../evil"
			case manifest:
				b = bytes.Replace(b, []byte(zip), []byte("../../evil"), 1)
			}
			return n, b
		}, "can't be the name of a file"},
		"an absolute path": {func(n string, b []byte) (string, []byte) {
			if n == manifest {
				b = bytes.Replace(b, []byte(zip), []byte("/evil"), 1)
			}
			return n, b
		}, "can't be the name of a file"},
		"a manifest of another format": {func(n string, b []byte) (string, []byte) {
			if n == manifest {
				b = bytes.Replace(b, []byte(`"format": 1`), []byte(`"format": 9`), 1)
			}
			return n, b
		}, "its format is 9"},
		"no record": {func(n string, b []byte) (string, []byte) {
			if strings.Contains(n, "/lookup/") {
				b = bytes.Replace(b, []byte("h1:"), []byte("h1;"), 1)
			}
			return n, b
		}, "its content is not what the manifest says"},
	} {
		t.Run(name, func(t *testing.T) {
			b := goenv.Bundle{Path: rewrite(t, file, c2.change), Root: t.TempDir(), Dir: "/app", SumDB: c.db}
			_, err := b.Ensure(t.Context())
			require.ErrorContains(t, err, c2.want)
			left, err := os.ReadDir(b.Root)
			require.NoError(t, err)
			for _, e := range left {
				require.True(t, strings.HasSuffix(e.Name(), ".lock"), e.Name())
			}
		})
	}
	cut := filepath.Join(t.TempDir(), "cut")
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cut, whole[:len(whole)*2/3], 0o644))
	_, err = goenv.Bundle{Path: cut, Root: t.TempDir(), Dir: "/app", SumDB: c.db}.Ensure(t.Context())
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// Private modules are in no database: only the digest can vouch for them.
func TestBundleOfPrivateModules(t *testing.T) {
	c := newCorp(t)
	fromCorp(t, c, "example.com/lib")
	file := filepath.Join(t.TempDir(), "bundle")
	packed, err := goenv.Pack{Dir: program(t, hashes(t, moduleZip(t, "one")))}.Write(t.Context(), file)
	require.NoError(t, err)
	require.Equal(t, []string{"example.com/lib@v1.0.0"}, packed.Private)
	b := goenv.Bundle{Path: file, Root: t.TempDir(), Dir: "/app", SumDB: c.db}
	var unvouched *goenv.UnvouchedError
	_, err = b.Ensure(t.Context())
	require.ErrorAs(t, err, &unvouched)
	b.SHA256 = packed.SHA256
	converge(t, b)
}

func TestPackRefuses(t *testing.T) {
	c := newCorp(t)
	fromCorp(t, c, "")
	file := filepath.Join(t.TempDir(), "bundle")
	for want, p := range map[string]goenv.Pack{
		"is in no module":           {Dir: t.TempDir()},
		"checksum mismatch":         {Dir: program(t, hashes(t, moduleZip(t, "two")))},
		"no module proxy has it":    {Dir: program(t, hashes(t, moduleZip(t, "one"))), SDK: "1.99.0"},
		"no such file or directory": {Dir: t.TempDir(), Go: "/no/such/go"},
	} {
		_, err := p.Write(t.Context(), file)
		require.ErrorContains(t, err, want)
		require.NoFileExists(t, file)
	}
	t.Setenv("GOSUMDB", "off")
	_, err := goenv.Pack{Dir: program(t, "")}.Write(t.Context(), file)
	require.ErrorContains(t, err, "nobody could vouch")
}

// A go.sum that lacks something is refused, and not completed behind the
// project's back.
func TestPackWantsACompleteGoSum(t *testing.T) {
	c := newCorp(t)
	fromCorp(t, c, "")
	dir := program(t, "")
	_, err := goenv.Pack{Dir: dir}.Write(t.Context(), filepath.Join(t.TempDir(), "bundle"))
	require.ErrorContains(t, err, "go.sum")
	sum, readErr := os.ReadFile(filepath.Join(dir, "go.sum"))
	require.NoError(t, readErr)
	require.Empty(t, sum)
}
