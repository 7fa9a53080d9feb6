package main

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { testenv.Main(m) }

type ran struct {
	code   int
	stdout string
	err    error
}

func deployed(t *testing.T, args ...string) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code, err := run(t.Context(), args, &stdout, &stderr)
	return ran{code, stdout.String(), err}
}

// built are releases by kind: linking takes longer than the tests.
var built = map[string][]byte{}

// binary is the file of a release of the kind.
func binary(t *testing.T, kind string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), kind)
	if b := built[kind]; b != nil {
		require.NoError(t, os.WriteFile(path, b, 0o755))
		return path
	}
	cmd := exec.Command("go", "build", "-ldflags", "-X main.kind="+kind, "-o", path, "./internal/service")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	built[kind], err = os.ReadFile(path)
	require.NoError(t, err)
	return path
}

// foreign is a release for a processor that this machine does not have.
func foreign(t *testing.T) string {
	t.Helper()
	path := binary(t, "one")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{byte(elf.EM_SPARCV9), 0}, 18) // e_machine
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return path
}

// staged is a directory that stands for a machine. Releases are read-only, which
// an ordinary user's removal of it minds.
func staged(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	t.Cleanup(func() { _ = exec.Command("chmod", "-R", "u+w", root).Run() })
	return root
}

func current(t *testing.T, root string) string {
	t.Helper()
	target, err := os.Readlink(filepath.Join(root, "opt/hello/releases/current"))
	require.NoError(t, err)
	return target
}

// TestStaged goes through the life of releases in a directory that stands for a
// machine, as an ordinary user may.
func TestStaged(t *testing.T) {
	root := staged(t)
	one, two := binary(t, "one"), binary(t, "two")
	in := func(args ...string) ran {
		return deployed(t, append([]string{"-app", "hello", "-root", root}, args...)...)
	}

	planned := in("-release", one, "-label", "1", "-plan")
	require.NoError(t, planned.err)
	require.Contains(t, planned.stdout, "release of")
	require.NoDirExists(t, filepath.Join(root, "opt"), "a plan changes nothing")

	require.NoError(t, in("-release", one, "-label", "1").err)
	first := current(t, root)
	require.True(t, strings.HasPrefix(first, "1-"), first)
	require.FileExists(t, filepath.Join(root, "etc/systemd/system/hello.service"))

	again := in("-release", one, "-label", "1", "-plan")
	require.NoError(t, again.err)
	require.Equal(t, "nothing to change\n", again.stdout)

	require.NoError(t, in("-release", two, "-label", "2").err)
	require.True(t, strings.HasPrefix(current(t, root), "2-"))
	list := in("-list")
	require.NoError(t, list.err)
	lines := strings.Split(strings.TrimSpace(list.stdout), "\n")
	require.Len(t, lines, 2)
	require.True(t, strings.HasSuffix(lines[0], "  current"), lines[0])
	require.True(t, strings.HasSuffix(lines[1], first+"  before it"), lines[1])

	require.NoError(t, in("-rollback").err)
	require.Equal(t, first, current(t, root))
}

// TestForms: a directory and an archive of it are the same release.
func TestForms(t *testing.T) {
	root, dir := staged(t), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	b, err := os.ReadFile(binary(t, "one"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bin/hello"), b, 0o755))
	archive := filepath.Join(t.TempDir(), "hello.tar.gz")
	out, err := exec.Command("tar", "-czf", archive, "-C", dir, "bin").CombinedOutput()
	require.NoError(t, err, "%s", out)
	var seen []string
	for _, release := range []string{filepath.Join(dir, "bin/hello"), dir, archive} {
		require.NoError(t, deployed(t, "-app", "hello", "-root", root, "-release", release).err)
		seen = append(seen, current(t, root))
	}
	require.Equal(t, []string{seen[0], seen[0], seen[0]}, seen)
}

// TestRefused: what can't run here never becomes current.
func TestRefused(t *testing.T) {
	root := staged(t)
	require.NoError(t, deployed(t, "-app", "hello", "-root", root, "-release", binary(t, "one")).err)
	before := current(t, root)
	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(script, []byte("no program"), 0o755))
	empty := t.TempDir()
	elsewhere := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "hello"), []byte("not in bin"), 0o755))
	for name, c := range map[string]struct{ release, message string }{
		"another processor": {foreign(t), "can't run here"},
		"no program":        {script, "can't run here"},
		"no bin":            {elsewhere, "bin/hello"},
		"nothing in it":     {empty, "no files"},
		"not there":         {filepath.Join(empty, "nothing"), "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			got := deployed(t, "-app", "hello", "-root", root, "-release", c.release)
			require.Equal(t, exitFailed, got.code)
			require.ErrorContains(t, got.err, c.message)
			require.Equal(t, before, current(t, root))
		})
	}
}

func TestUsage(t *testing.T) {
	for name, c := range map[string]struct {
		args    []string
		message string
	}{
		"nothing to do":   {[]string{"-app", "hello"}, "-release, -rollback, -list"},
		"two things":      {[]string{"-app", "hello", "-list", "-rollback"}, "-release, -rollback, -list"},
		"a hostile name":  {[]string{"-app", "../x", "-list"}, `../x`},
		"no name":         {[]string{"-list"}, "name"},
		"no memory":       {[]string{"-app", "hello", "-list", "-memory", "1M"}, "-memory=1M"},
		"keep none":       {[]string{"-app", "hello", "-list", "-keep", "0"}, "-keep=0"},
		"health, no path": {[]string{"-app", "hello", "-list", "-health", "x"}, "-health"},
		"an argument":     {[]string{"-app", "hello", "-list", "x"}, `"x"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := deployed(t, c.args...)
			require.Equal(t, exitUsage, got.code)
			require.ErrorContains(t, got.err, c.message)
		})
	}
}
