package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv/wire"
	"github.com/stretchr/testify/require"
)

func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		expected []string
		output   string
		exit     wire.Frame
		want     []string
	}{
		"passed":              {[]string{"TestA"}, "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\n", wire.Frame{}, nil},
		"failed":              {[]string{"TestA", "TestB"}, "--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/sub (0.00s)\n--- PASS: TestB (0.1s)\nFAIL\n", wire.Frame{Code: 1}, []string{"TestA failed"}},
		"skipped":             {[]string{"TestA"}, "--- SKIP: TestA (0.00s)\nPASS\n", wire.Frame{}, []string{"TestA was skipped; in the machine nothing may be missing"}},
		"subtest skipped":     {[]string{"TestA"}, "--- PASS: TestA (0.00s)\n    --- SKIP: TestA/sub (0.00s)\nPASS\n", wire.Frame{}, []string{"TestA/sub was skipped; in the machine nothing may be missing"}},
		"silent":              {[]string{"TestA", "TestB"}, "--- PASS: TestA (0.00s)\n", wire.Frame{}, []string{"TestB did not report"}},
		"nothing at all":      {nil, "PASS\n", wire.Frame{}, []string{"no test was expected of it"}},
		"crashed":             {[]string{"TestA"}, "panic: oh\n", wire.Frame{Code: 2}, []string{"crashed: exit status 2"}},
		"killed":              {[]string{"TestA"}, "", wire.Frame{Code: -1, Signal: "killed"}, []string{`crashed: ended by signal "killed"`}},
		"hung":                {[]string{"TestA"}, "SIGQUIT: quit\n", wire.Frame{Code: 2, TimedOut: true}, []string{"hung: its time was up; the goroutines are above"}},
		"no program":          {[]string{"TestA"}, "", wire.Frame{Code: 126, Text: "did not start: no such file"}, []string{"did not start: no such file"}},
		"failed without word": {[]string{"TestA"}, "", wire.Frame{Code: 1}, []string{"exit status 1, though no test reported a failure"}},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVerdict(c.expected)
			v.print([]byte(c.output))
			v.end(c.exit)
			v.dead()
			require.Equal(t, c.want, v.problems)
		})
	}
	v := newVerdict([]string{"TestA"})
	v.dead()
	require.Equal(t, []string{"its end was not reported"}, v.problems)
}

func TestMirrorFlag(t *testing.T) {
	m := mirrors{}
	require.NoError(t, m.Set("https://mirror.example.com/debian"))
	require.NoError(t, m.Set("bullseye=https://archive.example.com/debian?x=y"))
	require.Equal(t, mirrors{"": "https://mirror.example.com/debian", "bullseye": "https://archive.example.com/debian?x=y"}, m)
}

func TestWithFlag(t *testing.T) {
	w, here := with{}, t.TempDir()
	require.NoError(t, w.Set("tools/x="+here))
	require.Equal(t, with{"tools/x": here}, w)
	for _, wrong := range []string{"x", "x=", "=" + here, "../x=" + here, "/x=" + here, "x=" + here + "/absent"} {
		require.Error(t, w.Set(wrong), wrong)
	}
}

func TestMachines(t *testing.T) {
	found := []pkg{
		{name: "a"}, {name: "b", needs: needs{Shares: true}}, {name: "c", needs: needs{Minutes: 9}}, {name: "d", needs: needs{Shares: true}}, {name: "e", needs: needs{Minutes: 12}},
	}
	var names []string
	for _, packages := range machines(found) {
		for _, p := range packages {
			names = append(names, p.name)
		}
		names = append(names, "|")
	}
	require.Equal(t, "e | c | a | b d |", strings.Join(names, " "))
}

// What is looked at once shares a machine with its like only.
func TestOnce(t *testing.T) {
	found := []pkg{{name: "a", needs: needs{Shares: true}}, {name: "ab"}, {name: "b", needs: needs{Shares: true}}, {name: "c", needs: needs{Shares: true}}}
	require.NoError(t, mark(found, "^(a|b)$"))
	var names []string
	for _, packages := range machines(found) {
		for _, p := range packages {
			require.Equal(t, packages[0].once, p.once)
			names = append(names, fmt.Sprint(p.name, " ", p.once))
		}
	}
	require.Equal(t, []string{"ab false", "a true", "b true", "c false"}, names)
	require.ErrorContains(t, mark(found, "("), "-once: ")
}

func TestMerge(t *testing.T) {
	require.Equal(t, "mode: set\na.go:1.1,2.2 1 0\na.go:1.1,2.2 1 1\n",
		string(merge([][]byte{[]byte("mode: set\na.go:1.1,2.2 1 1\n"), []byte("mode: set\na.go:1.1,2.2 1 0\n")})))
}
