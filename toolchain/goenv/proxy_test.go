package goenv_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/sumdb/note"
)

// corp is a module proxy with one module, example.com/lib v1.0.0, that carries a
// checksum database of its own.
type corp struct {
	*httptest.Server
	db     goenv.SumDB
	mu     sync.Mutex
	asked  []string
	broken bool // the zip has another content than the database vouches for
	down   bool
}

func moduleZip(t testing.TB, word string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range [][2]string{{"go.mod", "module example.com/lib\n\ngo 1.26\n"}, {"lib.go", "package lib\n\nconst Word = \"" + word + "\"\n"}} {
		w, err := z.Create("example.com/lib@v1.0.0/" + f[0])
		require.NoError(t, err)
		_, err = io.WriteString(w, f[1])
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

func hashes(t testing.TB, zipped []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "z")
	require.NoError(t, os.WriteFile(name, zipped, 0o600))
	h1, err := dirhash.HashZip(name, dirhash.Hash1)
	require.NoError(t, err)
	mod, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("module example.com/lib\n\ngo 1.26\n")), nil
	})
	require.NoError(t, err)
	return "example.com/lib v1.0.0 " + h1 + "\nexample.com/lib v1.0.0/go.mod " + mod + "\n"
}

func newCorp(t testing.TB) *corp {
	t.Helper()
	signer, verifier, err := note.GenerateKey(rand.Reader, "sums.example.com")
	require.NoError(t, err)
	good, evil := moduleZip(t, "one"), moduleZip(t, "two")
	sums := hashes(t, good)
	database := sumdb.NewServer(sumdb.NewTestServer(signer, func(path, version string) ([]byte, error) {
		if path != "example.com/lib" || version != "v1.0.0" {
			return nil, os.ErrNotExist
		}
		return []byte(sums), nil
	}))
	c := &corp{db: goenv.SumDB{Name: "sums.example.com", Key: verifier}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.asked = append(c.asked, r.URL.Path)
		c.mu.Unlock()
		if c.down {
			http.Error(w, "out of order", http.StatusBadGateway)
			return
		}
		if rest, ok := strings.CutPrefix(r.URL.Path, "/sumdb/sums.example.com"); ok {
			if r.URL.Path = rest; rest != "/supported" {
				database.ServeHTTP(w, r)
			}
			return
		}
		switch r.URL.Path {
		case "/example.com/lib/@v/list":
			fmt.Fprintln(w, "v1.0.0")
		case "/example.com/lib/@v/v1.0.0.info":
			fmt.Fprint(w, `{"Version":"v1.0.0","Time":"2026-01-01T00:00:00Z"}`)
		case "/example.com/lib/@v/v1.0.0.mod":
			fmt.Fprint(w, "module example.com/lib\n\ngo 1.26\n")
		case "/example.com/lib/@v/v1.0.0.zip":
			if c.broken {
				_, _ = w.Write(evil)
			} else {
				_, _ = w.Write(good)
			}
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// program is a module that needs example.com/lib; sum is its go.sum.
func program(t testing.TB, sum string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module example.com/app\n\ngo 1.26\n\nrequire example.com/lib v1.0.0\n",
		"go.sum":  sum,
		"main.go": "package main\n\nimport \"example.com/lib\"\n\nfunc main() { print(lib.Word) }\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

// machine is the environment of a go command on a machine of its own: nothing is
// in its module cache, and nothing is known of checksum databases.
func machine(t testing.TB, m goenv.Modules) []string {
	t.Helper()
	home := t.TempDir()
	t.Cleanup(func() { _ = exec.Command("chmod", "-R", "u+w", home).Run() }) // the module cache is read-only
	// The caller's own cache must not be found before the machine's.
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "GOMODCACHE=") })
	return append(append(env, m.Env()...), "GOENV=off", "GOMODCACHE="+filepath.Join(home, "mod"), "GOPATH="+home, "GOWORK=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0")
}

func goRun(t testing.TB, dir string, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	return downloading.ReplaceAllString(string(out), ""), err
}

// downloading is what the go command says of its progress.
var downloading = regexp.MustCompile(`(?m)^go: downloading .*\n`)
