package toolchain_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/sumdb/note"
)

// TestChecksumDatabase has a database that lies in the ways that it can: the
// real one never does. Its protocol is that of golang.org/x/mod's own server.
func TestChecksumDatabase(t *testing.T) {
	t.Parallel()
	private, public, err := note.GenerateKey(rand.Reader, "sums.example.com")
	require.NoError(t, err)
	zip := zipped(t, nil, module+"src/_go.mod")
	path := filepath.Join(t.TempDir(), "zip")
	require.NoError(t, os.WriteFile(path, zip, 0o600))
	h1, err := dirhash.HashZip(path, dirhash.Hash1)
	require.NoError(t, err)
	database := func(history string, hash string) http.Handler {
		return sumdb.NewServer(sumdb.NewTestServer(private, func(path, vers string) ([]byte, error) {
			if path != "golang.org/toolchain" {
				return fmt.Appendf(nil, "%s %s h1:%s\n", path, vers, history), nil
			}
			return fmt.Appendf(nil, "%s %s %s\n", path, vers, hash), nil
		}))
	}
	grow := func(db http.Handler, n int) http.Handler {
		for i := range n {
			r := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/lookup/example.com/m%d@v1.0.0", i), nil)
			w := httptest.NewRecorder()
			db.ServeHTTP(w, r)
			require.Equal(t, http.StatusOK, w.Code)
		}
		return db
	}
	var now atomic.Value // http.HandlerFunc
	broken := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "/golang.org/toolchain/@v/v0.0.1-go1.26.8.linux-amd64"
		switch rest, isDB := strings.CutPrefix(r.URL.Path, "/sumdb/sums.example.com"); {
		case isDB && rest == "/supported":
		case isDB:
			r.URL.Path = rest
			defer func() { // x/mod's test server has no answer to what lies beyond its tree
				if recover() != nil {
					http.NotFound(w, r)
				}
			}()
			now.Load().(http.HandlerFunc)(w, r)
		case r.URL.Path == name+".info":
			fmt.Fprint(w, `{"Version":"v0.0.1-go1.26.8.linux-amd64"}`)
		case r.URL.Path == name+".zip" && broken:
			_, _ = w.Write(zipped(t, nil, module+"src/_go.mod", module+"evil"))
		case r.URL.Path == name+".zip":
			_, _ = w.Write(bytes.Clone(zip))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	serve := func(db http.Handler) { now.Store(http.HandlerFunc(db.ServeHTTP)) }
	source := toolchain.ModuleProxy{
		Proxies: goenv.ProxyList{{URL: server.URL}},
		SumDB:   goenv.SumDB{Name: "sums.example.com", Key: public},
		Cache:   t.TempDir(),
	}
	install := func(t *testing.T, source toolchain.ModuleProxy) (string, toolchain.Installation, error) {
		dir := t.TempDir()
		i, err := toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Source: source, Dir: dir, Platform: linux})
		return dir, i, err
	}

	honest := grow(database("a", h1), 300)
	serve(honest)
	_, i, err := install(t, source)
	require.NoError(t, err)
	require.NoError(t, i.Verify(t.Context()))
	require.FileExists(t, filepath.Join(i.GOROOT, "src", "go.mod"))

	t.Run("another zip", func(t *testing.T) {
		broken = true
		defer func() { broken = false }()
		dir, _, err := install(t, source)
		nothing(t, dir, err)
		var digest *toolchain.DigestError
		require.ErrorAs(t, err, &digest)
	})
	t.Run("settings that exempt modules", func(t *testing.T) {
		broken = true
		defer func() { broken = false }()
		settings := map[string]string{
			"GOPROXY": server.URL, "GOSUMDB": public, "GOPRIVATE": "*", "GONOSUMDB": "*", "GONOPROXY": "*", "GOINSECURE": "*",
		}
		m, err := goenv.Parse(settings)
		require.NoError(t, err)
		dir, _, err := install(t, toolchain.ModuleProxy{Proxies: m.Proxy, SumDB: m.SumDB})
		nothing(t, dir, err)
		var digest *toolchain.DigestError
		require.ErrorAs(t, err, &digest)
		settings["GOSUMDB"] = "off"
		m, err = goenv.Parse(settings)
		require.NoError(t, err)
		dir, _, err = install(t, toolchain.ModuleProxy{Proxies: m.Proxy, SumDB: m.SumDB})
		nothing(t, dir, err)
		require.ErrorContains(t, err, "the checksum database is off")
	})
	t.Run("forked", func(t *testing.T) {
		serve(grow(database("b", "h1:evil"), 400))
		fresh := source
		require.NoError(t, os.RemoveAll(filepath.Join(source.Cache, "cache", "sums.example.com", "lookup")), "what it said of this version, not its last signed tree")
		dir, _, err := install(t, fresh)
		require.Error(t, err)
		var security *toolchain.SecurityError
		require.ErrorAs(t, err, &security, err.Error())
		entries, readErr := os.ReadDir(dir)
		require.NoError(t, readErr)
		for _, e := range entries {
			require.True(t, strings.HasPrefix(e.Name(), "."), e.Name())
		}
	})
	t.Run("rolled back", func(t *testing.T) {
		serve(grow(database("a", h1), 10))
		require.NoError(t, os.RemoveAll(filepath.Join(source.Cache, "cache", "sums.example.com", "lookup")))
		dir, _, err := install(t, source)
		nothing(t, dir, err)
		var security *toolchain.SecurityError
		require.ErrorAs(t, err, &security, err.Error())
	})
	t.Run("signed by another key", func(t *testing.T) {
		other, _, err := note.GenerateKey(rand.Reader, "sums.example.com")
		require.NoError(t, err)
		serve(sumdb.NewServer(sumdb.NewTestServer(other, func(path, vers string) ([]byte, error) {
			return fmt.Appendf(nil, "%s %s h1:evil\n", path, vers), nil
		})))
		fresh := source
		fresh.Cache = ""
		_, _, err = install(t, fresh)
		require.Error(t, err)
	})
	t.Run("a page", func(t *testing.T) {
		serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>sign in</html>") }))
		fresh := source
		fresh.Cache = ""
		dir, _, err := install(t, fresh)
		nothing(t, dir, err)
	})
}
