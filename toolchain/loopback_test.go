package toolchain_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
)

// loopback serves a real SDK many times over: its module zip as the real proxy
// gave it, with what else that says passed on and remembered, and perhaps an
// archive made of the same files.
type loopback struct {
	*httptest.Server
	version  string
	sumDB    goenv.SumDB
	upstream string

	mu    sync.Mutex
	known map[string][]byte // by path
}

func realSDK(t testing.TB) *loopback {
	t.Helper()
	upstream := proxy(t)
	r := &loopback{
		version: runtime.Version(), sumDB: upstream.SumDB, upstream: strings.TrimSuffix(upstream.Proxies[0].URL, "/"),
		known: map[string][]byte{},
	}
	_, status, err := r.get(r.zip())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// addArchive makes the archive that the official page would have.
func (r *loopback) addArchive(t testing.TB) {
	t.Helper()
	b, _, err := r.get(r.zip())
	require.NoError(t, err)
	packed, name := repacked(t, b), "/"+r.version+".linux-amd64.tar.gz"
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[name], r.known[name+".sha256"] = packed, []byte(sum(packed))
}

func (r *loopback) zip() string {
	return "/golang.org/toolchain/@v/v0.0.1-" + r.version + ".linux-amd64.zip"
}

func (r *loopback) source() toolchain.ModuleProxy {
	return toolchain.ModuleProxy{Proxies: goenv.ProxyList{{URL: r.URL}}, SumDB: r.sumDB}
}

func (r *loopback) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.RawQuery != "" { // the index, which a mirror need not have
		http.NotFound(w, req)
		return
	}
	b, status, err := r.get(req.URL.Path)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadGateway)
	case status != http.StatusOK:
		w.WriteHeader(status)
	default:
		w.Header().Set("ETag", `"one"`) // nothing here ever changes
		http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(b))
	}
}

func (r *loopback) get(name string) ([]byte, int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b, ok := r.known[name]; ok {
		return b, http.StatusOK, nil
	}
	resp, err := http.Get(r.upstream + name)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode == http.StatusOK {
		r.known[name] = b
	}
	return b, resp.StatusCode, err
}

// repacked makes an archive of a module zip.
func repacked(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	var packed bytes.Buffer
	gz, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	require.NoError(t, err)
	w := tar.NewWriter(gz)
	for _, f := range z.File {
		_, name, _ := strings.Cut(f.Name, "@")
		_, name, _ = strings.Cut(name, "/")
		if path.Base(name) == "_go.mod" {
			name = path.Join(path.Dir(name), "go.mod")
		}
		mode := int64(0o644)
		if strings.HasPrefix(name, "bin/") || strings.HasPrefix(name, "pkg/tool/") {
			mode = 0o755
		}
		require.NoError(t, w.WriteHeader(&tar.Header{Name: "go/" + name, Typeflag: tar.TypeReg, Size: int64(f.UncompressedSize64), Mode: mode}))
		content, err := f.Open()
		require.NoError(t, err)
		_, err = io.Copy(w, content) //nolint:gosec // it was verified, or is about to be
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, gz.Close())
	return packed.Bytes()
}
