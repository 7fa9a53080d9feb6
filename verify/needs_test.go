package verify_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/bedplate/bedplate/verify"
	"github.com/stretchr/testify/require"
)

// One fault is one line: what stands on it is counted, and blames the root.
func TestOneFaultIsReportedOnce(t *testing.T) {
	pass := says(verify.Passed(""))
	r := verify.Run(t.Context(),
		verify.Check{Name: "leaf", Look: pass, Needs: []string{"branch", "other"}},
		verify.Check{Name: "branch", Look: pass, Needs: []string{"trunk"}},
		verify.Check{Name: "other", Look: pass, Needs: []string{"trunk", "unseen"}},
		verify.Check{Name: "trunk", Look: says(verify.Equal(1, 2))},
		verify.Check{Name: "unseen", Look: says(verify.CouldNotLook(errors.New("no permission")))},
		verify.Check{Name: "absent", Look: says(verify.Finding{Status: verify.NotApplicable})},
		verify.Check{Name: "of absent", Look: pass, Needs: []string{"absent"}},
		verify.Check{Name: "of of absent", Look: pass, Needs: []string{"of absent"}},
		verify.Check{Name: "of both", Look: pass, Needs: []string{"absent", "trunk"}},
		verify.Check{Name: "advised", Severity: verify.Advisory, Look: says(verify.Equal(1, 2))},
		verify.Check{Name: "of advised", Look: pass, Needs: []string{"advised"}})
	byName := map[string]verify.Result{}
	for _, res := range r.Results {
		byName[res.Check] = res
	}
	require.Equal(t, []string{"trunk", "unseen"}, byName["leaf"].BlockedBy)
	require.Equal(t, "not asked: it needs trunk, unseen", byName["leaf"].Cause)
	require.Equal(t, []string{"trunk"}, byName["branch"].BlockedBy)
	require.Equal(t, verify.Unknown, byName["branch"].Status)
	require.Equal(t, verify.NotApplicable, byName["of of absent"].Status)
	require.Equal(t, "of absent does not apply", byName["of of absent"].Cause)
	require.Equal(t, []string{"trunk"}, byName["of both"].BlockedBy)
	require.Equal(t, verify.Pass, byName["of advised"].Status)
	require.Equal(t, 5, r.Count(verify.Unknown))

	var failed *verify.FailedError
	require.ErrorAs(t, r.Err(), &failed)
	require.Len(t, failed.Results, 2)
	require.Equal(t, 4, failed.NotAsked)
}

func TestACheckThatEndsItsGoroutineIsUnknown(t *testing.T) {
	r := verify.Run(t.Context(), verify.Check{Name: "a", Look: func(context.Context) verify.Finding { runtime.Goexit(); return verify.Passed("") }})
	require.Equal(t, verify.Unknown, r.Results[0].Status)
	require.Contains(t, r.Results[0].Cause, "ended its goroutine")
}
