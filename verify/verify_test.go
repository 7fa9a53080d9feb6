package verify_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/verify"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func says(f verify.Finding) func(context.Context) verify.Finding {
	return func(context.Context) verify.Finding { return f }
}

// sample is a report with one result of every kind, and texts that try to break out of each format.
func sample(t *testing.T) verify.Report {
	t.Helper()
	r := verify.Run(t.Context(),
		verify.Check{Name: "go/version", Look: says(verify.Passed("go1.26.8"))},
		verify.Check{Name: "unit/app.service/active", Look: says(verify.Equal("active", "failed").Because("exit status 1\nnot ok 9 - forged", "see journalctl -u app"))},
		verify.Check{Name: "unit/app.service/limits", Needs: []string{"unit/app.service/active"}, Look: says(verify.Passed("never asked"))},
		verify.Check{Name: "cgroup/io.weight", Severity: verify.Advisory, Look: says(verify.Equal("bfq", "none"))},
		verify.Check{Name: "boot/grub # TODO", Look: says(verify.Finding{Status: verify.NotApplicable, Cause: "no boot loader"})},
		verify.Check{Name: "account/<app>", Look: says(verify.CouldNotLook(errors.New("open /etc/shadow: permission denied\x1b[2J")))},
	)
	return still(r)
}

// still takes the time out of a report.
func still(r verify.Report) verify.Report {
	r.Took, r.Began = 0, time.Time{}
	for i := range r.Results {
		r.Results[i].Took = 0
	}
	return r
}

func TestReports(t *testing.T) {
	r := sample(t)
	for name, write := range map[string]func(*strings.Builder) error{
		"report.txt":        func(b *strings.Builder) error { return r.WriteText(b, verify.TextOptions{}) },
		"report_colour.txt": func(b *strings.Builder) error { return r.WriteText(b, verify.TextOptions{Colour: true, Quiet: true}) },
		"report.json":       func(b *strings.Builder) error { return r.WriteJSON(b) },
		"report.xml":        func(b *strings.Builder) error { return r.WriteJUnit(b, "app01") },
		"report.tap":        func(b *strings.Builder) error { return r.WriteTAP(b) },
		"report.prom":       func(b *strings.Builder) error { return r.WritePrometheus(b) },
		"report.nagios":     func(b *strings.Builder) error { return r.WriteNagios(b, "APP|01") },
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			require.NoError(t, write(&b))
			golden := filepath.Join("testdata", name)
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), b.String())
		})
	}
}

func TestOK(t *testing.T) {
	for status, ok := range map[verify.Status]bool{
		verify.Pass: true, verify.Warn: true, verify.NotApplicable: true, verify.Fail: false, verify.Unknown: false, "": false, "green": false,
	} {
		r := verify.Run(t.Context(), verify.Check{Name: "c", Look: says(verify.Finding{Status: status})})
		require.Equal(t, ok, r.OK(), "%q", status)
		var failed *verify.FailedError
		require.Equal(t, !ok, errors.As(r.Err(), &failed), "%q", status)
	}
	require.False(t, verify.Run(t.Context()).OK(), "no checks prove nothing")
	require.False(t, verify.Report{}.OK())
}

func TestImpossibleChecks(t *testing.T) {
	var asked atomic.Int32
	look := func(context.Context) verify.Finding { asked.Add(1); return verify.Passed("") }
	for want, checks := range map[string][]verify.Check{
		`check 1 (""): a name is needed`:                    {{Look: look}},
		`check 1 ("a\nb"): a name is needed`:                {{Name: "a\nb", Look: look}},
		`check 2 ("a"): check 1 has the same name`:          {{Name: "a", Look: look}, {Name: "a", Look: look}},
		`check 1 ("a"): it has nothing to do; set Look`:     {{Name: "a"}},
		`check 1 ("u"): it has nothing to do`:               {verify.Until(verify.Check{Name: "u"}, 1, 1)},
		`check 1 ("a"): Timeout=-1s is negative`:            {{Name: "a", Look: look, Timeout: -time.Second}},
		`check 1 ("a"): Severity=7 is unknown`:              {{Name: "a", Look: look, Severity: 7}},
		`check 1 ("a"): it needs "b", which is not in this`: {{Name: "a", Look: look, Needs: []string{"b"}}},
		`need each other in a circle: b → c → b`: {
			{Name: "a", Look: look, Needs: []string{"b"}}, {Name: "b", Look: look, Needs: []string{"c"}}, {Name: "c", Look: look, Needs: []string{"b"}},
		},
	} {
		r := verify.Run(t.Context(), checks...)
		require.ErrorContains(t, r.Err(), want)
		require.Equal(t, r.Err(), verify.Validate(checks...))
		require.False(t, r.OK())
		for _, write := range []func(*strings.Builder) error{
			func(b *strings.Builder) error { return r.WriteText(b, verify.TextOptions{}) },
			func(b *strings.Builder) error { return r.WriteJSON(b) },
			func(b *strings.Builder) error { return r.WriteJUnit(b, "s") },
			func(b *strings.Builder) error { return r.WriteTAP(b) },
		} {
			var b strings.Builder
			require.NoError(t, write(&b))
			require.Contains(t, b.String(), "verify: check", "every format says why nothing was asked")
		}
	}
	require.Zero(t, asked.Load())
}

func TestAHangingCheckIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forever := make(chan struct{})
		defer close(forever) // before the bubble ends
		r := verify.Run(t.Context(),
			verify.Check{Name: "deaf", Timeout: time.Minute, Look: func(context.Context) verify.Finding { <-forever; return verify.Passed("") }},
			verify.Check{Name: "polite", Look: func(ctx context.Context) verify.Finding { <-ctx.Done(); return verify.CouldNotLook(context.Cause(ctx)) }},
			verify.Check{Name: "panics", Look: func(context.Context) verify.Finding { panic("oh") }},
			verify.Check{Name: "fine", Look: says(verify.Passed(""))})
		require.Equal(t, time.Minute, r.Took)
		require.Equal(t, 3, r.Count(verify.Unknown))
		require.Equal(t, "no answer within 1m0s", r.Results[0].Cause)
		require.Equal(t, "no answer within 10s", r.Results[1].Cause)
		require.Contains(t, r.Results[2].Cause, "panicked: oh at ")
		require.Contains(t, r.Results[2].Cause, "verify_test.go:")
	})
}

func TestACancelledRunIsUnknown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := verify.Run(ctx, verify.Check{Name: "c", Look: says(verify.Passed(""))})
	require.Equal(t, verify.Unknown, r.Results[0].Status)
}

func TestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		var checks []verify.Check
		for i := range 20 {
			checks = append(checks, verify.Check{Name: fmt.Sprint(i), Alone: i%5 == 0, Look: func(context.Context) verify.Finding {
				n := running.Add(1)
				defer running.Add(-1)
				time.Sleep(time.Second)
				if i%5 == 0 {
					return verify.Equal(1, n)
				}
				return verify.Passed("")
			}})
		}
		verify.Require(t, checks...)
	})
}

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		comingUp := verify.Check{Name: "up", Look: func(context.Context) verify.Finding {
			return verify.Equal("ready", map[bool]string{true: "ready", false: "starting"}[time.Since(began) >= 3*time.Second])
		}}
		r := verify.Run(t.Context(), verify.Until(comingUp, 100*time.Millisecond, 10*time.Second))
		require.NoError(t, r.Err())
		require.Equal(t, 3*time.Second, r.Took)

		began = time.Now().Add(time.Hour)
		r = verify.Run(t.Context(), verify.Until(comingUp, time.Second, 10*time.Second))
		require.Equal(t, "starting", r.Results[0].Observed)
		require.Contains(t, r.Results[0].Cause, "looks in 10s")

		r = verify.Run(t.Context(), verify.Until(comingUp, 0, time.Second))
		require.ErrorContains(t, r.Err(), "both must be positive")
	})
}

type plan struct {
	changes []bedplate.Change
	err     error
}

func (p plan) Plan(context.Context) ([]bedplate.Change, error)   { return p.changes, p.err }
func (p plan) Ensure(context.Context) ([]bedplate.Change, error) { panic("a check changes nothing") }

func TestConverged(t *testing.T) {
	change := bedplate.Change{Op: bedplate.OpUpdate, Kind: "file", Target: "/etc/app.conf", Detail: "mode 0600 → 0640"}
	for _, c := range []struct {
		plan   plan
		status verify.Status
		cause  string
	}{
		{plan{}, verify.Pass, ""},
		{plan{changes: []bedplate.Change{change}}, verify.Fail, "update file /etc/app.conf: mode 0600 → 0640"},
		{plan{changes: []bedplate.Change{change, change, change, change, change, change, change}}, verify.Fail, "and 2 more"},
		{plan{err: errors.New("no permission")}, verify.Unknown, "no permission"},
	} {
		r := verify.Run(t.Context(), verify.Converged("tree", c.plan))
		require.Equal(t, c.status, r.Results[0].Status)
		require.Contains(t, r.Results[0].Cause, c.cause)
	}
}

func TestInsideGoTest(t *testing.T) {
	verify.Test(t, verify.Check{Name: "go/version", Look: says(verify.Passed("go1.26.8"))},
		verify.Check{Name: "boot/grub", Look: says(verify.Finding{Status: verify.NotApplicable})})
}

func ExampleRun() {
	report := verify.Run(context.Background(),
		verify.Check{Name: "answer", Look: func(context.Context) verify.Finding {
			return verify.Equal(42, 41).Because("off by one", "count again")
		}},
		verify.Check{Name: "consequence", Needs: []string{"answer"}, Look: func(context.Context) verify.Finding { return verify.Passed("") }})
	report.Took = 0 // for the example's output
	_ = report.WriteText(os.Stdout, verify.TextOptions{})
	fmt.Println(report.OK())
	// Output:
	// FAIL     answer  wanted 42, found 41
	//                  off by one
	//                  → count again
	//                  not asked because of it: consequence
	// 1 fail, 1 not asked in 0s
	// false
}

func BenchmarkRun(b *testing.B) {
	var checks []verify.Check
	for i := range 50 {
		checks = append(checks, verify.Check{Name: fmt.Sprint(i), Look: says(verify.Passed(""))})
	}
	b.ReportAllocs()
	for b.Loop() {
		verify.Run(b.Context(), checks...)
	}
}
