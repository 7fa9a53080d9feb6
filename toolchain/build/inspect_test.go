package build_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/toolchain/build"
	"github.com/stretchr/testify/require"
)

// compile makes an ELF file from C.
func compile(t testing.TB, source, name string, args ...string) string {
	t.Helper()
	compilerOf(t, "gcc", "gcc libc6-dev")
	return compileBy(t, "gcc", source, name, args...)
}

func compileBy(t testing.TB, compiler, source, name string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x.c"), source)
	out, err := exec.Command(compiler, append([]string{"-o", filepath.Join(dir, name), filepath.Join(dir, "x.c")}, args...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return filepath.Join(dir, name)
}

func spoil(t testing.TB, name string, change func(b []byte) []byte) string {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	copied := filepath.Join(t.TempDir(), "spoilt")
	require.NoError(t, os.WriteFile(copied, change(b), 0o755))
	return copied
}

// What the loader checks is one thing, the symbols' names are another: the
// answer doesn't change with the section headers, which the loader never reads.
func TestInspectReadsWhatTheLoaderReads(t *testing.T) {
	t.Parallel()
	program := compile(t, "#include <stdlib.h>\nint main(void) { return getenv(\"x\") != 0; }\n", "program")
	want, err := build.Inspect(program)
	require.NoError(t, err)
	require.Equal(t, []string{"libc.so.6"}, want.Needed)
	require.NotEmpty(t, want.GLIBC)
	require.Contains(t, want.Needs(), "GLIBC_"+want.GLIBC)
	stripped := spoil(t, program, func(b []byte) []byte {
		clear(b[0x28:0x30]) // e_shoff
		clear(b[0x3c:0x40]) // e_shnum, e_shstrndx
		return b
	})
	require.NoError(t, exec.Command(stripped).Run(), "it runs all the same")
	got, err := build.Inspect(stripped)
	require.NoError(t, err)
	require.Equal(t, want.Needs(), got.Needs())
	require.Equal(t, want.Versions, got.Versions)
	require.Empty(t, got.GLIBCSymbols)
}

func TestWeakSymbolsAreApart(t *testing.T) {
	t.Parallel()
	program := compile(t, "#include <stdlib.h>\n#include <threads.h>\n#pragma weak thrd_yield\nint main(void) { if (thrd_yield) thrd_yield(); return getenv(\"x\") != 0; }\n", "program")
	b, err := build.Inspect(program)
	require.NoError(t, err)
	require.Contains(t, b.WeakSymbols, "thrd_yield")
	require.NotContains(t, b.GLIBCSymbols, "thrd_yield")
}

func TestInspectRefusesWhatWouldNotRun(t *testing.T) {
	t.Parallel()
	program := compile(t, "int main(void) { return 0; }\n", "program")
	object := compile(t, "int x;\n", "object.o", "-c")
	_, err := build.Inspect(object)
	require.ErrorIs(t, err, build.ErrNotELF)
	require.ErrorContains(t, err, "ET_REL")
	_, err = build.Inspect(spoil(t, program, func(b []byte) []byte { return b[:len(b)/4] }))
	require.Error(t, err)
	_, err = build.Inspect(t.TempDir())
	require.ErrorIs(t, err, build.ErrNotELF)

	s := project(t)
	ensure(t, s)
	_, err = build.Inspect(spoil(t, filepath.Join(s.Root, "app"), func(b []byte) []byte { return b[:len(b)/2] }))
	require.Error(t, err, "an interrupted copy")
}

// Every byte of the dynamic section, one after the other, changed.
func TestInspectHostileDynamic(t *testing.T) {
	t.Parallel()
	program := compile(t, "int main(void) { return 0; }\n", "program")
	f, err := elf.Open(program)
	require.NoError(t, err)
	defer f.Close()
	i := slices.IndexFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_DYNAMIC })
	file, err := os.ReadFile(program)
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "x")
	for _, region := range []struct{ from, size uint64 }{{f.Progs[i].Off, f.Progs[i].Filesz}, {0x40, 56 * uint64(len(f.Progs))}} {
		for at := range region.size {
			b := slices.Clone(file)
			b[region.from+at] ^= 0xff
			require.NoError(t, os.WriteFile(name, b, 0o600))
			_, _ = build.Inspect(name) // an error or an answer, never a panic
		}
	}
}

var versioned = regexp.MustCompile(`Name: GLIBC_([0-9.]+)`)

// TestInspectIsReadelfs compares with another reader of the same files.
func TestInspectIsReadelfs(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("readelf"); err != nil {
		t.Skip("readelf is not installed")
	}
	compared := 0
	for _, name := range []string{"/bin/sh", "/bin/ls", "/usr/bin/env", "/usr/bin/readelf", "/bin/mount"} {
		name, err := filepath.EvalSymlinks(name)
		if err != nil {
			continue
		}
		b, err := build.Inspect(name)
		if err != nil {
			continue
		}
		out, err := exec.Command("readelf", "--wide", "--dynamic", "--version-info", name).Output()
		require.NoError(t, err)
		for _, lib := range b.Needed {
			require.Contains(t, string(out), "Shared library: ["+lib+"]")
		}
		require.Equal(t, strings.Count(string(out), "(NEEDED)"), len(b.Needed), name)
		for _, m := range versioned.FindAllStringSubmatch(string(out), -1) {
			require.True(t, slices.ContainsFunc(b.Versions, func(v build.Version) bool { return v.Name == "GLIBC_"+m[1] }) || !strings.Contains(string(out), "version_r"), "%s %s", name, m[1])
		}
		require.Equal(t, readelfSymbols(t, name, "GLOBAL", b.GLIBC), b.GLIBCSymbols, name)
		compared++
	}
	require.NotZero(t, compared)
}

// readelfSymbols are the undefined symbols of a GLIBC version.
func readelfSymbols(t *testing.T, name, bind, version string) (names []string) {
	t.Helper()
	out, err := exec.Command("readelf", "--wide", "--dyn-syms", name).Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 8 || f[4] != bind || f[6] != "UND" {
			continue
		}
		if symbol, of, _ := strings.Cut(f[7], "@"); of == "GLIBC_"+version {
			names = append(names, symbol)
		}
	}
	slices.Sort(names)
	return names
}
