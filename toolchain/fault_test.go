package toolchain_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
)

const tarball = "go1.26.8.linux-amd64.tar.gz"

func TestOfficial(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.25.1", "go1.26.7", "go1.26.8", "go1.24.9"), t.TempDir()
	for wanted, want := range map[string]toolchain.Version{"stable": "go1.26.8", "oldstable": "go1.25.1", "~1.26.3": "go1.26.8", "1.26.7": "go1.26.7"} {
		v, err := p.sdk(t.TempDir(), wanted).Resolve(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, v, wanted)
	}
	sdk := p.sdk(dir, "1.26")
	sdk.Link = filepath.Join(dir, "usr", "go")
	var last toolchain.Progress
	sdk.Progress = func(p toolchain.Progress) { last = p }
	planned, err := sdk.Plan(t.Context())
	require.NoError(t, err)
	made, err := sdk.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, planned, made)
	require.Equal(t, int64(len(p.files[tarball])), last.Done)
	require.Equal(t, last.Total, last.Done)
	b, err := os.ReadFile(filepath.Join(sdk.Link, "VERSION"))
	require.NoError(t, err)
	require.Contains(t, string(b), "go1.26.8")

	p.Close() // from here on there is no network
	made, err = sdk.Ensure(t.Context())
	require.NoError(t, err)
	require.Empty(t, made)
	installed, err := toolchain.List(dir)
	require.NoError(t, err)
	require.NoError(t, installed[0].Verify(t.Context()))
	require.Error(t, toolchain.Remove(t.Context(), installed[0]), "it is current")
}

func TestMirrorWithoutIndex(t *testing.T) {
	p, dir := serve(t, "go1.26.8"), t.TempDir()
	p.noIndex = true
	_, err := toolchain.Install(t.Context(), p.sdk(dir, "1.26.8"))
	require.NoError(t, err)
	_, err = toolchain.Install(t.Context(), p.sdk(dir, "1.25.x"))
	require.ErrorContains(t, err, "ask for an exact version")
}

func TestEndOfLife(t *testing.T) {
	t.Parallel()
	p := serve(t, "go1.26.8", "go1.25.1", "go1.24.9")
	for _, wanted := range []string{"1.24.9", "1.24.x"} {
		dir := t.TempDir()
		sdk := p.sdk(dir, wanted)
		_, err := sdk.Ensure(t.Context())
		var old *toolchain.EndOfLifeError
		require.ErrorAs(t, err, &old)
		require.Equal(t, []string{"1.26", "1.25"}, old.Supported)
		nothing(t, dir, err)
		sdk.AllowEndOfLife = true
		i, err := toolchain.Install(t.Context(), sdk)
		require.NoError(t, err)
		require.ErrorAs(t, toolchain.EndOfLife(t.Context(), i.Version, sdk.Source), &old)
		require.NoError(t, toolchain.EndOfLife(t.Context(), "go1.25.1", sdk.Source))
		require.NoError(t, toolchain.EndOfLife(t.Context(), "go1.28rc1", sdk.Source))
		require.Error(t, toolchain.EndOfLife(t.Context(), i.Version, toolchain.Directory{Path: "/nowhere"}))
	}
}

// TestRefused is what a server can do wrong: each is one clear line, typed where
// a caller may branch on it, with nothing half-made and the version that was there
// before as it was.
func TestRefused(t *testing.T) {
	html := func(w http.ResponseWriter) bool {
		fmt.Fprint(w, "<!DOCTYPE html><title>Please sign in</title>")
		return true
	}
	for name, c := range map[string]struct {
		change  func(p *page)
		version string
		says    string
		typed   any
	}{
		"no such version": {func(*page) {}, "1.26.99", "there is no go1.26.99 for linux/amd64; there are 1.26.8", new(*toolchain.NotFoundError)},
		"no such minor":   {func(*page) {}, "1.99.x", `a version that is "1.99.x"`, new(*toolchain.NotFoundError)},
		"pages for everything": {func(p *page) {
			p.fault = func(w http.ResponseWriter, _ *http.Request) bool { return html(w) }
		}, "1.26.8", "64 hex digits", toolchain.ErrNoDigest},
		"page for the index": {func(p *page) {
			p.fault = func(w http.ResponseWriter, r *http.Request) bool { return r.URL.Path == "/" && html(w) }
		}, "stable", "not the download page's JSON", nil},
		"page for the archive": {func(p *page) {
			p.fault = func(w http.ResponseWriter, r *http.Request) bool {
				return strings.HasSuffix(r.URL.Path, ".gz") && html(w)
			}
		}, "1.26.8", "ends after 44 of", nil},
		"no hash": {func(p *page) {
			p.noIndex = true
			p.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, ".sha256") {
					http.NotFound(w, r)
					return true
				}
				return false
			}
		}, "1.26.8", "nobody vouches", toolchain.ErrNoDigest},
		"changed archive": {func(p *page) {
			p.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, ".gz") {
					return false
				}
				b := append([]byte(nil), p.files[tarball]...)
				b[len(b)/2] ^= 1
				_, _ = w.Write(b)
				return true
			}
		}, "1.26.8", "was changed on the way", new(*toolchain.DigestError)},
		"larger than promised": {func(p *page) {
			p.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, ".gz") {
					_, _ = w.Write(p.files[tarball])
					_, _ = w.Write([]byte("more"))
					return true
				}
				return false
			}
		}, "1.26.8", "larger than", nil},
		"claims to be endless": {func(p *page) {
			p.noIndex = true
			p.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, ".gz") {
					w.Header().Set("Content-Length", strconv.FormatInt(1<<62, 10))
					return true
				}
				return false
			}
		}, "1.26.8", "no SDK has more", nil},
		"holds another version": {func(p *page) { p.files[tarball] = small(t, "go1.26.7", 1000) }, "1.26.8", `it holds "go1.26.7", not go1.26.8`, nil},
		"forbidden": {func(p *page) {
			p.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, ".gz") {
					w.WriteHeader(http.StatusForbidden)
					return true
				}
				return false
			}
		}, "1.26.8", "answers 403 Forbidden", nil},
		"always busy": {func(p *page) {
			p.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, ".gz") {
					w.WriteHeader(http.StatusServiceUnavailable)
					return true
				}
				return false
			}
		}, "1.26.8", "answers 503", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, dir := serve(t, "go1.26.8"), t.TempDir()
			old, err := toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.7", Dir: dir, Platform: linux, Use: true, Source: archive(t, small(t, "go1.26.7", 1000))})
			require.NoError(t, err)
			c.change(p)
			sdk := p.sdk(dir, c.version)
			sdk.Update = true
			_, err = toolchain.Install(t.Context(), sdk)
			nothing(t, dir, err, "1.26.7", "current")
			require.ErrorContains(t, err, c.says)
			switch typed := c.typed.(type) {
			case nil:
			case error:
				require.ErrorIs(t, err, typed)
			default:
				require.ErrorAs(t, err, typed)
			}
			require.NoError(t, old.Verify(t.Context()))
			current, err := os.Readlink(filepath.Join(dir, "current"))
			require.NoError(t, err)
			require.Equal(t, "1.26.7", current)

			p.mu.Lock()
			p.fault, p.noIndex, p.files[tarball] = nil, false, small(t, "go1.26.8", 1<<20)
			p.mu.Unlock()
			_, err = toolchain.Install(t.Context(), p.sdk(dir, "1.26.8"))
			require.NoError(t, err, "it heals")
		})
	}
}

// cut ends a response in its middle, as a broken connection does.
type cut struct {
	http.ResponseWriter
	left int
	sent *int
}

func (c *cut) Write(b []byte) (int, error) {
	if c.left -= len(b); c.left < 0 {
		if f, ok := c.ResponseWriter.(http.Flusher); ok {
			f.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	*c.sent += len(b)
	return c.ResponseWriter.Write(b)
}

// cutting cuts each download of the archive after so many bytes; sent counts them.
func (p *page) cutting(every int, sent *int, before func(*http.Request)) {
	p.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, ".gz") {
			return false
		}
		before(r)
		b := p.files[tarball]
		w.Header().Set("ETag", `"`+sum(b)[:16]+`"`)
		http.ServeContent(&cut{w, every, sent}, r, tarball, time.Time{}, strings.NewReader(string(b)))
		return true
	}
}

func TestCutFiftyTimes(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.26.8"), t.TempDir()
	p.files[tarball] = small(t, "go1.26.8", 4<<20)
	requests, sent, size := 0, 0, len(p.files[tarball])
	p.cutting(size/55, &sent, func(r *http.Request) {
		if requests++; requests > 1 {
			require.NotEmpty(t, r.Header.Get("If-Range"))
		}
	})
	var last toolchain.Progress
	sdk := p.sdk(dir, "1.26.8")
	sdk.Progress = func(now toolchain.Progress) {
		require.GreaterOrEqual(t, now.Done, last.Done)
		last = now
	}
	i, err := toolchain.Install(t.Context(), sdk)
	require.NoError(t, err)
	require.NoError(t, i.Verify(t.Context()))
	require.Positive(t, last.Rate)
	last.Rate = 0
	require.Equal(t, toolchain.Progress{Phase: toolchain.Downloading, Name: tarball, Done: int64(size), Total: int64(size)}, last)
	require.Greater(t, requests, 50)
	require.Less(t, sent-size, 256<<10, "what was sent twice is less than a block")
	t.Logf("%d requests, %d bytes twice", requests, sent-size)
}

// TestObjectChangesInBetween: what was fetched is of another object than what
// is to come. The two are never glued.
func TestObjectChangesInBetween(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.26.8"), t.TempDir()
	p.noIndex = true // the index would have to change in the same moment
	var requests int
	second := small(t, "go1.26.8", 1<<20)
	sent := 0
	p.cutting(600_000, &sent, func(*http.Request) {
		if requests++; requests == 2 {
			p.files[tarball] = second
		}
	})
	_, err := toolchain.Install(t.Context(), p.sdk(dir, "1.26.8"))
	if err != nil { // the hash was of the first one
		nothing(t, dir, err)
		_, err = toolchain.Install(t.Context(), p.sdk(dir, "1.26.8"))
	}
	require.NoError(t, err)
	installed, err := toolchain.List(dir)
	require.NoError(t, err)
	require.NoError(t, installed[0].Verify(t.Context()))
}

// TestLaterRunGoesOn: a download that a run gave up is gone on with, and what
// an earlier run left is not believed.
func TestLaterRunGoesOn(t *testing.T) {
	for name, spoil := range map[string]func(part string, whole []byte){
		"half":      func(part string, b []byte) { require.NoError(t, os.WriteFile(part, b[:len(b)/2], 0o644)) },
		"whole":     func(part string, b []byte) { require.NoError(t, os.WriteFile(part, b, 0o644)) },
		"too much":  func(part string, b []byte) { require.NoError(t, os.WriteFile(part, append(b, b...), 0o644)) },
		"wrong":     func(part string, b []byte) { require.NoError(t, os.WriteFile(part, make([]byte, len(b)/2), 0o644)) },
		"all wrong": func(part string, b []byte) { require.NoError(t, os.WriteFile(part, make([]byte, len(b)), 0o644)) },
		"empty":     func(part string, _ []byte) { require.NoError(t, os.WriteFile(part, nil, 0o644)) },
		"no state": func(part string, b []byte) {
			require.NoError(t, os.WriteFile(part, b[:len(b)/2], 0o644))
			require.NoError(t, os.Remove(part+".state"))
		},
		"other state": func(part string, b []byte) {
			require.NoError(t, os.WriteFile(part, make([]byte, len(b)/2), 0o644))
			require.NoError(t, os.WriteFile(part+".state", []byte(`"other"`), 0o644))
		},
	} {
		for _, noIndex := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", noIndex), func(t *testing.T) {
				t.Parallel()
				p, dir := serve(t, "go1.26.8"), t.TempDir()
				p.noIndex = noIndex
				whole := p.files[tarball]
				part := filepath.Join(dir, ".downloads", partOf(p.files[tarball]))
				require.NoError(t, os.Mkdir(filepath.Dir(part), 0o755))
				require.NoError(t, os.WriteFile(part+".state", []byte(`"`+sum(whole)[:16]+`"`), 0o644))
				spoil(part, append([]byte(nil), whole...))
				i, err := toolchain.Install(t.Context(), p.sdk(dir, "1.26.8"))
				require.NoError(t, err)
				require.NoError(t, i.Verify(t.Context()))
				_, err = os.Stat(part)
				require.ErrorIs(t, err, os.ErrNotExist)
			})
		}
	}
}

func TestNoPlainHTTPAfterTLS(t *testing.T) {
	p := serve(t, "go1.26.8")
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, p.URL+r.URL.String(), http.StatusFound)
	}))
	t.Cleanup(secure.Close)
	dir := t.TempDir()
	source := toolchain.Official{BaseURL: secure.URL, Client: secure.Client()}
	sdk := toolchain.SDK{Version: "1.26.8", Dir: dir, Platform: linux, Source: source}
	_, err := toolchain.Install(t.Context(), sdk)
	nothing(t, dir, err)
	require.ErrorContains(t, err, "plain http")
	source.PlainHTTP = true
	sdk.Source = source
	_, err = toolchain.Install(t.Context(), sdk)
	require.NoError(t, err)
}

// TestProxyOfClient: what the given client says of proxies is what counts.
func TestProxyOfClient(t *testing.T) {
	t.Parallel()
	p := serve(t, "go1.26.8") // in the proxy's place: it is asked for other hosts' URLs
	address, err := url.Parse(p.URL)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(address)}}
	for _, source := range []toolchain.Source{
		toolchain.Official{BaseURL: "http://dl.example.invalid", Client: client},
		toolchain.ModuleProxy{Proxies: goenv.ProxyList{{URL: "http://proxy.example.invalid"}}, Client: client},
	} {
		_, err := toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: t.TempDir(), Platform: linux, Source: source})
		if _, isModule := source.(toolchain.ModuleProxy); isModule {
			require.ErrorContains(t, err, "http://proxy.example.invalid/golang.org/toolchain/@v/v0.0.1-go1.26.8.linux-amd64.info answers 404")
			continue
		}
		require.NoError(t, err)
	}
}

// TestWrongPlatform: neither a platform that nobody builds for nor an SDK of
// another one is installed.
func TestWrongPlatform(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.26.8"), t.TempDir()
	sdk := p.sdk(dir, "1.26.8")
	sdk.Platform = toolchain.Platform{OS: "plan9", Arch: "riscv64"}
	_, err := toolchain.Install(t.Context(), sdk)
	nothing(t, dir, err)
	var missing *toolchain.NotFoundError
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, "for plan9/riscv64")
	other := pack(t, file("go/VERSION", "go1.26.8\n"), file("go/bin/go", ""), file("go/pkg/tool/linux_arm64/compile", ""))
	sdk = toolchain.SDK{Version: "1.26.8", Dir: dir, Platform: linux, Source: archive(t, other)}
	_, err = toolchain.Install(t.Context(), sdk)
	nothing(t, dir, err)
	require.ErrorContains(t, err, "it is for linux/arm64, not linux/amd64")
	sdk.Platform.Arch = "arm64"
	_, err = toolchain.Install(t.Context(), sdk)
	require.NoError(t, err)
}

// TestClockFarOff: to a machine whose clock is wrong every certificate is
// expired, or not valid yet.
func TestClockFarOff(t *testing.T) {
	p := serve(t, "go1.26.8")
	secure := httptest.NewTLSServer(p)
	t.Cleanup(secure.Close)
	client := secure.Client()
	client.Transport.(*http.Transport).TLSClientConfig.Time = func() time.Time { return time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC) } // httptest's begins in 1970
	dir := t.TempDir()
	_, err := toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: dir, Platform: linux, Source: toolchain.Official{BaseURL: secure.URL, Client: client}})
	nothing(t, dir, err)
	require.ErrorContains(t, err, "this machine's clock is wrong")
}

// TestByteByByte: a server that cuts after every few bytes is given up.
func TestByteByByte(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.26.8"), t.TempDir()
	requests := 0
	p.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, ".gz") {
			return false
		}
		requests++
		b := p.files[tarball]
		w.Header().Set("ETag", `"`+sum(b)[:16]+`"`)
		var from int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(b)-1, len(b)))
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = w.Write(b[from : from+1])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	_, err := toolchain.Install(t.Context(), p.sdk(dir, "1.26.8"))
	nothing(t, dir, err)
	require.Equal(t, 5, requests)
}

// TestProxyFaults is about a list of proxies; the real one is TestRealInstall's.
func TestProxyFaults(t *testing.T) {
	server := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	absent, broken, page := server(404, "not found"), server(500, "oops"), server(200, "<html>sign in</html>")
	for list, says := range map[string][]string{
		"off":                    {"GOPROXY ends in off"},
		"direct":                 {"direct, which can't carry one"},
		absent:                   {"there is no go1.26.8", "404"},
		absent + ",direct":       {"404", "direct, which can't carry one"},
		broken + ",direct":       {"500"},
		broken + "|direct":       {"500", "direct, which can't carry one"},
		broken + "|" + absent:    {"500", "404"},
		page:                     {"<html>sign in", "is it a module proxy?"},
		"http://127.0.0.1:1":     {"connection refused"},
		"file:///does/not/exist": {"there is no go1.26.8"},
	} {
		t.Run(list, func(t *testing.T) {
			t.Parallel()
			proxies, err := goenv.ParseProxyList(list)
			require.NoError(t, err)
			dir := t.TempDir()
			_, err = toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: dir, Source: toolchain.ModuleProxy{Proxies: proxies}})
			nothing(t, dir, err)
			for _, s := range says {
				require.ErrorContains(t, err, s)
			}
		})
	}
	dir := t.TempDir()
	_, err := toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: dir, Source: toolchain.ModuleProxy{}})
	nothing(t, dir, err)
	require.ErrorIs(t, err, toolchain.ErrNoProxy)
	_, err = toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: dir, Source: toolchain.ModuleProxy{Proxies: goenv.ProxyList{{URL: absent}}, SumDB: goenv.SumDB{Off: true}}})
	nothing(t, dir, err)
}

// TestWholeEarlierObjectIsNotUnpacked: an earlier run left another object,
// whole and well formed, which the source has replaced since. It must not be
// unpacked under the digest of the new one.
func TestWholeEarlierObjectIsNotUnpacked(t *testing.T) {
	p, dir := serve(t, "go1.26.8"), t.TempDir()
	evil := pack(t, file("go/VERSION", "go1.26.8\n"), file("go/bin/go", "evil"), file("go/evil", "evil"))
	part := filepath.Join(dir, ".downloads", partOf(p.files[tarball]))
	require.NoError(t, os.Mkdir(filepath.Dir(part), 0o755))
	require.NoError(t, os.WriteFile(part, evil, 0o644))
	require.NoError(t, os.WriteFile(part+".state", []byte(`"other"`), 0o644))
	i, err := toolchain.Install(t.Context(), p.sdk(dir, "1.26.8"))
	require.NoError(t, err)
	_, err = os.Stat(filepath.Join(i.GOROOT, "evil"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestDiskFailureIsToldAsSuch: a file system that refuses in the middle of a
// download is not taken for a wrong digest, and what was fetched is kept.
func TestDiskFailureIsToldAsSuch(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.26.8"), t.TempDir()
	refused := file("go/"+strings.Repeat("x", 300), "") // ENAMETOOLONG on every file system of Linux
	noise := make([]byte, 8<<20)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	p.files[tarball] = pack(t, file("go/VERSION", "go1.26.8\n"), refused, file("go/bin/go", ""), file("go/noise", string(noise)))
	p.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, ".gz") {
			return false
		}
		_, _ = w.Write(p.files[tarball][:4<<20])
		w.(http.Flusher).Flush()
		<-r.Context().Done() // the rest is still to come when the file system refuses
		return true
	}
	_, err = toolchain.Install(t.Context(), p.sdk(dir, "1.26.8"))
	nothing(t, dir, err)
	require.ErrorContains(t, err, "file name too long")
	var digest *toolchain.DigestError
	require.NotErrorAs(t, err, &digest)
}

// partOf is the name of the partial file of an archive whose digest is known.
func partOf(b []byte) string {
	s := sum([]byte(sum(b)))
	return tarball + "." + s[:16]
}
