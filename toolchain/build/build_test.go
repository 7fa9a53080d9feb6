package build_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/toolchain/build"
	"github.com/stretchr/testify/require"
)

func goroot(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// project is a module with one program, an embedded file and two packages.
func project(t testing.TB) build.Spec {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":        "module example.com/app\n\ngo 1.26\n",
		"main.go":       "package main\n\nimport (\n\t_ \"embed\"\n\t\"fmt\"\n\t\"example.com/app/word\"\n)\n\n//go:embed data/greeting\nvar greeting string\n\nvar version = \"none\"\n\nfunc main() { fmt.Print(greeting, word.Word, version) }\n",
		"word/word.go":  "package word\n\nconst Word = \" world \"\n",
		"data/greeting": "hello",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return build.Spec{GOROOT: goroot(t), Dir: dir, Output: "/app", Root: t.TempDir(), Variables: map[string]string{"main.version": "1.2.3"}}
}

func run(t testing.TB, s build.Spec) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(s.Root, s.Output)).Output()
	require.NoError(t, err)
	return string(out)
}

func ensure(t testing.TB, s build.Spec) []bedplate.Change {
	t.Helper()
	planned, err := s.Plan(t.Context())
	require.NoError(t, err)
	made, err := s.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, planned, made)
	again, err := s.Ensure(t.Context())
	require.NoError(t, err)
	require.Empty(t, again)
	return made
}

func TestBuildsOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	s := project(t)
	require.Equal(t, []bedplate.Change{{Op: bedplate.OpCreate, Kind: "file", Target: "/app", Detail: "static linux/" + runtime.GOARCH + " from ."}}, ensure(t, s))
	require.Equal(t, "hello world 1.2.3", run(t, s))

	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o600))
	}
	for _, step := range []struct {
		name   string
		do     func()
		reason string
		prints string
	}{
		{"a dependency", func() { write("word/word.go", "package word\n\nconst Word = \" moon \"\n") }, "word.go changed", "hello moon 1.2.3"},
		{"an embedded file", func() { write("data/greeting", "bye") }, "greeting changed", "bye moon 1.2.3"},
		{"a new file", func() { write("word/init.go", "package word\n") }, "files came or went in ", "bye moon 1.2.3"},
		{"go.mod", func() { write("go.mod", "module example.com/app\n\ngo 1.25\n") }, "go.mod changed", "bye moon 1.2.3"},
		{"a variable", func() { s.Variables = map[string]string{"main.version": "2"} }, "built otherwise", "bye moon 2"},
		{"the output", func() {
			require.NoError(t, os.WriteFile(filepath.Join(s.Root, "app"), []byte("#!/bin/sh\n"), 0o755))
		}, "changed after it was built", "bye moon 2"},
		{"the mode", func() { require.NoError(t, os.Chmod(filepath.Join(s.Root, "app"), 0o700)) }, "mode 0700", "bye moon 2"},
		{"the receipt's format", func() {
			require.NoError(t, os.WriteFile(filepath.Join(s.Root, ".app.build.json"), []byte("{}"), 0o600))
		}, "another format", "bye moon 2"},
		{"the receipt", func() { require.NoError(t, os.Remove(filepath.Join(s.Root, ".app.build.json"))) }, "of unknown origin", "bye moon 2"},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.do()
			made := ensure(t, s)
			require.Len(t, made, 1)
			require.Equal(t, bedplate.OpUpdate, made[0].Op)
			require.Contains(t, made[0].Detail, step.reason)
			require.Equal(t, step.prints, run(t, s))
		})
	}
	// A touched file is read again, not built again.
	require.NoError(t, os.Chtimes(filepath.Join(s.Dir, "main.go"), time.Time{}, time.Now().Add(time.Hour)))
	changes, err := s.Plan(t.Context())
	require.NoError(t, err)
	require.Empty(t, changes)
}

func TestSameInputSameBytes(t *testing.T) {
	t.Parallel()
	a, b := project(t), project(t)
	ensure(t, a)
	ensure(t, b)
	first, err := os.ReadFile(filepath.Join(a.Root, "app"))
	require.NoError(t, err)
	second, err := os.ReadFile(filepath.Join(b.Root, "app"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(first, second))
}

func TestCrossBuild(t *testing.T) {
	t.Parallel()
	s := project(t)
	s.Arch = map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	b, err := s.Build(t.Context())
	require.NoError(t, err)
	require.Equal(t, s.Arch, b.Arch)
	require.True(t, b.Static())
	require.Equal(t, runtime.Version(), b.GoVersion)
	require.Equal(t, "example.com/app", b.Module)
	require.Equal(t, "0", b.Settings["CGO_ENABLED"])
	require.ErrorContains(t, build.Compatible(b, build.Host{}), "it is for "+s.Arch)
	require.NoError(t, build.Compatible(b, build.Host{Root: t.TempDir(), Arch: s.Arch}))

	machine := map[string]string{"arm64": "aarch64", "amd64": "x86_64"}[s.Arch]
	for _, emulator := range []string{"qemu-" + machine + "-static", "qemu-" + machine} {
		if emulator, err := exec.LookPath(emulator); err == nil {
			out, err := exec.Command(emulator, b.Path).Output()
			require.NoError(t, err)
			require.Equal(t, "hello world 1.2.3", string(out))
			return
		}
	}
	compilerOf(t, "qemu-"+machine, "qemu-user")
}

func TestAFailedBuildLeavesTheOldBinary(t *testing.T) {
	t.Parallel()
	s := project(t)
	ensure(t, s)
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "main.go"), []byte("package main\n\nfunc main() { undefined() }\n"), 0o600))
	made, err := s.Ensure(t.Context())
	require.ErrorContains(t, err, "undefined: undefined")
	require.Empty(t, made)
	require.Equal(t, "hello world 1.2.3", run(t, s))
}

func TestPending(t *testing.T) {
	t.Parallel()
	s := project(t)
	s.Output = "/opt/app/bin/app"
	changes, err := s.Plan(t.Context())
	require.NoError(t, err)
	require.Equal(t, "directory /opt/app/bin", changes[0].Pending)
	s.GOROOT = filepath.Join(t.TempDir(), "none")
	changes, err = s.Plan(t.Context())
	require.NoError(t, err)
	require.Equal(t, "sdk "+s.GOROOT, changes[0].Pending)
	_, err = s.Ensure(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestBadSpecs(t *testing.T) {
	t.Parallel()
	good := build.Spec{GOROOT: "/go", Output: "/app"}
	for want, spoil := range map[string]func(*build.Spec){
		`GOROOT="go"`:                           func(s *build.Spec) { s.GOROOT = "go" },
		`Output="app"`:                          func(s *build.Spec) { s.Output = "app" },
		`Output="/a/../b"`:                      func(s *build.Spec) { s.Output = "/a/../b" },
		`OS=darwin`:                             func(s *build.Spec) { s.OS = "darwin" },
		`Mode=-rw-r--r--`:                       func(s *build.Spec) { s.Mode = 0o644 },
		`Package="./..."`:                       func(s *build.Spec) { s.Package = "./..." },
		`Package="-exec=x"`:                     func(s *build.Spec) { s.Package = "-exec=x" },
		`tag "a b"`:                             func(s *build.Spec) { s.Tags = []string{"a b"} },
		`variable main.v=`:                      func(s *build.Spec) { s.Variables = map[string]string{"main.v": "a b"} },
		`Linkage=9`:                             func(s *build.Spec) { s.Linkage = 9 },
		`Libc=9`:                                func(s *build.Spec) { s.Libc = 9 },
		`such a program has nothing to link to`: func(s *build.Spec) { s.Linkage = build.Dynamic },
		`OS=darwin has no musl`:                 func(s *build.Spec) { s.OS, s.Linkage, s.Libc = "darwin", build.Dynamic, build.Musl },
		`is never run without a C library`:      func(s *build.Spec) { s.CC = "gcc" },
		`separated by single spaces`:            func(s *build.Spec) { s.Libc, s.CC = build.Glibc, "gcc 'x y'" },
		`a name in PATH or an absolute path`:    func(s *build.Spec) { s.Libc, s.CC = build.Glibc, "./gcc" },
	} {
		s := good
		spoil(&s)
		_, err := s.Plan(t.Context())
		require.ErrorContains(t, err, want)
	}
}

func TestInspectDynamic(t *testing.T) {
	t.Parallel()
	shell, err := filepath.EvalSymlinks("/bin/sh")
	require.NoError(t, err)
	b, err := build.Inspect(shell)
	require.NoError(t, err)
	if !strings.Contains(b.Interpreter, "ld-linux") {
		t.Skip("this machine's shell is not a glibc program")
	}
	require.False(t, b.Static())
	require.Contains(t, b.Needed, "libc.so.6")
	require.Regexp(t, `^2\.\d+$`, b.GLIBC)
	require.NotEmpty(t, b.GLIBCSymbols)
	require.Empty(t, b.GoVersion)
	require.Contains(t, b.Needs(), "libc.so.6")
}

func TestInspectRefusesWhatIsNoELF(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755))
	_, err := build.Inspect(script)
	require.ErrorIs(t, err, build.ErrNotELF)
	_, err = build.Inspect(filepath.Join(t.TempDir(), "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func BenchmarkInspect(b *testing.B) {
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := build.Inspect(exe); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNoop(b *testing.B) {
	s := project(b)
	ensure(b, s)
	b.ReportAllocs()
	for b.Loop() {
		if changes, err := s.Ensure(b.Context()); err != nil || len(changes) > 0 {
			b.Fatal(errors.Join(err, fmt.Errorf("%v", changes)))
		}
	}
}
