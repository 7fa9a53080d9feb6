//go:build privileged

package unit_test

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// suffixes are those of unit files and of drop-ins.
var suffixes = []string{".service", ".socket", ".timer", ".path", ".mount", ".automount", ".swap", ".target", ".slice", ".scope", ".conf"}

// unitFiles are all unit files of the packages that testdata/machine.json names,
// and of the machine itself, by their paths.
func unitFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	r, err := os.Open(testenv.Payload(t, "packages.tar"))
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if h.Typeflag == tar.TypeReg && isUnit(h.Name) {
			text, err := io.ReadAll(tr)
			require.NoError(t, err)
			files["packages/"+path.Clean(h.Name)] = text
		}
	}
	require.Greater(t, len(files), 250, "unit files of the packages")
	for _, dir := range []string{"/usr/lib/systemd", "/lib/systemd"} {
		require.NoError(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && isUnit(p) {
				files[p], err = os.ReadFile(p)
			}
			return err
		}))
	}
	return files
}

func isUnit(p string) bool {
	if !strings.Contains(p, "/systemd/system/") && !strings.Contains(p, "/systemd/user/") {
		return false
	}
	for _, s := range suffixes {
		if strings.HasSuffix(p, s) {
			return true
		}
	}
	return false
}

// TestPackagedUnits: every unit file of a few hundred packages comes back byte
// for byte, and an edit leaves all other lines as they are.
func TestPackagedUnits(t *testing.T) {
	t.Parallel()
	files, bad := unitFiles(t), 0
	for name, text := range files {
		f, err := unit.Parse(name, strings.NewReader(string(text)))
		require.NotNil(t, f, "%s: %v", name, err)
		require.Equal(t, string(text), string(f.Bytes()), name)
		if err != nil {
			bad++
			t.Logf("has lines that systemd ignores: %v", err)
		}
		require.NoError(t, f.Set("Unit", "Description", "edited"), name)
		edited := string(f.Bytes())
		_, err = f.Remove("Unit", "Description")
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, "Description") {
				require.Contains(t, edited, strings.TrimRight(line, "\n"), name)
			}
		}
		unit.Lint(f, unit.Target{Systemd: testenv.Systemd(t)})
	}
	t.Logf("%d unit files, %d of them with lines that systemd ignores", len(files), bad)
	require.Less(t, bad, 10)
}

// TestLintOfPackagedUnits: of what packages have in their units, Lint calls
// ignored what systemd ignores, and nothing else: no false alarm.
func TestLintOfPackagedUnits(t *testing.T) {
	version, p := testenv.Systemd(t), listen(t)
	var names []string
	found := map[string][]string{} // by the name that a unit gets here
	for name, text := range unitFiles(t) {
		base := path.Base(name)
		if !strings.HasPrefix(name, "packages/") || strings.Contains(name, "/systemd/user/") || strings.HasSuffix(base, ".conf") || strings.HasSuffix(base, ".mount") {
			continue // the name of a mount says where
		}
		base = strings.Replace("packed"+strings.ReplaceAll(base, "-", "_"), "@.", "@one.", 1)
		f, _ := unit.Parse(base, strings.NewReader(string(text))) // systemd reads what has bad lines, too
		for _, x := range unit.Lint(f, unit.Target{Systemd: version}) {
			if slices.Contains([]string{"bad-value", "unknown-directive", "unknown-section", "unloadable"}, x.Rule) && !quietly(x.Key) {
				found[base] = append(found[base], x.String())
			}
		}
		file := filepath.Join(runUnits, base)
		require.NoError(t, os.WriteFile(file, text, 0o644))
		t.Cleanup(func() { require.NoError(t, os.Remove(file)) })
		names = append(names, base)
	}
	p.reload(t)
	p.logged(t)
	states, log := p.states(t, names), p.logged(t)
	alarms := 0
	for _, name := range names {
		theirs := slices.DeleteFunc(unhappy(log, name), func(l string) bool { return milder.MatchString(l) })
		if s := states[name]; s != "loaded" && len(theirs) == 0 {
			theirs = []string{s}
		}
		alarms += len(found[name])
		if (len(theirs) == 0) != (len(found[name]) == 0) {
			t.Errorf("%s:\n\tsystemd: %q\n\tLint:    %q", name, theirs, found[name])
		}
	}
	t.Logf("%d units, %d findings", len(names), alarms)
	require.Greater(t, len(names), 200)
}

// TestScoreAgainstSystemd: the exposure score is systemd-analyze's, to the tenth,
// for every service of those packages and of the machine.
func TestScoreAgainstSystemd(t *testing.T) {
	t.Parallel()
	version := testenv.Systemd(t)
	if version < 250 {
		// 247 has no security --offline; what it lacks is in the facts of the machine.
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "x.service").CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "unrecognized option")
		return
	}
	dir := t.TempDir()
	ours := map[string]string{}
	var args []string
	for name, text := range unitFiles(t) {
		base := path.Base(name)
		if !strings.HasSuffix(base, ".service") || !strings.HasPrefix(name, "packages/") || strings.Contains(name, "/systemd/user/") {
			continue
		}
		f, _ := unit.Parse(base, strings.NewReader(string(text))) // systemd reads what has bad lines, too
		if _, starts := f.Get("Service", "ExecStart"); !starts {
			continue // systemd refuses to load it alone
		}
		// A name of its own, which no drop-in and no alias of the machine's is for.
		base = "scored" + strings.TrimSuffix(strings.ReplaceAll(base, "-", "_"), ".service")
		base = strings.ReplaceAll(base, "@", "_at_") + ".service"
		file := filepath.Join(dir, base)
		require.NoError(t, os.WriteFile(file, text, 0o644))
		args = append(args, file)
		e := unit.Score(f, unit.Target{Systemd: version})
		ours[base] = strings.Fields(e.String())[0]
	}
	require.Greater(t, len(args), 100)
	theirs := map[string]string{}
	overall := regexp.MustCompile(`Overall exposure level for ([^:]+\.service): ([0-9.]+) `)
	var complaints strings.Builder
	for len(args) > 0 {
		n := min(60, len(args))
		cmd := exec.Command("systemd-analyze", append([]string{"security", "--offline=true", "--no-pager"}, args[:n]...)...)
		cmd.Stderr = &complaints
		out, _ := cmd.Output() // it fails for one that it can't load, which is counted below
		for _, m := range overall.FindAllStringSubmatch(string(out), -1) {
			theirs[m[1]] = m[2]
		}
		args = args[n:]
	}
	for name, score := range theirs {
		if ours[name] != score {
			t.Errorf("%s: systemd-analyze says %s, we say %s", name, score, ours[name])
		}
	}
	t.Logf("%d of %d services compared", len(theirs), len(ours))
	require.Greater(t, len(theirs), 100)
	require.Greater(t, len(theirs), len(ours)*9/10, "systemd-analyze scored few: %.3000s", complaints.String())
}
