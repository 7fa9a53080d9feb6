package verify_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bedplate/bedplate/verify"
	"github.com/stretchr/testify/require"
)

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		flapping := verify.Check{Name: "flapping", Look: func(context.Context) verify.Finding {
			second := int(time.Since(began).Seconds())
			if second >= 10 && second < 20 {
				return verify.Finding{Status: verify.Fail, Observed: fmt.Sprint(second)}
			}
			return verify.Passed(fmt.Sprint(second))
		}}
		steady := verify.Check{Name: "steady", Look: func(context.Context) verify.Finding { return verify.Passed(time.Now().String()) }}
		var seen []string
		for report, turns := range verify.Watch(ctx, time.Second, flapping, steady) {
			require.Len(t, report.Results, 2)
			seen = append(seen, fmt.Sprint(time.Since(began).Seconds(), report.OK(), turns))
		}
		require.Equal(t, []string{
			"0 true []",
			"10 false [flapping: pass → fail; 10]",
			"20 true [flapping: fail → pass; 20]",
		}, seen, "what changes in value alone is no turn, and the end is none either")
		require.Equal(t, time.Minute, time.Since(began))
	})
}

func TestWatchOfTheImpossible(t *testing.T) {
	for want, reports := range map[string]func(func(verify.Report, []verify.Turn) bool){
		"must be positive":  verify.Watch(t.Context(), 0, verify.Check{Name: "a", Look: says(verify.Passed(""))}),
		"has nothing to do": verify.Watch(t.Context(), time.Second, verify.Check{Name: "a"}),
	} {
		n := 0
		for report := range reports {
			require.ErrorContains(t, report.Err(), want)
			n++
		}
		require.Equal(t, 1, n)
	}
}

func TestSince(t *testing.T) {
	report := func(checks ...verify.Check) verify.Report { return verify.Run(t.Context(), checks...) }
	a := verify.Check{Name: "a", Look: says(verify.Passed(""))}
	b := verify.Check{Name: "b", Look: says(verify.CouldNotLook(errors.New("no permission")))}
	require.Empty(t, report(a, b).Since(report(a, b)))
	turns := report(b).Since(report(a))
	require.Len(t, turns, 2)
	require.Equal(t, "b:  → unknown; no permission", turns[0].String())
	require.Equal(t, verify.Turn{Check: "a", From: verify.Pass}, turns[1])
}
