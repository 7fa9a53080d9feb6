package build_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bedplate/bedplate/toolchain/build"
	"github.com/stretchr/testify/require"
)

func write(t testing.TB, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
}

// TestInputsThatAreEasilyMissed changes what the list of compiled files does not
// show at first sight.
func TestInputsThatAreEasilyMissed(t *testing.T) {
	t.Parallel()
	const program = "package main\n\nimport \"example.com/lib\"\n\nfunc main() { print(lib.Word) }\n"
	for _, c := range []struct {
		name   string
		before map[string]string
		change func(dir string)
		reason string
	}{
		{
			name: "a replaced module",
			before: map[string]string{
				"app/go.mod": "module example.com/app\n\ngo 1.26\n\nrequire example.com/lib v1.0.0\n\nreplace example.com/lib => ../lib\n", "app/main.go": program,
				"lib/go.mod": "module example.com/lib\n\ngo 1.26\n", "lib/lib.go": "package lib\n\nconst Word = \"one\"\n",
			},
			change: func(dir string) { write(t, dir+"/lib/lib.go", "package lib\n\nconst Word = \"two\"\n") },
			reason: "lib.go changed",
		},
		{
			name: "a vendored module",
			before: map[string]string{
				"app/go.mod": "module example.com/app\n\ngo 1.26\n\nrequire example.com/lib v1.0.0\n", "app/main.go": program,
				"app/vendor/modules.txt":            "# example.com/lib v1.0.0\n## explicit; go 1.26\nexample.com/lib\n",
				"app/vendor/example.com/lib/lib.go": "package lib\n\nconst Word = \"one\"\n",
			},
			change: func(dir string) {
				write(t, dir+"/app/vendor/example.com/lib/lib.go", "package lib\n\nconst Word = \"two\"\n")
			},
			reason: "lib.go changed",
		},
		{
			name: "a file that was excluded",
			before: map[string]string{
				"app/go.mod": "module example.com/app\n\ngo 1.26\n", "app/main.go": "package main\n\nfunc main() { print(1) }\n",
				"app/more.go": "//go:build never\n\npackage main\n\nfunc init() { print(2) }\n",
			},
			change: func(dir string) { write(t, dir+"/app/more.go", "package main\n\nfunc init() { print(2) }\n") },
			reason: "more.go changed",
		},
		{
			name: "a new directory below an embedded one",
			before: map[string]string{
				"app/go.mod":        "module example.com/app\n\ngo 1.26\n",
				"app/main.go":       "package main\n\nimport \"embed\"\n\n//go:embed data\nvar data embed.FS\n\nfunc main() { _, err := data.ReadFile(\"data/b/c\"); print(err == nil) }\n",
				"app/data/a/x/file": "a",
			},
			change: func(dir string) { write(t, dir+"/app/data/b/c", "c") },
			reason: "came or went in",
		},
		{
			name: "a hidden file in an embedded directory",
			before: map[string]string{
				"app/go.mod":    "module example.com/app\n\ngo 1.26\n",
				"app/main.go":   "package main\n\nimport \"embed\"\n\n//go:embed all:data\nvar data embed.FS\n\nfunc main() { _, err := data.ReadFile(\"data/.b\"); print(err == nil) }\n",
				"app/data/file": "a",
			},
			change: func(dir string) { write(t, dir+"/app/data/.b", "b") },
			reason: "came or went in",
		},
		{
			name: "a go.sum that comes",
			before: map[string]string{
				"app/go.mod": "module example.com/app\n\ngo 1.26\n", "app/main.go": "package main\n\nfunc main() { print(1) }\n",
			},
			change: func(dir string) { write(t, dir+"/app/go.sum", "") },
			reason: "came or went in",
		},
		{
			name: "another file under the same name, size and time",
			before: map[string]string{
				"app/go.mod": "module example.com/app\n\ngo 1.26\n", "app/main.go": "package main\n\nfunc main() { print(1) }\n",
			},
			change: func(dir string) {
				info, err := os.Stat(dir + "/app/main.go")
				require.NoError(t, err)
				write(t, dir+"/app/new", "package main\n\nfunc main() { print(2) }\n")
				require.NoError(t, os.Chtimes(dir+"/app/new", info.ModTime(), info.ModTime()))
				require.NoError(t, os.Rename(dir+"/app/new", dir+"/app/main.go"))
			},
			reason: "main.go changed",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range c.before {
				write(t, filepath.Join(dir, name), text)
			}
			s := build.Spec{GOROOT: goroot(t), Dir: filepath.Join(dir, "app"), Output: "/app", Root: t.TempDir()}
			ensure(t, s)
			c.change(dir)
			made := ensure(t, s)
			require.Len(t, made, 1)
			require.Contains(t, made[0].Detail, c.reason)
		})
	}
}

// The output may lie in the directory that it is built from.
func TestOutputBesideItsInputs(t *testing.T) {
	t.Parallel()
	s := project(t)
	s.Root, s.Output = "", filepath.Join(s.Dir, "app")
	require.Len(t, ensure(t, s), 1)
}

// What the caller's environment and go env file hold must not lead to another
// binary than the one that the receipt describes.
func TestEnvironmentIsClean(t *testing.T) {
	t.Parallel()
	s := project(t)
	config := t.TempDir() // where the go command looks for its file by itself, on Linux
	write(t, filepath.Join(config, "go", "env"), "GOFLAGS=-tags=nonsense -ldflags=-X=main.version=wrong\nGOAMD64=v3\nGOARM64=v8.2\nGOEXPERIMENT=jsonv2\nCGO_ENABLED=1\n")
	s.Env = append(os.Environ(), "XDG_CONFIG_HOME="+config, "GOFLAGS=-mod=nonsense", "GOAMD64=v4", "GOARM64=v9.0", "GODEBUG=nonsense", "GOROOT=/nonsense", "GOTOOLCHAIN=go1.1", "GOOS=plan9", "GOWORK=/nonsense", "GOEXPERIMENT=nonsense")
	b, err := s.Build(t.Context())
	require.NoError(t, err)
	require.Equal(t, "hello world 1.2.3", run(t, s))
	require.NotContains(t, []string{"v3", "v4"}, b.Settings["GOAMD64"])
	require.NotContains(t, []string{"v8.2", "v9.0"}, b.Settings["GOARM64"])
	require.Empty(t, b.Settings["GOEXPERIMENT"])
}

func TestLevel(t *testing.T) {
	t.Parallel()
	s := project(t)
	s.Arch, s.Level = "amd64", "v1"
	b, err := s.Build(t.Context())
	require.NoError(t, err)
	require.Equal(t, "v1", b.Settings["GOAMD64"])
	changes, err := s.Plan(t.Context())
	require.NoError(t, err)
	require.Empty(t, changes)
	s.Level = ""
	changes, err = s.Plan(t.Context())
	require.NoError(t, err)
	require.Contains(t, changes[0].Detail, "built otherwise")
	s.Arch, s.Level = "s390x", "v2"
	_, err = s.Plan(t.Context())
	require.ErrorContains(t, err, "s390x has no levels")
	s.Arch, s.Level = "amd64", "v9"
	_, err = s.Plan(t.Context())
	require.ErrorContains(t, err, "GOAMD64 is v1, v2, v3 or v4")
	s.Arch, s.Level = "arm64", "v99"
	_, err = s.Build(t.Context())
	require.ErrorContains(t, err, "invalid GOARM64")
}

func TestNoModule(t *testing.T) {
	t.Parallel()
	s := build.Spec{GOROOT: goroot(t), Dir: t.TempDir(), Output: "/app", Root: t.TempDir()}
	_, err := s.Build(t.Context())
	require.ErrorContains(t, err, "is in no module")
}
