//go:build privileged

package build_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/toolchain/build"
	"github.com/stretchr/testify/require"
)

// sample is a program that the host built; see internal/samples.
func sample(t testing.TB, name string) build.Binary {
	t.Helper()
	b, err := build.Inspect(filepath.Join(testenv.Payload(t, "samples"), name))
	require.NoError(t, err)
	return b
}

var samples = []string{
	"none-static-go", "glibc-static-c", "glibc-static-library", "glibc-dynamic-c", "glibc-dynamic-library", "oldest-dynamic-c",
	"musl-static-c", "musl-static-library", "musl-dynamic-c",
}

// starts runs a program in a root directory, and says whether it did its work.
func starts(t testing.TB, root, program string) bool {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Env, cmd.Dir = []string{}, "/"
	if root != "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	}
	out, err := cmd.CombinedOutput()
	t.Logf("%s in %q: %v %s", program, root, err, out)
	return err == nil && strings.Contains(string(out), "ok")
}

// TestPredictionOnThisMachine: what Compatible says of each way to link is what
// happens.
func TestPredictionOnThisMachine(t *testing.T) {
	ran := map[string]bool{}
	for _, name := range samples {
		b := sample(t, name)
		predicted := build.Compatible(b, build.Host{})
		ran[name] = starts(t, "", b.Path)
		require.Equal(t, ran[name], predicted == nil, "%s: %v", name, predicted)
	}
	require.True(t, ran["oldest-dynamic-c"], "built against the oldest machine's C library, it runs on every one")
	require.False(t, ran["musl-dynamic-c"], "no machine has musl")
	for _, name := range samples {
		require.True(t, ran[name] || strings.Contains(name, "-dynamic-"), name)
	}
	if testenv.Suite(t) == "bullseye" {
		b := sample(t, "oldest-dynamic-c")
		require.NotEmpty(t, b.GLIBC)
		t.Logf("it needs %s", b.Needs())
	}
}

// TestEmptyRoot: static programs need nothing but themselves, and a dynamic one
// is predicted to fail for each thing that lacks.
func TestEmptyRoot(t *testing.T) {
	glibc := machineLibraries(t, sample(t, "oldest-dynamic-c"))
	musl := filepath.Join(testenv.Payload(t, "samples"), "musl-libc.so")
	muslLoader := sample(t, "musl-dynamic-c").Interpreter
	loader := sample(t, "glibc-dynamic-c").Interpreter
	without := func(name string) map[string]string {
		m := map[string]string{}
		for at, from := range glibc {
			if filepath.Base(at) != name {
				m[at] = from
			}
		}
		return m
	}
	elsewhere := map[string]string{}
	for at, from := range glibc {
		if at != loader {
			at = "/opt/lib/" + filepath.Base(at)
		}
		elsewhere[at] = from
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		runs  []string // of the dynamic ones
	}{
		{"empty", nil, nil},
		{"a loader alone", map[string]string{loader: glibc[loader]}, nil},
		{"glibc", glibc, []string{"oldest-dynamic-c"}},
		{"glibc without its loader", without(filepath.Base(loader)), nil},
		{"glibc without libc", without("libc.so.6"), nil},
		{"glibc where no loader looks", elsewhere, nil},
		{"musl", map[string]string{muslLoader: musl}, []string{"musl-dynamic-c"}},
		{"a text file for a library", merged(without("libc.so.6"), "/lib/x86_64-linux-gnu/libc.so.6", "/etc/os-release"), nil},
		{"another library by its name", merged(without("libc.so.6"), "/lib/x86_64-linux-gnu/libc.so.6", musl), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := host(t, c.files)
			must := map[string]bool{}
			for _, name := range c.runs {
				must[name] = true
			}
			for _, name := range samples {
				b := sample(t, name)
				require.NoError(t, os.Link(b.Path, filepath.Join(root, name)))
				predicted := build.Compatible(b, build.Host{Root: root})
				ran := starts(t, root, "/"+name)
				require.Equal(t, ran, predicted == nil, "%s: %v", name, predicted)
				require.True(t, ran || !must[name], name)
				if strings.Contains(name, "-static-") {
					require.True(t, ran, name)
				}
			}
		})
	}
}

func merged(m map[string]string, at, from string) map[string]string {
	m[at] = from
	return m
}

// machineLibraries are the loader and the libraries that a program takes on this
// machine, by the loader's own word, at the places where it finds them.
func machineLibraries(t testing.TB, b build.Binary) map[string]string {
	t.Helper()
	out, err := exec.Command(b.Interpreter, "--list", b.Path).Output()
	require.NoError(t, err)
	files := map[string]string{b.Interpreter: b.Interpreter}
	for line := range strings.Lines(string(out)) {
		if _, rest, ok := strings.Cut(line, "=> "); ok {
			name, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			files[name] = name
		}
	}
	require.Contains(t, strings.Join(keys(files), " "), "libc.so.6")
	return files
}

func keys(m map[string]string) (k []string) {
	for name := range m {
		k = append(k, name)
	}
	return k
}

// TestNoFalseAlarm: every program of the distribution is one that its own
// machine can start, and none of them is run to know. One that is there without
// its library is run: the loader then says the same.
func TestNoFalseAlarm(t *testing.T) {
	checked := 0
	for _, dir := range []string{"/usr/bin", "/usr/lib/systemd"} {
		require.NoError(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := build.Inspect(name)
			if errors.Is(err, build.ErrNotELF) {
				return nil
			}
			require.NoError(t, err)
			checked++
			if alarm := build.Compatible(b, build.Host{}); alarm != nil {
				out, err := exec.Command(name, "--version").CombinedOutput()
				require.Error(t, err, alarm)
				require.Contains(t, string(out), "error while loading shared libraries", alarm)
			}
			return nil
		}))
	}
	require.Greater(t, checked, 150)
	t.Logf("%d programs", checked)
}
