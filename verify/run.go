package verify

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bedplate/bedplate/verify/internal/shared"
)

// Run asks every check and waits for all of them, those that don't need each
// other side by side. Results come in the order of the checks. Checks that
// can't be run as they are (an empty or repeated name, an unknown need, a
// circle) are an error of the whole report, and none is asked.
func Run(ctx context.Context, checks ...Check) Report {
	began := time.Now()
	r := Report{Began: began, Results: make([]Result, len(checks)), invalid: Validate(checks...)}
	for i, c := range checks {
		r.Results[i] = Result{Check: c.Name, Tags: c.Tags, Finding: Finding{Status: Unknown, Cause: "it was not asked"}}
	}
	if r.invalid == nil {
		ctx, end := shared.With(ctx)
		newRunner(checks, r.Results).run(ctx)
		end()
	}
	r.Took = time.Since(began)
	return r
}

// runner holds what one run shares: a check may begin when those that it needs
// are done, and when there is a slot.
type runner struct {
	checks  []Check
	results []Result
	index   map[string]int
	done    []chan struct{}
	slots   chan struct{}
	alone   chan struct{} // one token: who holds it may take all slots
}

func newRunner(checks []Check, results []Result) *runner {
	r := &runner{
		checks: checks, results: results, index: make(map[string]int, len(checks)), done: make([]chan struct{}, len(checks)),
		// Checks mostly wait for a disk, a bus or a socket.
		slots: make(chan struct{}, 4*runtime.GOMAXPROCS(0)),
		alone: make(chan struct{}, 1),
	}
	for i, c := range checks {
		r.index[c.Name] = i
		r.done[i] = make(chan struct{})
	}
	return r
}

func (r *runner) run(ctx context.Context) {
	var wg sync.WaitGroup
	for i := range r.checks {
		wg.Go(func() {
			defer close(r.done[i])
			r.ask(ctx, r.checks[i], &r.results[i])
		})
	}
	wg.Wait()
}

func (r *runner) ask(ctx context.Context, c Check, res *Result) {
	blame, irrelevant := r.needs(c)
	switch {
	case len(blame) > 0:
		res.BlockedBy = blame
		res.Finding = Finding{Status: Unknown, Cause: "not asked: it needs " + strings.Join(blame, ", ")}
		return
	case irrelevant != "":
		res.Finding = Finding{Status: NotApplicable, Cause: irrelevant + " does not apply"}
		return
	}
	defer r.enter(c.Alone)()
	began := time.Now()
	res.Finding = look(ctx, c)
	res.Took = time.Since(began)
}

// enter waits for a slot, or for all of them, and returns the way out.
func (r *runner) enter(alone bool) (leave func()) {
	n := 1
	if alone {
		r.alone <- struct{}{}
		n = cap(r.slots)
	}
	for range n {
		r.slots <- struct{}{}
	}
	return func() {
		for range n {
			<-r.slots
		}
		if alone {
			<-r.alone
		}
	}
}

// needs waits for what a check needs and says who is to blame if that does not
// hold, at the root of the chain, or what does not apply.
func (r *runner) needs(c Check) (blame []string, irrelevant string) {
	for _, need := range c.Needs {
		i := r.index[need]
		<-r.done[i]
		switch res := r.results[i]; {
		case len(res.BlockedBy) > 0:
			blame = append(blame, res.BlockedBy...)
		case res.Status == Fail || res.Status == Unknown:
			blame = append(blame, need)
		case res.Status == NotApplicable && irrelevant == "":
			irrelevant = need
		}
	}
	slices.Sort(blame)
	return slices.Compact(blame), irrelevant
}

// look asks one check and lets neither a panic nor a check that ignores its
// context spoil the others.
func look(ctx context.Context, c Check) Finding {
	if err := ctx.Err(); err != nil {
		return CouldNotLook(fmt.Errorf("not asked: %w", context.Cause(ctx)))
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %v", timeout))
	defer cancel()
	answer := make(chan Finding, 1)
	go func() {
		f := Finding{Status: Unknown, Cause: "the check ended its goroutine, as t.FailNow does, and gave no answer"}
		defer func() {
			if p := recover(); p != nil {
				f.Cause = fmt.Sprintf("the check itself panicked: %v at %s", p, origin(debug.Stack()))
			}
			answer <- f
		}()
		f = c.Look(ctx)
	}()
	select {
	case f := <-answer:
		return settle(c, f)
	case <-ctx.Done():
		return CouldNotLook(context.Cause(ctx))
	}
}

// settle makes a finding fit its check.
func settle(c Check, f Finding) Finding {
	switch f.Status {
	case Fail:
		if c.Severity == Advisory {
			f.Status = Warn
		}
	case Pass, Warn, Unknown, NotApplicable:
	default:
		f.Cause = strings.TrimSpace(fmt.Sprintf("the check ended with status %q. %s", f.Status, f.Cause))
		f.Status = Unknown
	}
	return f
}

// origin is the line of code that panicked: the first after the runtime's own.
func origin(stack []byte) string {
	lines := strings.Split(string(stack), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "panic(") {
			for _, l := range lines[i+2:] {
				if strings.HasPrefix(l, "\t") && !strings.Contains(l, "/runtime/") {
					place, _, _ := strings.Cut(strings.TrimSpace(l), " ")
					return place
				}
			}
		}
	}
	return "an unknown place"
}
