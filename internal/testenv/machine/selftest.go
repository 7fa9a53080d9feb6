package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
)

// selftestTag marks the test packages that misbehave on purpose.
const selftestTag = "selftest"

// selftest proves the harness: tests that pass, fail, hang, crash, skip and
// vanish, and a machine that dies, are each reported as what they are.
func selftest(ctx context.Context, s *settings, fs *flag.FlagSet, args []string) (int, error) {
	suites, err := s.parse(fs, args)
	if err != nil {
		return 2, err
	}
	bad, passed := 0, 0
	for _, suite := range suites {
		for _, c := range selftests {
			problems, err := c.run(ctx, s, suite)
			if err != nil {
				return 1, err
			}
			if wrong := c.compare(problems); len(wrong) > 0 {
				bad += len(wrong)
				fmt.Printf("FAIL  %s: %s\nall that was reported:\n%s\n", suite, strings.Join(wrong, "; "), strings.Join(problems, "\n"))
			}
			passed += len(c.want)
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, bad)
	if bad > 0 {
		return 1, nil
	}
	return 0, nil
}

// A machine that dies takes the binaries after it along, so those that kill it
// boot one of their own.
var selftests = []harnessTest{
	{
		packages: []string{"crashing", "failing", "hanging", "passing", "silent", "skipping"},
		want: []string{
			"crashing: TestCrashes failed", "crashing: crashed: exit status 2", "failing: TestFails failed", "hanging: hung: its time was up",
			"silent: TestVanishes did not report", "skipping: TestSkips was skipped",
		},
	},
	{packages: []string{"panicking"}, want: []string{"panicking: its end was not reported", `the machine died: .*sysrq`}},
	{packages: []string{"agentless"}, want: []string{"agentless: its end was not reported", "the machine died: "}},
	{packages: []string{"frozen"}, want: []string{"frozen: its end was not reported", "the machine hung: nothing for 20s after (start|out) frozen"}},
}

type harnessTest struct {
	packages []string
	want     []string // patterns of the problems, in order
}

// compare says where the problems are not the expected ones.
func (c harnessTest) compare(problems []string) (wrong []string) {
	if len(problems) != len(c.want) {
		wrong = append(wrong, fmt.Sprintf("%d problems were reported, %d expected", len(problems), len(c.want)))
	}
	for i, want := range c.want[:min(len(c.want), len(problems))] {
		if !regexp.MustCompile("(?s)^" + want).MatchString(problems[i]) {
			wrong = append(wrong, fmt.Sprintf("problem %d should be %q", i+1, want))
		}
	}
	return wrong
}

func (c harnessTest) run(ctx context.Context, s *settings, suite string) ([]string, error) {
	var patterns []string
	for _, p := range c.packages {
		patterns = append(patterns, module+"/internal/testenv/selftest/"+p)
	}
	found, err := find(ctx, selftestTag, patterns)
	if err != nil {
		return nil, err
	}
	if len(found) != len(c.packages) {
		return nil, fmt.Errorf("selftest: %d of the packages %v have tests", len(found), c.packages)
	}
	for i := range found {
		found[i].name = strings.TrimPrefix(found[i].name, "internal-testenv-selftest-")
	}
	b, err := prepare(ctx, found, selftestTag, false)
	if err != nil {
		return nil, err
	}
	defer b.remove()
	b.silence = 20 * time.Second
	b.limit(15 * time.Second)
	outcomes, err := b.boot(ctx, s, suite, os.Stdout)
	if err != nil {
		return nil, err
	}
	return outcomes[0].problems(), nil
}
