package toolchain_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/toolchain"
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
