package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/bedplate/bedplate/toolchain/goenv"
)

// server has what both sides download: the module zip as a real proxy gave it,
// with the checksum database behind it, and an archive made of the same files.
type server struct {
	served
	upstream     string
	version      string
	zip, archive []byte

	mu    sync.Mutex
	cache map[string][]byte
}

// served is what the server tells of itself.
type served struct {
	URL, SumDB             string
	SHA256                 string // of the archive
	ZipSize, ArchiveSize   int
	ZipFiles, ArchiveFiles int
}

func serve(ctx context.Context, version string) error {
	m, err := goenv.FromGo(ctx, "go")
	if err != nil {
		return err
	}
	s := &server{version: version, upstream: strings.TrimSuffix(m.Proxy[0].URL, "/"), cache: map[string][]byte{}}
	name := "/golang.org/toolchain/@v/v0.0.1-" + version + ".linux-amd64"
	if s.zip, err = s.fetch(name + ".zip"); err != nil {
		return err
	}
	if err := s.pack(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.URL, s.SumDB = "http://"+listener.Addr().String(), m.SumDB.Value()
	s.ZipSize, s.ArchiveSize = len(s.zip), len(s.archive)
	if err := json.NewEncoder(os.Stdout).Encode(s.served); err != nil {
		return err
	}
	debug.FreeOSMemory()
	return http.Serve(listener, s) //nolint:gosec // it ends with its parent
}

// officialFiles is how many an official archive has; the module zip leaves out
// api/, doc/, misc/ and test/.
const officialFiles = 15_036

// pack makes the archive. The official one can't be had through a module proxy,
// so what the zip leaves out is replaced by copies of small files.
func (s *server) pack() error {
	z, err := zip.NewReader(bytes.NewReader(s.zip), int64(len(s.zip)))
	if err != nil {
		return err
	}
	s.ZipFiles = len(z.File)
	var packed bytes.Buffer
	gz, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(gz)
	add := func(name string, content []byte) error {
		mode := int64(0o644)
		if strings.HasPrefix(name, "go/bin/") || strings.HasPrefix(name, "go/pkg/tool/") {
			mode = 0o755
		}
		s.ArchiveFiles++
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(content)), Mode: mode, ModTime: time.Unix(1e9, 0)}); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	var small [][]byte
	for _, f := range z.File {
		_, name, _ := strings.Cut(f.Name, "@")
		_, name, _ = strings.Cut(name, "/")
		r, err := f.Open()
		if err != nil {
			return err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if len(content) < 8<<10 && strings.HasSuffix(name, ".go") {
			small = append(small, content)
		}
		if path.Base(name) == "_go.mod" {
			name = path.Join(path.Dir(name), "go.mod")
		}
		if err := add("go/"+name, content); err != nil {
			return err
		}
	}
	for n := 0; s.ArchiveFiles < officialFiles; n++ {
		if err := add(fmt.Sprintf("go/test/d%d/f%d.go", n/40, n), small[n%len(small)]); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := gz.Close(); err != nil {
		return err
	}
	s.archive = packed.Bytes()
	sum := sha256.Sum256(s.archive)
	s.SHA256 = hex.EncodeToString(sum[:])
	return nil
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	archive := s.version + ".linux-amd64.tar.gz"
	switch r.URL.Path {
	case "/":
		_ = json.NewEncoder(w).Encode([]map[string]any{{"version": s.version, "stable": true, "files": []map[string]any{{
			"filename": archive, "os": "linux", "arch": "amd64", "version": s.version, "sha256": s.SHA256, "size": len(s.archive), "kind": "archive",
		}}}})
	case "/" + archive:
		w.Header().Set("ETag", `"`+s.SHA256[:16]+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.archive))
	case "/golang.org/toolchain/@v/v0.0.1-" + s.version + ".linux-amd64.zip":
		w.Header().Set("ETag", `"zip"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.zip))
	default:
		b, err := s.fetch(r.URL.Path)
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		_, _ = w.Write(b)
	}
}

// fetch asks the real proxy once, and remembers. The warm-up asks, so that no
// run that counts waits for another machine.
func (s *server) fetch(name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.cache[name]; ok {
		return b, nil
	}
	resp, err := http.Get(s.upstream + name)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", name, resp.Status)
	}
	s.cache[name] = b
	return b, nil
}
