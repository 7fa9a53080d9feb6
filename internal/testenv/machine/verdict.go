package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/testenv/wire"
)

// verdict collects what one test binary said, and judges it: every test that
// its source has must have run and passed. What did not run proves nothing.
type verdict struct {
	expected []string // top-level tests
	output   bytes.Buffer
	passed   map[string]bool
	problems []string
	ended    bool
}

func newVerdict(expected []string) *verdict {
	return &verdict{expected: expected, passed: map[string]bool{}}
}

// result is a line of go test -v about one test; subtests are indented.
var result = regexp.MustCompile(`(?m)^( *)--- (PASS|FAIL|SKIP): (\S+)`)

func (v *verdict) print(data []byte) { v.output.Write(data) }

// end judges with the program's exit.
func (v *verdict) end(f wire.Frame) {
	v.ended = true
	for _, m := range result.FindAllStringSubmatch(v.output.String(), -1) {
		indent, status, name := m[1], m[2], m[3]
		switch {
		case status == "SKIP":
			v.problem("%s was skipped; in the machine nothing may be missing", name)
		case status == "FAIL" && indent == "":
			v.problem("%s failed", name)
		case status == "PASS" && indent == "":
			v.passed[name] = true
		}
	}
	failed := len(v.problems)
	switch {
	case f.TimedOut:
		v.problem("hung: its time was up; the goroutines are above")
	case f.Signal != "":
		v.problem("crashed: ended by signal %q", f.Signal)
	case f.Text != "":
		v.problem("%s", f.Text)
	case f.Code > 1:
		v.problem("crashed: exit status %d", f.Code)
	case f.Code == 1 && failed == 0:
		v.problem("exit status 1, though no test reported a failure")
	case f.Code == 0 && len(v.expected) == 0:
		v.problem("no test was expected of it")
	}
	if f.Code != 0 {
		return // the tests after the one that ended it did not report for that reason
	}
	for _, name := range v.expected {
		if !v.passed[name] && !v.mentions(name) {
			v.problem("%s did not report", name)
		}
	}
}

func (v *verdict) mentions(test string) bool {
	return slices.ContainsFunc(v.problems, func(p string) bool { return strings.HasPrefix(p, test+" ") })
}

// dead judges a program that the machine did not outlive.
func (v *verdict) dead() {
	if !v.ended {
		v.problem("its end was not reported")
	}
}

func (v *verdict) problem(format string, args ...any) {
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}
