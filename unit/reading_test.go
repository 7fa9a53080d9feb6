package unit_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// long says whether the long form was asked for.
func long() bool { return os.Getenv("BEDPLATE_LONG") != "" }

func count(short, whole int) int {
	if long() {
		return whole
	}
	return short
}

// renamed gives a random unit a name of its own.
func renamed(u unit.Unit, i int) unit.Unit {
	name := fmt.Sprintf("rnd%d", i)
	switch u := u.(type) {
	case unit.Service:
		if strings.HasSuffix(u.Name, "@") {
			name += "@"
		}
		if strings.HasPrefix(u.BusName, "com.example.") { // two may not take the same
			u.BusName += fmt.Sprint(".R", i)
		}
		u.Name = name
		return u
	case unit.Socket:
		u.Name = name
		return u
	case unit.Timer:
		u.Name = name
		return u
	case unit.Path:
		u.Name = name
		return u
	case unit.Mount:
		u.Where = fmt.Sprintf("/rnd%d%s", i, u.Where)
		return u
	case unit.Slice:
		u.Name = name
		return u
	case unit.TargetUnit:
		u.Name = name
		return u
	}
	panic("a kind without a name")
}

// analyzer is the systemd-analyze of this host, if it is of a version that reads
// files offline. Without one, only the machine's tests ask systemd itself.
func analyzer(t *testing.T) (version int) {
	t.Helper()
	out, err := exec.Command("systemd-analyze", "--version").Output()
	if _, scanErr := fmt.Sscanf(string(out), "systemd %d", &version); err != nil || scanErr != nil || version < 250 {
		t.Skipf("this host has no systemd-analyze that reads files offline (%v, version %d); the tests in the machine ask systemd itself", err, version)
	}
	return version
}

// TestSystemdReadsTheSame: what systemd itself makes of random services, which it
// tells when it is asked for their exposure, is what they say. 300 of them, or
// 10,000 in the long form.
func TestSystemdReadsTheSame(t *testing.T) {
	version := analyzer(t)
	d := dice{rand.New(rand.NewPCG(5, 5))}
	checked, total := 0, count(300, 10_000)
	for made := 0; made < total; {
		dir := t.TempDir()
		services := map[string]unit.Service{}
		args := []string{"security", "--offline=true", "--no-pager"}
		for range min(100, total-made) {
			made++
			s := renamed(d.Service(), made).(unit.Service)
			text, _, err := unit.Renderer{Target: unit.Target{Systemd: version}}.Render(s)
			require.NoError(t, err)
			name := strings.ReplaceAll(s.UnitName(), "@.", "@one.")
			services[name] = s
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
			args = append(args, filepath.Join(dir, name))
		}
		cmd := exec.Command("systemd-analyze", args...)
		cmd.Env = append(os.Environ(), "SYSTEMD_LOG_LEVEL=debug", "LC_ALL=C.UTF-8")
		out, _ := cmd.Output() // it fails for what it can't load, which is counted
		for _, part := range strings.Split(string(out), "-> Unit ")[1:] {
			name, _, _ := strings.Cut(part, ":\n")
			s, ours := services[name]
			if !ours {
				continue
			}
			checked++
			for _, diff := range readDifferently(serviceAsks(s, version), part) {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
	require.Equal(t, total, checked, "services that systemd told of")
}

// readDifferently compares what a service asks with systemd's dump of it.
func readDifferently(a asked, dump string) (list []string) {
	got := map[string][]string{}
	for line := range strings.Lines(dump) {
		if key, value, ok := strings.Cut(strings.Trim(line, "\t\n"), ": "); ok {
			got[key] = append(got[key], value)
		}
	}
	same := func(what string, want, have []string) {
		if !slices.Equal(want, have) {
			list = append(list, fmt.Sprintf("%s is %q, wanted %q", what, have, want))
		}
	}
	if v, ok := a.values["Description"].(string); ok {
		same("Description", []string{v}, got["Description"])
	}
	same("Environment", a.values["Environment"].([]string), slices.Sorted(slices.Values(got["Environment"])))
	if v, ok := a.values["ReadWritePaths"].([]string); ok {
		same("ReadWritePaths", []string{strings.Join(v, " ")}, got["ReadWritePaths"])
	}
	var files []string
	for _, row := range a.values["EnvironmentFiles"].([][]any) {
		files = append(files, row[0].(string))
	}
	same("EnvironmentFile", files, got["EnvironmentFile"])
	var want, have [][]string
	for _, property := range []string{"ExecStartPre", "ExecStart", "ExecStartPost", "ExecStop", "ExecStopPost"} {
		for _, row := range a.values[property].([][]any) {
			want = append(want, row[1].([]string))
		}
	}
	for _, line := range got["Command Line"] {
		if argv := unquoted(line); len(argv) > 0 && argv[0] != "/bin/kill" { // a reload is no field's argv
			have = append(have, argv)
		}
	}
	if !reflect.DeepEqual(want, have) {
		list = append(list, fmt.Sprintf("the command lines are %q, wanted %q", have, want))
	}
	return list
}

// unquoted takes apart a command line as systemd prints it.
func unquoted(line string) (argv []string) {
	var b strings.Builder
	quoted, inside := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
			inside = true
		case c == '"':
			quoted, inside = !quoted, true
		case c == ' ' && !quoted:
			if inside {
				argv = append(argv, b.String())
				b.Reset()
			}
			inside = false
		default:
			b.WriteByte(c)
			inside = true
		}
	}
	if inside {
		argv = append(argv, b.String())
	}
	return argv
}

// TestScoreOfThisHost: the exposure score is systemd-analyze's, to the tenth, for
// the services that this host has.
func TestScoreOfThisHost(t *testing.T) {
	version := analyzer(t)
	files, err := filepath.Glob("/usr/lib/systemd/system/*.service")
	require.NoError(t, err)
	dir := t.TempDir()
	ours := map[string]string{}
	args := []string{"security", "--offline=true", "--no-pager"}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || strings.Contains(file, "@") || !strings.Contains(string(text), "ExecStart=") {
			continue // a broken link, a template, or nothing to load
		}
		// A name of its own, which no drop-in is for.
		name := "scored" + strings.ReplaceAll(filepath.Base(file), "-", "_")
		f, _ := unit.Parse(name, strings.NewReader(string(text)))
		ours[name] = strings.Fields(unit.Score(f, unit.Target{Systemd: version}).String())[0]
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
		args = append(args, filepath.Join(dir, name))
	}
	if len(ours) == 0 {
		t.Skip("this host has no services; the tests in the machine have hundreds")
	}
	out, _ := exec.Command("systemd-analyze", args...).Output() // it fails for what it can't load, which is counted
	compared := 0
	for _, part := range strings.Split(string(out), "Overall exposure level for ")[1:] {
		name, rest, _ := strings.Cut(part, ": ")
		if theirs := strings.Fields(rest)[0]; ours[name] != theirs {
			t.Errorf("%s: systemd-analyze says %s, we say %s", name, theirs, ours[name])
		}
		compared++
	}
	t.Logf("%d of %d services compared", compared, len(ours))
	require.Greater(t, compared, len(ours)*8/10)
}
