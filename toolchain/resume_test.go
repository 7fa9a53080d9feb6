package toolchain_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/stretchr/testify/require"
)

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
