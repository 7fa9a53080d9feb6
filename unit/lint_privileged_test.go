//go:build privileged

package unit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/unit/internal/directives"
	"github.com/stretchr/testify/require"
)

// TestLintAgainstSystemd: systemd says of every line whether it takes it, and
// Lint says the same, on each version.
func TestLintAgainstSystemd(t *testing.T) {
	p := listen(t)
	var tries []try
	for section, values := range judged {
		for _, line := range values {
			if _, err := os.Stat("/usr/share/zoneinfo/Europe/Berlin"); err != nil && strings.Contains(line, "Europe/Berlin") {
				continue // this machine knows no places
			}
			tries = append(tries, tryOf(section, line, len(tries)))
		}
	}
	for _, w := range wholes() {
		if testenv.Systemd(t) == 247 && strings.Contains(w.text, "Type=dbus") {
			continue // it ends this version's PID 1, and the machine
		}
		tries = append(tries, w)
	}
	for _, c := range tries {
		file := filepath.Join(runUnits, c.name)
		require.NoError(t, os.WriteFile(file, []byte(c.text), 0o644))
		t.Cleanup(func() { require.NoError(t, os.Remove(file)) })
	}
	p.reload(t)
	p.logged(t)
	complained := 0
	for some := range slices.Chunk(tries, 100) {
		var names []string
		for _, c := range some {
			names = append(names, c.name)
		}
		states := p.states(t, names)
		log := p.logged(t)
		for _, c := range some {
			theirs := strings.Join(unhappy(log, c.name+":"), "\n")
			if state := states[c.name]; state != "loaded" && theirs == "" {
				theirs = state
			}
			if theirs != "" {
				complained++
			}
			mine := judgement(t, c, testenv.Systemd(t))
			if (theirs == "") != (mine == "") && !slices.Contains(silent, c.line) {
				t.Errorf("%s:\n\tsystemd: %s\n\tLint:    %s", c.line, or(theirs, "takes it"), or(mine, "takes it"))
			}
		}
	}
	t.Logf("%d assignments, %d of them not taken", len(tries), complained)
	require.Greater(t, complained, len(tries)/5, "systemd complained of little; was its log read?")
}

// TestPanelAgainstSystemd: every directive that this version has, with values of
// every kind, judged by systemd and by Lint. A sixth of the values, all in the
// long form.
func TestPanelAgainstSystemd(t *testing.T) {
	version := testenv.Systemd(t)
	if long() { // it complains faster than the journal takes from one program
		put(t, "", "/run/systemd/journald.conf.d/all.conf", "[Journal]\nRateLimitBurst=0\n")
		command(t, "systemctl", "restart", "systemd-journald")
	}
	p := listen(t)
	all, values, complained := sheets(version, count(6, 1)), 0, 0
	for _, s := range all {
		file := filepath.Join(runUnits, s.name)
		require.NoError(t, os.WriteFile(file, []byte(s.text), 0o644))
		t.Cleanup(func() { require.NoError(t, os.Remove(file)) })
	}
	p.reload(t)
	p.logged(t)
	for some := range slices.Chunk(all, count(500, 100)) {
		var names []string
		for _, s := range some {
			names = append(names, s.name)
		}
		p.states(t, names)
		theirs := complaintsOf(p.logged(t))
		for _, s := range some {
			values += len(s.values)
			complained += len(theirs[s.name])
			if quietly(s.key) {
				continue
			}
			if len(s.mistaken(t, version, theirs[s.name])) == 0 {
				continue
			}
			for _, m := range s.mistaken(t, version, p.again(t, s)) {
				t.Errorf("[%s] %s", s.section, m)
			}
		}
	}
	t.Logf("%d directives and files, %d assignments, %d of them not taken", len(all), values, complained)
	require.Greater(t, complained, values/3, "systemd complained of little; was its log read?")
}

// TestSpecifiersAgainstSystemd: every character behind a "%", in a text and in a
// unit's name, for which systemd has tables of their own.
func TestSpecifiersAgainstSystemd(t *testing.T) {
	p, version := listen(t), testenv.Systemd(t)
	var texts, names []string
	for c := byte(' '); c < 0x7f; c++ {
		texts = append(texts, fmt.Sprintf("50%%%cy", c))
		// Not what is a word of its own or no name, nor the kernel's release, which
		// may have a "+" in it.
		if strings.IndexByte("\"'\\ /v", c) < 0 {
			names = append(names, fmt.Sprintf("x%%%cy.service", c))
		}
	}
	for _, s := range []sheet{
		newSheet(directives.Directive{Section: "Unit", Name: "Description"}, 1, texts),
		newSheet(directives.Directive{Section: "Unit", Name: "After"}, 2, names),
	} {
		theirs := p.again(t, s)
		require.NotEmpty(t, theirs, "systemd takes them all; was its log read?")
		for _, m := range s.mistaken(t, version, theirs) {
			t.Error(m)
		}
	}
}

// again has systemd read a sheet by itself: of thousands of messages the log may
// have lost one.
func (p *pid1) again(t *testing.T, s sheet) map[int]string {
	t.Helper()
	name := "again-" + s.name
	file := filepath.Join(runUnits, name)
	require.NoError(t, os.WriteFile(file, []byte(s.text), 0o644))
	defer func() { require.NoError(t, os.Remove(file)) }()
	p.reload(t)
	p.logged(t)
	p.states(t, []string{name})
	return complaintsOf(p.logged(t))[s.name]
}
