package checks_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
)

const platform = runtime.GOOS + "/" + runtime.GOARCH

// sdk is the Go that runs this test.
func sdk(t testing.TB) (goroot, version string) {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT", "GOVERSION").Output()
	require.NoError(t, err)
	goroot, version, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	return goroot, version
}

// list is a source with these releases.
type list []toolchain.Version

func (l list) Releases(context.Context) (all []toolchain.Release, err error) {
	for _, v := range l {
		all = append(all, toolchain.Release{Version: v})
	}
	return all, nil
}

func (l list) Open(context.Context, toolchain.Version, toolchain.Platform) (toolchain.Artifact, error) {
	return toolchain.Artifact{}, errors.New("nothing to open")
}

func TestGoVersions(t *testing.T) {
	root := tree(t, map[string]string{"go/VERSION": "go1.26.8\ntime 2026-01-01T00:00:00Z\n", "rc/VERSION": "go1.27rc1\n", "none/": "", "odd/VERSION": "devel\n"})
	releases := list{"go1.25.1", "go1.26", "go1.26.8", "go1.27rc1", "go1.24.3"}
	judge(t, []want{
		{checks.GoVersion(root, "/go", "go1.26.8"), verify.Pass, ""},
		{checks.GoVersion(root, "/go", "go1.26.7"), verify.Fail, "holds another version"},
		{checks.GoVersion(root, "/none", "go1.26.7"), verify.Fail, "has no VERSION file"},
		{checks.GoRelease(root, "/go", "1.26.x"), verify.Pass, ""},
		{checks.GoRelease(root, "/go", ">=1.25 <1.27"), verify.Pass, ""},
		{checks.GoRelease(root, "/go", "~1.25.3"), verify.Fail, "wanted ~1.25.3, found go1.26.8"},
		{checks.GoRelease(root, "/rc", "1.27.x"), verify.Fail, "go1.27rc1"},
		{checks.GoRelease(root, "/go", "newest"), verify.Unknown, "is no constraint"},
		{checks.GoRelease(root, "/odd", "1.26.x"), verify.Unknown, "no Go version"},
		{checks.GoSupported(root, "/go", releases), verify.Pass, "1.25 or newer"},
		{checks.GoSupported(root, "/rc", releases), verify.Pass, ""},
		{checks.GoSupported(root, "/go", append(releases, "go1.27", "go1.28")), verify.Fail, "gets no security fixes"},
		{checks.GoSupported(root, "/go", list{"go1.26"}), verify.Unknown, "does not say what is supported"},
	})
}

func TestGoItself(t *testing.T) {
	goroot, version := sdk(t)
	judge(t, []want{
		{checks.GoVersion("", goroot, version), verify.Pass, version},
		{checks.GoParts("", goroot, platform), verify.Pass, version},
		{checks.GoParts("", goroot, "plan9/386"), verify.Fail, "pkg/tool/plan9_386/compile is missing"},
		{checks.GoCompiles(goroot), verify.Pass, platform},
		{checks.GoCompiles(t.TempDir()), verify.Fail, "no such file"},
		{checks.GoBuilds(goroot), verify.Pass, "built, linked and run"},
		{checks.GoMetrics(goroot), verify.Pass, "metrics, heap"},
		{checks.GoModules(filepath.Join(goroot, "bin/go"), goenv.Modules{Private: []string{"git.example.com/*"}}), verify.Fail, "GOPRIVATE is "},
		{checks.GoModules("no-such-go", goenv.Modules{}), verify.Unknown, "no-such-go"},
	})
}

func TestGoCgo(t *testing.T) {
	goroot, _ := sdk(t)
	if _, err := exec.LookPath("gcc"); err != nil {
		judge(t, []want{{checks.GoCgo(goroot), verify.Fail, "install a C compiler"}})
		return
	}
	judge(t, []want{{checks.GoCgo(goroot), verify.Pass, "built, linked and run"}})
	t.Setenv("CC", "no-such-compiler")
	judge(t, []want{{checks.GoCgo(goroot), verify.Fail, "no-such-compiler"}})
}

// A tree that is half of another, as an interrupted update in place leaves it.
func TestGoParts(t *testing.T) {
	goroot, version := sdk(t)
	root := t.TempDir()
	tools := "pkg/tool/" + runtime.GOOS + "_" + runtime.GOARCH
	require.NoError(t, os.MkdirAll(filepath.Join(root, "go/bin"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "go", tools), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "go/VERSION"), []byte(version), 0o644))
	for _, part := range []string{"bin/go", tools + "/compile", tools + "/link", tools + "/asm"} {
		b, err := os.ReadFile(filepath.Join(goroot, part))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, "go", part), b, 0o755))
	}
	c := checks.GoParts(root, "/go", platform)
	judge(t, []want{{c, verify.Pass, ""}})
	require.NoError(t, os.Chmod(filepath.Join(root, "go/bin/go"), 0o644))
	judge(t, []want{{c, verify.Fail, "bin/go can't be executed"}})
	require.NoError(t, os.Chmod(filepath.Join(root, "go/bin/go"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "go", tools, "link"), []byte("#!/bin/sh\n"), 0o755))
	judge(t, []want{{c, verify.Fail, tools + "/link is no Go program"}})
	require.NoError(t, os.WriteFile(filepath.Join(root, "go/VERSION"), []byte("go1.20.1"), 0o644))
	judge(t, []want{{c, verify.Fail, "bin/go was built as " + version}})
}

func TestGoTree(t *testing.T) {
	var archive bytes.Buffer
	z := gzip.NewWriter(&archive)
	w := tar.NewWriter(z)
	for name, text := range map[string]string{"go/VERSION": "go1.26.8\n", "go/bin/go": "#!/bin/sh\n", "go/src/a/a.go": "package a\n"} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}))
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(w.Close(), z.Close()))
	packed := filepath.Join(t.TempDir(), "go1.26.8."+strings.ReplaceAll(platform, "/", "-")+".tar.gz")
	require.NoError(t, os.WriteFile(packed, archive.Bytes(), 0o600))
	sum := sha256.Sum256(archive.Bytes())
	dir := t.TempDir()
	i, err := toolchain.Install(t.Context(), toolchain.SDK{
		Version: "1.26.8", Dir: dir, AllowEndOfLife: true, Source: toolchain.Archive{Path: packed, SHA256: hex.EncodeToString(sum[:])},
	})
	require.NoError(t, err)
	judge(t, []want{{checks.GoTree(dir, "go1.26.8"), verify.Pass, ""}, {checks.GoTree(dir, "go1.26.7"), verify.Fail, "it is not installed"}})

	file := filepath.Join(i.GOROOT, "src/a/a.go")
	require.NoError(t, os.Chmod(file, 0o644))
	require.NoError(t, os.WriteFile(file, []byte("package b\n"), 0o644))
	judge(t, []want{{checks.GoTree(dir, "go1.26.8"), verify.Fail, "src/a/a.go changed"}})
	require.NoError(t, os.RemoveAll(filepath.Join(dir, ".receipts")))
	judge(t, []want{{checks.GoTree(dir, "go1.26.8"), verify.Unknown, "no receipt"}})
}

func TestGoStray(t *testing.T) {
	clean := map[string]string{
		"go/go.env": "# default\nGOPROXY=https://proxy.example.com\nGOTOOLCHAIN=auto\n", "etc/environment": "PATH=/usr/bin\n# GOROOT=/old\n",
		"etc/profile.d/go.sh": "PATH=$PATH:/usr/local/go/bin\nexport GOTOOLCHAIN=local\nMYGOROOT=1\n", "etc/systemd/system.conf": "[Manager]\n#DefaultEnvironment=GOROOT=/x\n",
	}
	judge(t, []want{{checks.GoStray(tree(t, clean), "/go"), verify.Pass, ""}})
	for file, line := range map[string]string{
		"etc/environment": "GOROOT=/usr/lib/go", "etc/profile.d/go.sh": "export GOROOT=\"/usr/lib/go\"", "root/.bashrc": "  export GOFLAGS=-mod=mod",
		"etc/profile.d/go.csh": "setenv GOROOT /usr/lib/go", "etc/systemd/system.conf.d/go.conf": "[Manager]\nDefaultEnvironment=\"A=b\" \"GOROOT=/usr/lib/go\"",
		"etc/environment.d/60-go.conf": "GOTOOLCHAIN=go1.20.1", "root/.config/go/env": "GOFLAGS=-mod=mod", "go/go.env": "GOFLAGS=-insecure",
	} {
		files := map[string]string{file: line + "\n"}
		for name, text := range clean {
			if name != file {
				files[name] = text
			}
		}
		judge(t, []want{{checks.GoStray(tree(t, files), "/go"), verify.Fail, "/" + file + " sets GO"}})
	}
}

func TestGoFirst(t *testing.T) {
	root := tree(t, map[string]string{"usr/local/lib/go/1.26.8/bin/go": "new", "usr/bin/go": "old", "opt/bin/": "", "srv/go/": ""})
	for _, f := range []string{"usr/local/lib/go/1.26.8/bin/go", "usr/bin/go"} {
		require.NoError(t, os.Chmod(filepath.Join(root, f), 0o755))
	}
	require.NoError(t, os.Symlink("lib/go/1.26.8", filepath.Join(root, "usr/local/go")))
	require.NoError(t, os.Symlink("/usr/local/go/bin/go", filepath.Join(root, "opt/bin/go")))
	judge(t, []want{
		{checks.GoFirst(root, "/usr/local/go/bin:/usr/bin", "/usr/local/go"), verify.Pass, "/usr/local/go/bin/go, /usr/bin/go"},
		{checks.GoFirst(root, "/opt/bin:/usr/bin", "/usr/local/go"), verify.Pass, "/opt/bin/go"},
		{checks.GoFirst(root, "/srv:/usr/bin:/usr/local/go/bin", "/usr/local/go"), verify.Fail, "/usr/bin/go comes first, and is another Go"},
		{checks.GoFirst(root, "/srv", "/usr/local/go"), verify.Fail, "no go command is in PATH"},
		{checks.GoFirst(root, "/usr/bin::/srv", "/usr/local/go"), verify.Unknown, "no absolute directory"},
		{checks.GoFirst(root, "/usr/bin", "/srv/go"), verify.Fail, "absent"},
	})
}
