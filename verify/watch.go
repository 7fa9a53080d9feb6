package verify

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Turn is a check whose status became another.
type Turn struct {
	Check    string
	From, To Status
	// Finding is the new one.
	Finding Finding
}

// String is the turn on one line.
func (t Turn) String() string {
	return fmt.Sprintf("%s: %s → %s", oneLine(t.Check), t.From, t.Finding)
}

// Since gives the checks whose status is another than in an earlier report, in
// order. One that was not in it comes from "", one that is gone goes to "". A
// value that changed with the status the same, such as a latency, is no turn.
func (r Report) Since(earlier Report) (turns []Turn) {
	before := make(map[string]Status, len(earlier.Results))
	for _, res := range earlier.Results {
		before[res.Check] = res.Status
	}
	for _, res := range r.Results {
		if was := before[res.Check]; was != res.Status {
			turns = append(turns, Turn{res.Check, was, res.Status, res.Finding})
		}
		delete(before, res.Check)
	}
	for _, res := range earlier.Results {
		if was, gone := before[res.Check]; gone {
			turns = append(turns, Turn{Check: res.Check, From: was})
		}
	}
	return turns
}

// Watch asks the checks again and again, every so often from the end of one run
// to the begin of the next, until ctx is done. It gives the first report, with
// no turns, and then each one in which a status turned. Checks that can't be run
// give one report, whose Err says why.
func Watch(ctx context.Context, every time.Duration, checks ...Check) iter.Seq2[Report, []Turn] {
	return func(yield func(Report, []Turn) bool) {
		if every <= 0 {
			yield(Report{invalid: fmt.Errorf("verify: Watch every %v: the time must be positive", every)}, nil)
			return
		}
		last := Run(ctx, checks...)
		if !yield(last, nil) || last.invalid != nil {
			return
		}
		tick := time.NewTimer(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			now := Run(ctx, checks...)
			if ctx.Err() != nil {
				return // what was cut short says nothing about the machine
			}
			turns := now.Since(last)
			last = now
			if len(turns) > 0 && !yield(now, turns) {
				return
			}
			tick.Reset(every)
		}
	}
}
