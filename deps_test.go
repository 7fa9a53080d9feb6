package bedplate_test

import (
	"go/build"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/bedplate/bedplate"

// A rule forbids some packages to import some others. The first pattern that a
// package matches in from decides; "..." stands for everything below.
type rule struct {
	from   []string
	not    []string // patterns that must not be imported
	except []string // patterns that may be, all the same
	why    string
}

var capabilities = []string{"toolchain/...", "unit/...", "cgroupv2/...", "account/...", "layout/...", "verify", "transaction/..."}

var rules = []rule{
	{
		from: []string{"."}, not: []string{"./..."},
		why: "the root is the vocabulary that everything else speaks; it can't know the speakers",
	},
	{
		from: []string{"internal/..."}, not: append([]string{".", "examples/..."}, capabilities...), except: []string{"internal/..."},
		why: "internal packages are tiny and know one idea each; policy stays with the packages that use them",
	},
	{
		from: []string{"toolchain/..."}, not: capabilities, except: []string{"toolchain/..."},
		why: "capabilities don't import each other; a caller composes them",
	},
	{from: []string{"unit/..."}, not: capabilities, except: []string{"unit/..."}, why: "capabilities don't import each other; limits reach a unit through an interface"},
	{from: []string{"cgroupv2/..."}, not: capabilities, except: []string{"cgroupv2/..."}, why: "capabilities don't import each other; systemd's directives are plain strings here"},
	{from: []string{"account/..."}, not: capabilities, except: []string{"account/..."}, why: "capabilities don't import each other"},
	{from: []string{"layout/..."}, not: capabilities, except: []string{"layout/..."}, why: "capabilities don't import each other; owners are names"},
	{from: []string{"verify"}, not: capabilities, except: []string{"verify"}, why: "the engine knows checks, not what they are about; verify/checks does"},
	{from: []string{"transaction/..."}, not: capabilities, except: []string{"transaction/..."}, why: "a transaction knows resources, not what they are"},
	{
		from: []string{"./..."}, not: []string{"examples/..."}, except: nil,
		why: "examples are callers; nothing stands on them",
	},
}

// Packages of others that only some of ours may import outside tests.
var outside = []struct {
	imports string
	only    []string
	why     string
}{
	{"golang.org/x/sys", []string{"internal/...", "unit/journal/internal/...", "cgroupv2/internal/...", "toolchain/internal/...", "layout/internal/...", "account/internal/..."}, "system calls are wrapped once, and named for what they do"},
	{"testing", []string{"internal/testenv/...", "verify", "examples/..."}, "library code doesn't carry test code; verify.Test is the bridge"},
	{"github.com/stretchr/testify", []string{"internal/testenv/...", "examples/..."}, "library code doesn't carry test code"},
	{"log", []string{"internal/testenv/...", "examples/..."}, "libraries log nothing"},
}

func TestImports(t *testing.T) {
	for _, goos := range []string{"linux", "darwin"} {
		for dir, imports := range packages(t, goos) {
			for _, imported := range imports {
				checkOurs(t, dir, imported)
				checkOutside(t, dir, imported)
			}
		}
	}
}

func checkOurs(t *testing.T, dir, imported string) {
	t.Helper()
	target, ours := within(imported)
	if !ours {
		return
	}
	for _, r := range rules {
		if matches(r.from, dir) && dir != target && matches(r.not, target) && !matches(r.except, target) {
			if dir == "examples" || strings.HasPrefix(dir, "examples/") && strings.HasPrefix(target, dir) {
				continue
			}
			t.Errorf("%s imports %s: %s", dir, target, r.why)
		}
	}
}

func checkOutside(t *testing.T, dir, imported string) {
	t.Helper()
	for _, o := range outside {
		if (imported == o.imports || strings.HasPrefix(imported, o.imports+"/")) && !matches(o.only, dir) && !strings.HasPrefix(imported, "log/") {
			t.Errorf("%s imports %s: %s", dir, imported, o.why)
		}
	}
}

func within(imported string) (dir string, ours bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

func matches(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		below, all := strings.CutSuffix(p, "/...")
		if below == "." && all {
			return dir != "."
		}
		return dir == below || all && strings.HasPrefix(dir, below+"/")
	})
}

// packages finds each of the module's packages and what it imports outside tests.
func packages(t *testing.T, goos string) map[string][]string {
	t.Helper()
	ctxt := build.Default
	ctxt.GOOS, ctxt.CgoEnabled = goos, false
	found := map[string][]string{}
	for _, dir := range folders(t) {
		p, err := ctxt.ImportDir(dir, 0)
		if p.Name == "" || len(p.GoFiles) == 0 {
			continue
		}
		require.NoError(t, err, dir)
		found[dir] = p.Imports
	}
	require.Contains(t, found, ".")
	return found
}

// folders lists the module's folders that may hold packages.
func folders(t *testing.T) (dirs []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir():
			return err
		case p != "." && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata"):
			return fs.SkipDir
		case p == path.Join("internal", "bench"): // a module of its own
			return fs.SkipDir
		}
		dirs = append(dirs, filepath.ToSlash(p))
		return nil
	}))
	return dirs
}
