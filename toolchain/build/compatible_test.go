package build_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/bedplate/bedplate/toolchain/build"
	"github.com/stretchr/testify/require"
)

// host makes a root file system of a loader and libraries, by their names in it.
func host(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, from := range files {
		b, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), b, 0o755))
	}
	return root
}

func libc(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("gcc", "-print-file-name=libc.so.6").Output()
	require.NoError(t, err)
	name, err := filepath.EvalSymlinks(string(out[:len(out)-1]))
	require.NoError(t, err)
	return name
}

// Where there is a C library, the prediction is compared with what the loader does.
func TestCompatible(t *testing.T) {
	t.Parallel()
	program := compile(t, "#include <stdlib.h>\nint main(void) { return getenv(\"x\") != 0; }\n", "program")
	b, err := build.Inspect(program)
	require.NoError(t, err)
	if b.Interpreter == "" || len(b.Needed) != 1 || b.Needed[0] != "libc.so.6" {
		t.Skip("this machine's compiler makes no glibc programs")
	}
	// A C library as it was long ago: it has none of today's versions.
	versions := filepath.Join(t.TempDir(), "versions")
	write(t, versions, "GLIBC_2.0 { global: *; };\n")
	old := compile(t, "int old;\n", "libc.so.6", "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libc.so.6", "-Wl,--version-script="+versions)

	// One whose symbols have no versions, as a library built for musl is.
	bare := compile(t, "int bare;\n", "libc.so.6", "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libc.so.6")
	for _, c := range []struct {
		name   string
		files  map[string]string
		starts bool
		reason string
	}{
		{"complete", map[string]string{b.Interpreter: b.Interpreter, "/lib/libc.so.6": libc(t)}, true, ""},
		{"by ld.so.conf", map[string]string{b.Interpreter: b.Interpreter, "/opt/c/libc.so.6": libc(t)}, true, ""},
		{"nothing", nil, false, "it has no loader " + b.Interpreter},
		{"no library", map[string]string{b.Interpreter: b.Interpreter}, false, "it needs libc.so.6, which is nowhere"},
		{"an old library", map[string]string{b.Interpreter: b.Interpreter, "/lib/libc.so.6": old}, false, "it needs GLIBC_" + b.GLIBC + ", which /lib/libc.so.6 lacks"},
		{"no versions", map[string]string{b.Interpreter: b.Interpreter, "/lib/libc.so.6": bare}, false, "it needs GLIBC_" + b.GLIBC + ", and /lib/libc.so.6 has no versions at all"},
		{"a text file", map[string]string{b.Interpreter: b.Interpreter, "/lib/libc.so.6": versions}, false, "it needs libc.so.6, which is nowhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := host(t, c.files)
			write(t, filepath.Join(root, "etc/ld.so.conf"), "# comment\ninclude ld.so.conf.d/*.conf\n")
			write(t, filepath.Join(root, "etc/ld.so.conf.d/c.conf"), "/opt/c\n")
			err := build.Compatible(b, build.Host{Root: root})
			if len(c.files) == 2 { // with no library there, the loader would take this machine's
				loader := filepath.Join(root, b.Interpreter)
				run := exec.Command(loader, "--inhibit-cache", "--library-path", filepath.Join(root, "lib")+":"+filepath.Join(root, "opt/c"), program)
				require.Equal(t, c.starts, run.Run() == nil, "the loader's verdict")
			}
			if c.starts {
				require.NoError(t, err)
				return
			}
			var incompatible *build.IncompatibleError
			require.ErrorAs(t, err, &incompatible)
			require.Contains(t, incompatible.Reasons, c.reason)
		})
	}
	require.NoError(t, build.Compatible(b, build.Host{}), "it runs here")
}

func TestStaticIsCompatibleWithNothing(t *testing.T) {
	t.Parallel()
	s := project(t)
	b, err := s.Build(t.Context())
	require.NoError(t, err)
	require.NoError(t, build.Compatible(b, build.Host{Root: t.TempDir()}))
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	err = build.Compatible(b, build.Host{Root: t.TempDir(), Arch: other})
	require.ErrorContains(t, err, "it is for "+runtime.GOARCH+", the host is "+other)
	_, err = os.Stat(filepath.Join(s.Root, "app"))
	require.NoError(t, err)
	require.ErrorIs(t, build.Compatible(b, build.Host{Root: "/no/such/root"}), os.ErrNotExist)
}

// musl's loader knows no versions; it looks for every symbol before it starts.
func TestCompatibleMusl(t *testing.T) {
	t.Parallel()
	compilerOf(t, "musl-gcc", "musl-tools")
	musl := func(source, name string, args ...string) string {
		return compileBy(t, "musl-gcc", source, name, args...)
	}
	full := musl("int f(void) { return 1; }\nint g(void) { return 2; }\n", "libx.so", "-shared", "-fPIC", "-Wl,-soname,libx.so")
	part := musl("int f(void) { return 1; }\n", "libx.so", "-shared", "-fPIC", "-Wl,-soname,libx.so")
	program := musl("#include <stdlib.h>\nint f(void);\nint g(void);\n#pragma weak h\nvoid h(void);\nint main(int n, char **v) { if (n > 5) return g(); if (h) h(); return abs(f()) - 1; }\n", "program", full)
	b, err := build.Inspect(program)
	require.NoError(t, err)
	require.Contains(t, b.Interpreter, "/lib/ld-musl-")
	require.Contains(t, b.Needed, "libc.so")
	for _, c := range []struct {
		name   string
		lib    string
		starts bool
		reason string
	}{
		{"complete", full, true, ""},
		{"a library without one function", part, false, "it needs the functions or variables g, which no library has"},
		{"no library", "", false, "nowhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{b.Interpreter: b.Interpreter}
			if c.lib != "" {
				files["/usr/lib/libx.so"] = c.lib
			}
			root := host(t, files)
			err := build.Compatible(b, build.Host{Root: root})
			run := exec.Command(filepath.Join(root, b.Interpreter), "--library-path", filepath.Join(root, "usr/lib"), program)
			require.Equal(t, c.starts, run.Run() == nil, "the loader's verdict")
			if c.starts {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.reason)
		})
	}
}
