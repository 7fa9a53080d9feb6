package toolchain_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/stretchr/testify/require"
)

// TestDirectoryOfTheName: what somebody else made, or emptied, is no SDK, and
// current is not switched to it.
func TestDirectoryOfTheName(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.26.7", "go1.26.8"), t.TempDir()
	_, err := toolchain.Install(t.Context(), p.sdk(dir, "1.26.7"))
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "1.26.8"), 0o755))
	sdk := p.sdk(dir, "1.26.8")
	_, err = sdk.Plan(t.Context())
	require.ErrorContains(t, err, "1.26.8 holds no go command")
	_, err = sdk.Ensure(t.Context())
	require.ErrorContains(t, err, "Repair it, or move it away")
	current, err := os.Readlink(filepath.Join(dir, "current"))
	require.NoError(t, err)
	require.Equal(t, "1.26.7", current)
	installed, err := toolchain.List(dir)
	require.NoError(t, err)
	require.Len(t, installed, 2)
	require.ErrorIs(t, installed[0].Verify(t.Context()), toolchain.ErrNoReceipt)
	require.NoError(t, installed[0].Repair(t.Context(), sdk.Source))
	made, err := sdk.Ensure(t.Context())
	require.NoError(t, err)
	require.Len(t, made, 1)
}

// TestDamagedReceipt: without a receipt nobody can say what is altered, so all
// of it is installed again.
func TestDamagedReceipt(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.26.8"), t.TempDir()
	i, err := toolchain.Install(t.Context(), p.sdk(dir, "1.26.8"))
	require.NoError(t, err)
	receipt := filepath.Join(dir, ".receipts", "1.26.8.json")
	whole, err := os.ReadFile(receipt)
	require.NoError(t, err)
	for name, content := range map[string]string{"empty": "", "no files": "{}", "half": string(whole[:len(whole)/2]), "a page": "<html>"} {
		require.NoError(t, os.WriteFile(receipt, []byte(content), 0o600))
		require.ErrorContains(t, i.Verify(t.Context()), "receipt is damaged", name)
		require.NoError(t, i.Repair(t.Context(), p.source()), name)
		require.NoError(t, i.Verify(t.Context()), name)
	}
	require.NoError(t, os.Remove(receipt))
	require.ErrorIs(t, i.Verify(t.Context()), toolchain.ErrNoReceipt)
	require.NoError(t, i.Repair(t.Context(), p.source()))
	require.NoError(t, i.Verify(t.Context()))
}

// TestModes: a file that is the same to the byte is altered if others may write
// to it, or if it runs as its owner.
func TestModes(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.26.8"), t.TempDir()
	i, err := toolchain.Install(t.Context(), p.sdk(dir, "1.26.8"))
	require.NoError(t, err)
	tool := i.Go()
	for mode, same := range map[os.FileMode]bool{0o755: true, 0o700: true, 0o775: false, 0o757: false, 0o644: false, 0o755 | os.ModeSetuid: false, 0o755 | os.ModeSetgid: false} {
		require.NoError(t, os.Chmod(tool, mode))
		err := i.Verify(t.Context())
		if same {
			require.NoError(t, err, mode)
			continue
		}
		var altered *toolchain.AlteredError
		require.ErrorAs(t, err, &altered, mode)
		require.Equal(t, []toolchain.Difference{{Path: "bin/go", What: "changed"}}, altered.Differences)
	}
	require.NoError(t, i.Repair(t.Context(), p.source()))
	require.NoError(t, i.Verify(t.Context()))
}

// TestVersionIsLink: a look at an SDK does not read what a link leads to.
func TestVersionIsLink(t *testing.T) {
	t.Parallel()
	p, dir := serve(t, "go1.26.8"), t.TempDir()
	i, err := toolchain.Install(t.Context(), p.sdk(dir, "1.26.8"))
	require.NoError(t, err)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("password"), 0o600))
	require.NoError(t, os.Remove(filepath.Join(i.GOROOT, "VERSION")))
	require.NoError(t, os.Symlink(secret, filepath.Join(i.GOROOT, "VERSION")))
	err = i.VerifyQuick()
	require.ErrorContains(t, err, "is no file")
	require.NotContains(t, err.Error(), "password")
}

// TestEnsureTogether: several in one process, with directories to make that are
// missing for all of them.
func TestEnsureTogether(t *testing.T) {
	t.Parallel()
	p, base := serve(t, "go1.26.8"), t.TempDir()
	sdk := p.sdk(filepath.Join(base, "lib", "go"), "1.26.8")
	sdk.Link = filepath.Join(base, "usr", "local", "go")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := sdk.Ensure(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, p.count(tarball))
	require.FileExists(t, filepath.Join(sdk.Link, "VERSION"))
}

// TestDirectoryOfSeveralPlatforms: the newest there is for the wanted one.
func TestDirectoryOfSeveralPlatforms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"go1.26.8.linux-amd64.tar.gz", "go1.26.9.linux-arm64.tar.gz", "go1.26.7.linux-armv6l.tar.gz", "go1.26.10.linux-amd64.zip"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	for arch, want := range map[string]toolchain.Version{"amd64": "go1.26.8", "arm64": "go1.26.9", "arm": "go1.26.7"} {
		sdk := toolchain.SDK{Version: "1.26.x", Dir: t.TempDir(), Platform: toolchain.Platform{OS: "linux", Arch: arch}, Source: toolchain.Directory{Path: dir}}
		v, err := sdk.Resolve(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, v)
	}
}
