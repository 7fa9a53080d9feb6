package toolchain_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/stretchr/testify/require"
)

// entry is a file of a made-up archive; its zero type is a regular file.
type entry struct {
	tar.Header
	content string
}

func file(name, content string) entry {
	return entry{tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}, content}
}

// pack makes a .tar.gz.
func pack(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	require.NoError(t, err)
	w := tar.NewWriter(z)
	for _, e := range entries {
		require.NoError(t, w.WriteHeader(&e.Header))
		_, err := w.Write([]byte(e.content))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	return b.Bytes()
}

// small is an SDK with everything that an installation looks at, and some
// megabytes that don't compress, so that cuts happen in the middle of it.
func small(t testing.TB, version string, size int) []byte {
	t.Helper()
	noise := make([]byte, size)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	tool := file("go/bin/go", "#!/bin/sh\n")
	tool.Mode = 0o755
	entries := []entry{file("go/VERSION", version+"\ntime 2026-01-01T00:00:00Z\n"), tool}
	for n := range 40 {
		entries = append(entries, file(fmt.Sprintf("go/src/p%d/f.go", n), string(noise[n*size/40:(n+1)*size/40])))
	}
	return pack(t, entries...)
}

// megabytes are small SDKs by version: most tests can do with the same.
var megabytes sync.Map

func megabyte(t testing.TB, version string) []byte {
	b, ok := megabytes.Load(version)
	if !ok {
		b, _ = megabytes.LoadOrStore(version, small(t, version, 1<<20))
	}
	return bytes.Clone(b.([]byte))
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// page serves what the official download page does, in its real format: the
// index, archives with Range and ETag, and bare .sha256 files.
type page struct {
	*httptest.Server
	mu      sync.Mutex
	files   map[string][]byte
	noIndex bool
	gets    map[string]int
	// fault answers in place of the page if it returns true.
	fault func(w http.ResponseWriter, r *http.Request) bool
}

func serve(t testing.TB, versions ...string) *page {
	p := &page{files: map[string][]byte{}, gets: map[string]int{}}
	for _, v := range versions {
		p.files[v+".linux-amd64.tar.gz"] = megabyte(t, v)
	}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := strings.TrimPrefix(r.URL.Path, "/")
	p.gets[name]++
	if p.fault != nil && p.fault(w, r) {
		return
	}
	if name == "" && !p.noIndex {
		p.index(w)
		return
	}
	if b, ok := p.files[strings.TrimSuffix(name, ".sha256")]; ok && strings.HasSuffix(name, ".sha256") {
		fmt.Fprint(w, sum(b))
		return
	}
	b, ok := p.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"`+sum(b)[:16]+`"`)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}

func (p *page) index(w http.ResponseWriter) {
	type indexed struct {
		Filename string `json:"filename"`
		OS       string `json:"os"`
		Arch     string `json:"arch"`
		Version  string `json:"version"`
		SHA256   string `json:"sha256"`
		Size     int    `json:"size"`
		Kind     string `json:"kind"`
	}
	type release struct {
		Version string    `json:"version"`
		Stable  bool      `json:"stable"`
		Files   []indexed `json:"files"`
	}
	releases := []release{{Version: "go1.9.2rc2"}, {Version: "weekly.2012-02-22"}}
	for name, b := range p.files {
		v := strings.TrimSuffix(name, ".linux-amd64.tar.gz")
		releases = append(releases, release{v, true, []indexed{{name, "linux", "amd64", v, sum(b), len(b), "archive"}}})
	}
	_ = json.NewEncoder(w).Encode(releases) // the client sees it if it fails
}

func (p *page) count(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gets[name]
}

func (p *page) source() toolchain.Official { return toolchain.Official{BaseURL: p.URL} }

var linux = toolchain.Platform{OS: "linux", Arch: "amd64"}

func (p *page) sdk(dir, version string) toolchain.SDK {
	return toolchain.SDK{Version: version, Source: p.source(), Dir: dir, Platform: linux, Use: true}
}

// nothing asserts that a failed installation left no half of anything, and
// nothing at all but what was there before.
func nothing(t testing.TB, dir string, err error, before ...string) {
	t.Helper()
	require.Error(t, err)
	require.NotContains(t, err.Error(), "\n", "one line")
	require.True(t, strings.HasPrefix(err.Error(), "toolchain: "), err.Error())
	entries, readErr := os.ReadDir(dir)
	require.NoError(t, readErr)
	for _, e := range entries {
		if !slices.Contains(before, e.Name()) && !strings.HasSuffix(e.Name(), ".lock") && e.Name() != ".downloads" && e.Name() != ".receipts" && e.Name() != ".sumdb" {
			t.Errorf("%s was left", e.Name())
		}
	}
}

func archive(t testing.TB, b []byte) toolchain.Archive {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sdk.tar.gz")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return toolchain.Archive{Path: path, SHA256: sum(b)}
}
