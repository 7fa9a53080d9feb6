package toolchain_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/stretchr/testify/require"
)

func TestThirtyTwoProcesses(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.26.8"), scratch(t)
	var wg sync.WaitGroup
	for range 32 {
		cmd := installer(t, dir, p.URL)
		var out bytes.Buffer
		cmd.Stderr = &out
		wg.Go(func() {
			if err := cmd.Run(); err != nil {
				t.Errorf("%v: %s", err, out.Bytes())
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, p.count(tarball), "downloads")
	installed, err := toolchain.List(dir)
	require.NoError(t, err)
	require.Len(t, installed, 1)
	require.NoError(t, installed[0].Verify(t.Context()))
}

// scratch is a temporary directory in memory where there is room: the file
// system of a test machine can be slow at thousands of small files.
func scratch(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "bedplate-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// TestLockHolderKilled: who waits for a killed installer goes on by itself.
func TestLockHolderKilled(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.26.8"), scratch(t)
	downloading := make(chan struct{})
	var once sync.Once
	p.mu.Lock() // requests come from other processes, which nothing else orders
	p.fault = func(w http.ResponseWriter, r *http.Request) bool {
		first := false
		if strings.HasSuffix(r.URL.Path, ".gz") {
			once.Do(func() { first = true })
		}
		if !first {
			return false
		}
		w.Header().Set("ETag", `"`+sum(p.files[tarball])[:16]+`"`)
		_, _ = w.Write(p.files[tarball][:1000])
		w.(http.Flusher).Flush()
		close(downloading)
		p.mu.Unlock() // for the others' requests
		defer p.mu.Lock()
		<-r.Context().Done()
		return true
	}
	p.mu.Unlock()
	holder := installer(t, dir, p.URL)
	require.NoError(t, holder.Start())
	<-downloading
	waiter := installer(t, dir, p.URL)
	var out bytes.Buffer
	waiter.Stderr = &out
	require.NoError(t, waiter.Start())
	time.Sleep(100 * time.Millisecond) // it is at the lock now, most likely; it has to succeed either way
	require.NoError(t, holder.Process.Kill())
	killed := time.Now()
	require.Error(t, holder.Wait())
	require.NoError(t, waiter.Wait(), out.String())
	t.Logf("the next was done %s after its predecessor's death", time.Since(killed).Round(time.Millisecond))
	installed, err := toolchain.List(dir)
	require.NoError(t, err)
	require.Len(t, installed, 1)
	require.NoError(t, installed[0].Verify(t.Context()))
}

func TestUnwritable(t *testing.T) {
	p := serve(t, "go1.26.8")
	occupied := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(occupied, nil, 0o600))
	_, err := toolchain.Install(t.Context(), p.sdk(occupied, "1.26.8"))
	require.ErrorContains(t, err, "directory")
	_, err = toolchain.Install(t.Context(), p.sdk("/proc/bedplate", "1.26.8"))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "\n")
	if os.Getuid() == 0 {
		return // who may write everywhere
	}
	closed := t.TempDir()
	require.NoError(t, os.Chmod(closed, 0o555))
	_, err = toolchain.Install(t.Context(), p.sdk(filepath.Join(closed, "go"), "1.26.8"))
	require.ErrorContains(t, err, "choose a Dir that this user can write to")
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.26.8"), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	sdk := p.sdk(dir, "1.26.8")
	sdk.Progress = func(toolchain.Progress) { cancel() }
	_, err := toolchain.Install(ctx, sdk)
	require.ErrorIs(t, err, context.Canceled)
	nothing(t, dir, err)
}

func TestRootStaysInside(t *testing.T) {
	p, root := serve(t, "go1.26.8"), filepath.Join(t.TempDir(), "root")
	sdk := p.sdk("", "1.26.8")
	sdk.Root, sdk.Link = root, "/usr/local/go"
	planned, err := sdk.Plan(t.Context())
	require.NoError(t, err)
	require.NoDirExists(t, root, "a plan changes nothing")
	made, err := sdk.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, planned, made)
	require.FileExists(t, filepath.Join(root, "usr/local/lib/go/1.26.8/VERSION"))
	target, err := os.Readlink(filepath.Join(root, "usr/local/go"))
	require.NoError(t, err)
	require.Equal(t, "/usr/local/lib/go/current", target)
	made, err = sdk.Ensure(t.Context())
	require.NoError(t, err)
	require.Empty(t, made)
}

func TestUseLinks(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.26.7", "go1.26.8"), scratch(t)
	old, err := toolchain.Install(t.Context(), p.sdk(dir, "1.26.7"))
	require.NoError(t, err)
	_, err = toolchain.Install(t.Context(), p.sdk(dir, "1.26.8"))
	require.NoError(t, err)
	link := filepath.Join(t.TempDir(), "go")
	for range 2 {
		require.NoError(t, toolchain.Use(old, link))
		b, err := os.ReadFile(filepath.Join(link, "VERSION"))
		require.NoError(t, err)
		require.Contains(t, string(b), "go1.26.7")
		target, err := os.Readlink(link)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(dir, "current"), target)
	}
	occupied := filepath.Join(t.TempDir(), "go")
	require.NoError(t, os.Mkdir(occupied, 0o755))
	require.ErrorContains(t, toolchain.Use(old, occupied), "not ours to replace")
	require.ErrorContains(t, toolchain.Use(old, "relative"), "absolute")
}

func TestPruneKeepsWhatIsLinked(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.26.6", "go1.26.7", "go1.26.8", "go1.27.1"), t.TempDir()
	for _, v := range []string{"1.26.7", "1.26.8", "1.27.1", "1.26.6"} { // 1.26.6 is current
		_, err := toolchain.Install(t.Context(), p.sdk(dir, v))
		require.NoError(t, err)
	}
	link := filepath.Join(t.TempDir(), "pinned")
	require.NoError(t, os.Symlink(filepath.Join(dir, "1.26.7"), link))
	removed, err := toolchain.Prune(t.Context(), dir, 1, link, filepath.Join(dir, "no such link"))
	require.NoError(t, err)
	require.Len(t, removed, 1)
	require.Equal(t, toolchain.Version("go1.26.8"), removed[0].Version)
	require.NoFileExists(t, filepath.Join(dir, ".receipts", "1.26.8.json"))
}

// BenchmarkConverged is a second Ensure: nothing to do.
func BenchmarkConverged(b *testing.B) {
	p, dir := serve(b, "go1.26.8"), b.TempDir()
	for _, version := range []string{"1.26.8", "1.26.x"} {
		sdk := p.sdk(dir, version)
		_, err := sdk.Ensure(b.Context())
		require.NoError(b, err)
		b.Run(version, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if made, err := sdk.Ensure(b.Context()); err != nil || len(made) > 0 {
					b.Fatal(made, err)
				}
			}
		})
	}
}
