package verify

import (
	"fmt"
	"strings"
	"testing"
)

// Test asks the checks inside go test, each as a subtest. One that fails or is
// unknown fails its subtest; a test never skips what could not be looked at.
func Test(t *testing.T, checks ...Check) {
	t.Helper()
	r := Run(t.Context(), checks...)
	if r.invalid != nil {
		t.Fatal(r.invalid)
	}
	if len(checks) == 0 {
		t.Fatal(r.Err())
	}
	for _, res := range r.Results {
		t.Run(res.Check, func(t *testing.T) {
			t.Helper()
			switch {
			case len(res.BlockedBy) > 0:
				t.Error(oneLine(res.Cause))
			case res.Status == Fail || res.Status == Unknown:
				t.Error(res.Finding.lines())
			default:
				t.Log(res.Finding)
			}
		})
	}
}

// lines is the finding as a failed test shows it: one thing a line.
func (f Finding) lines() string {
	var b strings.Builder
	b.WriteString(string(f.Status))
	for _, l := range []struct{ name, text string }{{"wanted", f.Wanted}, {"found", f.Observed}, {"cause", f.Cause}, {"remedy", f.Remedy}} {
		if l.text != "" {
			fmt.Fprintf(&b, "\n%-7s %s", l.name, oneLine(l.text))
		}
	}
	return b.String()
}

// Require asks the checks and ends the test at once if one does not hold: for
// what the rest of the test stands on.
func Require(t testing.TB, checks ...Check) {
	t.Helper()
	if err := Run(t.Context(), checks...).Err(); err != nil {
		t.Fatal(err)
	}
}
