package verify

import "testing"

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
			switch res.Status {
			case Fail, Unknown:
				t.Error(res.Finding)
			default:
				t.Log(res.Finding)
			}
		})
	}
}

// Require asks the checks and ends the test at once if one does not hold: for
// what the rest of the test stands on.
func Require(t testing.TB, checks ...Check) {
	t.Helper()
	if err := Run(t.Context(), checks...).Err(); err != nil {
		t.Fatal(err)
	}
}
