package unit_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/unit"
	"github.com/bedplate/bedplate/unit/internal/directives"
	"github.com/stretchr/testify/require"
)

// panel are values of every kind that systemd has: each is right for some
// directives, and wrong for most.
var panel = []string{
	"nonsense", "yes", "0", "5", "-1", "99999999999", "1.5", "10%", "200%", "/x", "-/x", "x/y", "/a b", "/x:/y", "/x:y", "1M", "1MB", "5s", "5 parsecs", "infinity", "SIGTERM", "none", "auto",
	"0-3", "3-0", "127.0.0.1", "10.0.0.0/8", "::1", "300.1.1.1", "a.service", "a:b", "a:b:c", "A=b", "A", "0777", "AF_INET", "CAP_CHOWN", "EPERM", "root", "tcp:80", "any", "localhost", "~x", "deny", "x86-64", "native",
	"/dev/null rw", "/dev/null 5", "/dev/null 5M", "/dev/null", "char-pts r", "a b", "'a", "err", "daemon", "noatime", "QUJD", "a@b", "*", "no", "idle", "/x:rw", "%Q", "\"/x y\"", "inherit", "65536", "0x7f", "5% x", "%tx.service",
}

// fatal are directives of which systemd reads no further than a bad value: they
// have a file for each.
var fatal = strings.Fields("CPUAffinity DynamicUser User Group RootDirectory RootImage RootVerity WorkingDirectory SocketUser SocketGroup SupplementaryGroups PIDFile RootImagePolicy MountImagePolicy ExtensionImagePolicy")

// sheet is a unit with values for one directive, a line each.
type sheet struct {
	section, key, name, text string
	first                    int // the line of the first value
	values                   []string
}

// sheets are those of all directives that a version has, with every value or,
// to be quicker, one of so many.
func sheets(systemd, of int) (list []sheet) {
	for d := range directives.All() {
		if _, too := directives.Find("Service", d.Name); !d.In(systemd) || too && d.Section != "Service" && d.Section != "Unit" {
			continue // the same parser
		}
		if strings.HasPrefix(d.Name, "Exec") && !slices.Contains([]string{"ExecPaths", "ExecSearchPath"}, d.Name) {
			continue // command lines are judged by themselves
		}
		var values []string
		for i, v := range panel {
			if (i+len(list))%of == 0 {
				values = append(values, v)
			}
		}
		one := [][]string{values}
		if slices.Contains(fatal, d.Name) {
			one = slices.Collect(slices.Chunk(values, 1))
		}
		for _, values := range one {
			if s := newSheet(d, len(list), values); s.text != "" {
				list = append(list, s)
			}
		}
	}
	return list
}

func newSheet(d directives.Directive, n int, values []string) sheet {
	kind := strings.ToLower(d.Section)
	head := map[string]string{
		"Service": "[Service]\nExecStart=/bin/true\n", "Unit": "[Service]\nExecStart=/bin/true\n[Unit]\n", "Socket": "[Socket]\nListenStream=/run/panel\n",
		"Timer": "[Timer]\nOnCalendar=daily\n", "Path": "[Path]\nPathExists=/x\n", "Slice": "[Slice]\n",
	}[d.Section]
	if head == "" {
		return sheet{}
	}
	// Alone they are ignored, whatever their value.
	head += map[string]string{"RestartSteps": "RestartMaxDelaySec=1min\n", "RestartMaxDelaySec": "RestartSteps=5\n"}[d.Name]
	if d.Section == "Unit" {
		kind = "service"
	}
	s := sheet{section: d.Section, key: d.Name, name: fmt.Sprintf("panel%d.%s", n, kind), first: strings.Count(head, "\n") + 1, values: values}
	var b strings.Builder
	b.WriteString(head)
	for _, v := range values {
		fmt.Fprintf(&b, "%s=%s\n", d.Name, v)
	}
	s.text = b.String()
	return s
}

var (
	aboutLine = regexp.MustCompile(`(panel[0-9]+\.[a-z]+):([0-9]+): (.*)`)
	// milder are messages about a value that is taken all the same.
	milder = regexp.MustCompile(`(?i)obsolete|deprecated|unsafe|does not match (our )?strict|no longer|support for`)
)

// complaintsOf are systemd's, by file and line.
func complaintsOf(log []string) map[string]map[int]string {
	all := map[string]map[int]string{}
	for _, l := range log {
		m := aboutLine.FindStringSubmatch(l)
		if m == nil || milder.MatchString(m[3]) {
			continue
		}
		n, _ := strconv.Atoi(m[2]) // it is digits
		if all[m[1]] == nil {
			all[m[1]] = map[int]string{}
		}
		all[m[1]][n] = m[3]
	}
	return all
}

// mistaken are the values of which Lint thinks otherwise than systemd.
func (s sheet) mistaken(t *testing.T, systemd int, theirs map[int]string) (list []string) {
	f, err := unit.Parse(s.name, strings.NewReader(s.text))
	require.NoError(t, err)
	mine := map[int]string{}
	for _, x := range unit.Lint(f, unit.Target{Systemd: systemd}) {
		if x.Rule == "bad-value" && x.Key == s.key {
			mine[x.Line] = x.Message
		}
	}
	for i, v := range s.values {
		if a, b := theirs[s.first+i], mine[s.first+i]; (a == "") != (b == "") {
			list = append(list, fmt.Sprintf("%s=%s\n\t\tsystemd: %s\n\t\tLint:    %s", s.key, v, or(a, "takes it"), or(b, "takes it")))
		}
	}
	return list
}

// quietly says whether systemd drops values of a directive without a word.
func quietly(key string) bool {
	return key == "CapabilityBoundingSet" || key == "AmbientCapabilities"
}

// TestPanelAgainstAnalyze: every directive with every value, judged by the host's
// systemd-analyze and by Lint.
func TestPanelAgainstAnalyze(t *testing.T) {
	version := analyzer(t)
	dir := t.TempDir()
	args := []string{"verify", "--man=no", "--recursive-errors=no"}
	all := sheets(version, 1)
	for _, s := range all {
		require.NoError(t, os.WriteFile(filepath.Join(dir, s.name), []byte(s.text), 0o644))
		args = append(args, filepath.Join(dir, s.name))
	}
	out, _ := exec.Command("systemd-analyze", args...).CombinedOutput() // it fails when it complains
	theirs := complaintsOf(strings.Split(string(out), "\n"))
	require.Greater(t, len(theirs), len(all)/2, "it complained of little: %.2000s", out)
	values := 0
	for _, s := range all {
		values += len(s.values)
		// Of a dependency on no unit's name it tells only when it reads one file alone.
		if d, _ := directives.Find(s.section, s.key); quietly(s.key) || s.section == "Unit" && (d.Kind == "UNIT [...]" || strings.HasSuffix(s.key, "Overridable")) {
			continue
		}
		for _, m := range s.mistaken(t, version, theirs[s.name]) {
			t.Errorf("[%s] %s", s.section, m)
		}
	}
	t.Logf("%d directives and files, %d assignments", len(all), values)
}
