package build_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/toolchain/build"
	"github.com/stretchr/testify/require"
)

// compilerOf skips where this machine can't build the mode; with
// BEDPLATE_REQUIRE_TOOLS set, as in CI, that is an error instead.
func compilerOf(t testing.TB, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("BEDPLATE_REQUIRE_TOOLS") != "" {
		t.Fatalf("%s is not installed, and BEDPLATE_REQUIRE_TOOLS is set; apt-get install %s", program, debian)
	}
	t.Skipf("%s is not installed; apt-get install %s", program, debian)
}

// cProgram is a module whose program calls C of its own.
func cProgram(t testing.TB) build.Spec {
	t.Helper()
	return sources(t, map[string]string{
		"main.go": "package main\n\n// #include <stdlib.h>\n// static int twice(int x) { return abs(-2 * x); }\nimport \"C\"\n\nvar version = \"none\"\n\nfunc main() { println(C.twice(21), version) }\n",
	})
}

// libraryProgram is a module with no C but the standard library's.
func libraryProgram(t testing.TB) build.Spec {
	t.Helper()
	return sources(t, map[string]string{
		"main.go": "package main\n\nimport \"os/user\"\n\nvar version = \"none\"\n\nfunc main() { u, err := user.LookupId(\"0\"); println(err == nil && u.Username != \"\", version) }\n",
	})
}

func sources(t testing.TB, files map[string]string) build.Spec {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module example.com/app\n\ngo 1.26\n")
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return build.Spec{GOROOT: goroot(t), Dir: dir, Output: "/app", Root: t.TempDir(), Variables: map[string]string{"main.version": "1.2.3"}}
}

var modes = []struct {
	libc     build.Libc
	linkage  build.Linkage
	compiler string
	debian   string
}{
	{build.NoLibc, build.Static, "go", "golang-go"},
	{build.Glibc, build.Static, "gcc", "gcc libc6-dev"},
	{build.Glibc, build.Dynamic, "gcc", "gcc libc6-dev"},
	{build.Musl, build.Static, "musl-gcc", "musl-tools"},
	{build.Musl, build.Dynamic, "musl-gcc", "musl-tools"},
}

// TestLinkModes builds each mode twice, in different directories, and looks at
// what came out: what it needs, whether it is what the prediction takes it for,
// and whether the bytes are the same.
func TestLinkModes(t *testing.T) {
	t.Parallel()
	for _, m := range modes {
		for name, program := range map[string]func(testing.TB) build.Spec{"C": cProgram, "library": libraryProgram} {
			t.Run(strings.ReplaceAll(m.libc.String(), " ", "")+"-"+[]string{"static", "dynamic"}[m.linkage]+"-"+name, func(t *testing.T) {
				t.Parallel()
				compilerOf(t, m.compiler, m.debian)
				if m.libc == build.NoLibc && name == "C" {
					_, err := program(t).Build(t.Context())
					require.ErrorContains(t, err, "build constraints exclude all Go files")
					return
				}
				s := program(t)
				s.Libc, s.Linkage = m.libc, m.linkage
				b, err := s.Build(t.Context())
				require.NoError(t, err)
				requireMode(t, b, m.libc, m.linkage)
				changes, err := s.Plan(t.Context())
				require.NoError(t, err)
				require.Empty(t, changes)
				if m.linkage == build.Static {
					require.NoError(t, build.Compatible(b, build.Host{Root: t.TempDir()}))
				}
				if build.Compatible(b, build.Host{}) == nil {
					out, err := exec.Command(b.Path).CombinedOutput()
					require.NoError(t, err, "the prediction is that it runs here")
					require.Contains(t, string(out), "1.2.3")
				} else {
					require.Error(t, exec.Command(b.Path).Run(), "the prediction is that it doesn't run here")
				}

				again := program(t)
				again.Libc, again.Linkage = m.libc, m.linkage
				_, err = again.Build(t.Context())
				require.NoError(t, err)
				first, err := os.ReadFile(filepath.Join(s.Root, "app"))
				require.NoError(t, err)
				second, err := os.ReadFile(filepath.Join(again.Root, "app"))
				require.NoError(t, err)
				require.True(t, bytes.Equal(first, second), "two builds of the same differ")
			})
		}
	}
}

func requireMode(t *testing.T, b build.Binary, libc build.Libc, linkage build.Linkage) {
	t.Helper()
	require.Equal(t, libc != build.NoLibc, b.Settings["CGO_ENABLED"] == "1")
	require.Equal(t, linkage == build.Static, b.Static(), b.Needs())
	switch {
	case linkage == build.Static:
	case libc == build.Musl:
		require.Contains(t, b.Interpreter, "/lib/ld-musl-")
		require.Empty(t, b.GLIBC)
	default:
		require.Contains(t, b.Interpreter, "ld-linux")
		require.Contains(t, b.Needed, "libc.so.6")
		require.Regexp(t, `^2\.\d+$`, b.GLIBC)
	}
	host, err := exec.Command("readelf", "-lW", b.Path).Output() // another reader of the same file
	require.NoError(t, err)
	require.Equal(t, linkage == build.Static, !strings.Contains(string(host), "INTERP"))
}

// The common recipe, measured: the flag alone changes nothing where the only cgo
// is the standard library's.
func TestExtldflagsStaticAloneStaysDynamic(t *testing.T) {
	t.Parallel()
	compilerOf(t, "gcc", "gcc libc6-dev")
	s := libraryProgram(t)
	out := filepath.Join(t.TempDir(), "app")
	cmd := exec.Command("go", "build", "-ldflags=-extldflags=-static", "-o", out, ".")
	cmd.Dir, cmd.Env = s.Dir, append(os.Environ(), "CGO_ENABLED=1")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
	b, err := build.Inspect(out)
	require.NoError(t, err)
	require.False(t, b.Static())
}

func TestStaticGlibcThatLies(t *testing.T) {
	t.Parallel()
	compilerOf(t, "gcc", "gcc libc6-dev")
	s := sources(t, map[string]string{
		"main.go": "package main\n\n// #include <netdb.h>\n// #include <stddef.h>\n// static int resolve(void) { struct addrinfo *a; return getaddrinfo(\"localhost\", 0, 0, &a); }\nimport \"C\"\n\nfunc main() { println(C.resolve()) }\n",
	})
	s.Variables = nil
	s.Libc = build.Glibc
	_, err := s.Build(t.Context())
	var lies *build.HostModulesError
	require.ErrorAs(t, err, &lies)
	require.Equal(t, []string{"getaddrinfo"}, lies.Functions)
	require.NoFileExists(t, filepath.Join(s.Root, "app"))
	s.Linkage = build.Dynamic
	_, err = s.Build(t.Context())
	require.NoError(t, err)
}

func TestMissingCompiler(t *testing.T) {
	t.Parallel()
	s := cProgram(t)
	s.Env = append(os.Environ(), "PATH="+t.TempDir())
	for _, c := range []struct {
		libc     build.Libc
		arch     string
		compiler string
		pkg      string
	}{
		{build.Musl, "", "musl-gcc", "musl-tools"},
		{build.Glibc, "", "gcc", "gcc with libc6-dev"},
		{build.Glibc, "riscv64", "riscv64-linux-gnu-gcc", "gcc-riscv64-linux-gnu"},
		{build.Musl, "riscv64", "riscv64-linux-musl-gcc", ""},
	} {
		s.Libc, s.Arch = c.libc, c.arch
		changes, err := s.Plan(t.Context())
		require.NoError(t, err)
		require.Equal(t, "C compiler "+c.compiler, changes[0].Pending)
		made, err := s.Ensure(t.Context())
		require.Empty(t, made)
		var missing *build.MissingCompilerError
		require.ErrorAs(t, err, &missing)
		require.ErrorIs(t, err, exec.ErrNotFound)
		require.Equal(t, c.compiler, missing.Compiler)
		require.Equal(t, c.pkg, missing.Package)
		require.ErrorContains(t, err, c.compiler+" is not in PATH; ")
		require.ErrorContains(t, err, c.pkg)
	}
	// One that is there and lacks its C library.
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "musl-gcc"), []byte("#!/bin/sh\necho 'features.h: No such file or directory' >&2\nexit 1\n"), 0o755))
	s.Libc, s.Arch, s.Env = build.Musl, "", append(os.Environ(), "PATH="+dir)
	_, err := s.Build(t.Context())
	var missing *build.MissingCompilerError
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, "features.h: No such file")
	require.ErrorContains(t, err, "musl-tools")
}

func TestACompilerForAnotherLibrary(t *testing.T) {
	t.Parallel()
	compilerOf(t, "gcc", "gcc libc6-dev")
	s := cProgram(t)
	s.Libc, s.CC = build.Musl, "gcc"
	_, err := s.Build(t.Context())
	require.ErrorContains(t, err, "Libc=musl, but the C compiler gcc is for another C library; set CC to one for musl")
	compilerOf(t, "musl-gcc", "musl-tools")
	s.Libc, s.CC = build.Glibc, "musl-gcc"
	_, err = s.Build(t.Context())
	require.ErrorContains(t, err, "Libc=glibc, but the C compiler musl-gcc")
	s.Libc, s.Linkage, s.CC = build.Musl, build.Dynamic, "musl-gcc -static"
	_, err = s.Build(t.Context())
	require.ErrorContains(t, err, "was to be dynamic, but the C compiler made it static")
}

// What the compiler is told, and the compiler itself, are inputs.
func TestTheCompilerIsAnInput(t *testing.T) {
	t.Parallel()
	compilerOf(t, "gcc", "gcc libc6-dev")
	dir := t.TempDir()
	wrapper := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "mycc"), []byte("#!/bin/sh\n"+text+"exec gcc \"$@\"\n"), 0o755))
	}
	wrapper("")
	s := cProgram(t)
	s.Libc, s.Linkage, s.CC = build.Glibc, build.Dynamic, filepath.Join(dir, "mycc")
	ensure(t, s)
	wrapper("# another one\n")
	made := ensure(t, s)
	require.Contains(t, made[0].Detail, "mycc changed")
	s.Env = append(os.Environ(), "CGO_CFLAGS=-O1")
	made = ensure(t, s)
	require.Contains(t, made[0].Detail, "built otherwise")
}

func TestATargetThatGoDoesNotKnow(t *testing.T) {
	t.Parallel()
	s := libraryProgram(t)
	s.Arch = "vax"
	_, err := s.Build(t.Context())
	require.ErrorContains(t, err, "unsupported GOOS/GOARCH pair linux/vax")
}

func TestACancelledBuildLeavesNothing(t *testing.T) {
	t.Parallel()
	s := cProgram(t)
	s.Libc = build.Glibc
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("not today"))
	_, err := s.Build(ctx)
	require.ErrorContains(t, err, "not today")
	left, err := os.ReadDir(s.Root)
	require.NoError(t, err)
	require.Empty(t, left)
}

// The SDK's own words for a repository's state, from a repository made here.
func TestInspectVCS(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	s := sources(t, map[string]string{"main.go": "package main\n\nfunc main() {}\n"})
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", s.Dir, "-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"}, args...)...)
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "GIT_") }), "GIT_CONFIG_GLOBAL=/dev/null")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return strings.TrimSpace(string(out))
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "one")
	inspect := func() build.Binary {
		out := filepath.Join(t.TempDir(), "app")
		cmd := exec.Command("go", "build", "-buildvcs=true", "-o", out, ".")
		cmd.Dir, cmd.Env = s.Dir, append(os.Environ(), "CGO_ENABLED=0")
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, string(said))
		b, err := build.Inspect(out)
		require.NoError(t, err)
		return b
	}
	clean := inspect()
	require.Equal(t, "git", clean.VCS.System)
	require.Equal(t, git("rev-parse", "HEAD"), clean.VCS.Revision)
	require.Equal(t, git("log", "-1", "--format=%ct"), strconv.FormatInt(clean.VCS.Time.Unix(), 10))
	require.False(t, clean.VCS.Modified)
	require.Equal(t, runtime.Version(), clean.GoVersion)
	write(t, filepath.Join(s.Dir, "more.go"), "package main\n")
	require.True(t, inspect().VCS.Modified)
}

// The short form's second build may find the first one's objects in the cache.
// The long form gives each build a cache of its own, and so compiles all twice.
func TestReproducibleWithoutACache(t *testing.T) {
	t.Parallel()
	if os.Getenv("BEDPLATE_LONG") == "" {
		t.Skip("the long form; set BEDPLATE_LONG=1")
	}
	for _, m := range modes {
		for name, program := range map[string]func(testing.TB) build.Spec{"C": cProgram, "library": libraryProgram} {
			if m.libc == build.NoLibc && name == "C" {
				continue
			}
			compilerOf(t, m.compiler, m.debian)
			var built [2][]byte
			for i := range built {
				s := program(t)
				s.Libc, s.Linkage = m.libc, m.linkage
				s.Env = append(os.Environ(), "GOCACHE="+t.TempDir(), "TMPDIR="+t.TempDir())
				b, err := s.Build(t.Context())
				require.NoError(t, err)
				built[i], err = os.ReadFile(b.Path)
				require.NoError(t, err)
			}
			require.True(t, bytes.Equal(built[0], built[1]), "%v %v %s", m.libc, m.linkage, name)
		}
	}
}
