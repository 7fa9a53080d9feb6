package unit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bedplate/bedplate/unit/journal"
	sd "github.com/coreos/go-systemd/v22/dbus"
)

// Start starts a unit and says what became of it, after it has been well for
// Stable. If it is not running then, and has not finished well, the error is a
// *StartError. A unit that runs already is left as it is.
func (m Manager) Start(ctx context.Context, unit string) (Status, error) {
	return m.change(ctx, verbStart, unit)
}

// Restart stops a unit, if it runs, and starts it.
func (m Manager) Restart(ctx context.Context, unit string) (Status, error) {
	return m.change(ctx, verbRestart, unit)
}

// Reload has a running unit read its configuration again.
func (m Manager) Reload(ctx context.Context, unit string) (Status, error) {
	return m.change(ctx, verbReload, unit)
}

// Stop stops a unit. One that had to be killed is a *StartError with StopTimedOut.
func (m Manager) Stop(ctx context.Context, unit string) (Status, error) {
	return m.change(ctx, verbStop, unit)
}

func (m Manager) change(ctx context.Context, verb, unit string) (Status, error) {
	c, err := m.open(ctx, unit)
	if err != nil {
		return Status{Unit: unit}, err
	}
	defer c.close()
	j, err := c.begin(ctx, verb, unit)
	if err != nil {
		return Status{Unit: unit}, err
	}
	r := c.prove(ctx, []*job{j})[0]
	return r.status, r.err
}

// bad says that an outcome tells what went wrong. Between two tries of systemd
// there are moments that look like a stop.
func (o Outcome) bad() bool {
	switch o {
	case Running, Finished, Stopped, Starting:
		return false
	}
	return true
}

// Wait waits until a unit has one of the outcomes; with none given, until it is
// neither starting nor stopping. When the context ends first, the error is a
// *StartError with the status that it has then.
func (m Manager) Wait(ctx context.Context, unit string, outcomes ...Outcome) (Status, error) {
	c, err := m.open(ctx, unit)
	if err != nil {
		return Status{Unit: unit}, err
	}
	defer c.close()
	c.hold(ctx, unit)
	waiting, cancel := earlier(ctx)
	defer cancel()
	for {
		s, err := c.status(ctx, unit)
		if err != nil {
			return s, err
		}
		if s.Outcome == Stopped && s.Result == "success" && s.Invocation != "" && slices.Contains(outcomes, Finished) {
			s.Outcome = Finished
		}
		if among(s.Outcome, outcomes) {
			return s, nil
		}
		select {
		case <-waiting.Done():
			c.explain(ctx, &s, time.Time{})
			return s, &StartError{"wait for", s, context.Cause(waiting)}
		case <-time.After(look):
		}
	}
}

func among(o Outcome, outcomes []Outcome) bool {
	return slices.Contains(outcomes, o) || len(outcomes) == 0 && o != Starting
}

// look is how often a unit is looked at.
const look = 100 * time.Millisecond

// earlier is a context that ends a little before the caller's, so that there is
// time to find out why.
func earlier(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	reserve := min(time.Until(deadline)/4, 2*time.Second)
	return context.WithDeadlineCause(ctx, deadline.Add(-reserve), context.DeadlineExceeded)
}

// proof is what became of a job.
type proof struct {
	status Status
	err    error
}

// watched is a unit whose job is over, and that has to stay well.
type watched struct {
	*job
	status  Status
	failure *Status // the first that was seen, while systemd tries again
	settled bool
	err     error
	looked  bool
	counted int // the restarts before the job
}

// prove waits for jobs and watches their units, all of them at once.
func (c *client) prove(ctx context.Context, jobs []*job) []proof {
	waiting, cancel := earlier(ctx)
	defer cancel()
	list := make([]*watched, len(jobs))
	for i, j := range jobs {
		list[i] = &watched{job: j}
		list[i].err = c.await(waiting, j)
	}
	c.watch(waiting, list)
	proofs := make([]proof, len(list))
	for i, w := range list {
		proofs[i] = c.conclude(ctx, w)
	}
	return proofs
}

// watch looks at units until each has failed for good, or all of them have been
// well for long enough.
func (c *client) watch(ctx context.Context, list []*watched) {
	until := time.Now().Add(c.manager.stable())
	seen := map[string]string{}
	for {
		over := !time.Now().Before(until)
		open := 0
		states, err := c.states(ctx, list)
		for _, w := range list {
			if w.settled || w.err != nil {
				continue
			}
			if now := states[w.unit]; err == nil && !over && now != "" && now == seen[w.unit] {
				open++
				continue // all of it is looked at again in the end
			}
			if w.status, w.err = c.outcome(ctx, w); w.err != nil {
				continue
			}
			seen[w.unit] = w.status.Active + " " + w.status.Sub
			w.see(over)
			if !w.settled {
				open++
			}
		}
		if open == 0 {
			return
		}
		select {
		case <-ctx.Done():
			over = true
		case <-time.After(look):
		}
		if ctx.Err() != nil {
			for _, w := range list {
				if !w.settled && w.err == nil {
					w.err = context.Cause(ctx)
				}
			}
			return
		}
	}
}

// outcome is the status of a unit, with the restarts since its job. Of a unit in a
// crash loop systemd's next try may come due while the job waits, and then is one
// with the job: it has been counted, and nothing has failed since.
func (c *client) outcome(ctx context.Context, w *watched) (Status, error) {
	s, err := c.status(ctx, w.unit)
	if err != nil {
		return s, err
	}
	if !w.looked && s.Outcome == Running && !s.started.After(w.ended) {
		w.counted = s.Restarts // what runs is the job's
	}
	w.looked = true
	s.Restarts = max(0, s.Restarts-w.counted)
	return s, nil
}

// states are what the units that are watched are in, "active running", in one
// call: a whole status has hundreds of properties.
func (c *client) states(ctx context.Context, list []*watched) (map[string]string, error) {
	var names []string
	for _, w := range list {
		if !w.settled && w.err == nil {
			names = append(names, w.unit)
		}
	}
	states := map[string]string{}
	err := c.call(ctx, "look at "+strings.Join(names, ", "), func(conn *sd.Conn) error {
		units, err := conn.ListUnitsByNamesContext(ctx, names)
		for _, u := range units {
			states[u.Name] = u.ActiveState + " " + u.SubState
		}
		return err
	})
	return states, err
}

func (w *watched) see(over bool) {
	s := w.status
	brief := w.verb == verbStop || w.verb == verbReload
	again := s.waits() || s.Restarts > 0 && w.verb != verbStop
	switch {
	case brief:
		w.settled = s.Outcome != Starting
	case again:
		if w.failure == nil && s.Outcome.bad() {
			w.failure = &s
		}
		w.settled = over || s.Active == "failed"
	case s.Outcome == Starting: // the job is over, and systemd is at it again
		w.settled = over
	case s.Outcome == Running:
		w.settled = over
	default:
		w.settled = true
	}
}

// conclude says whether the unit is in the state that was asked for.
func (c *client) conclude(ctx context.Context, w *watched) proof {
	s := w.status
	if s.Unit == "" { // not seen yet: the job took too long
		var err error
		if s, err = c.outcome(ctx, w); err != nil {
			return proof{s, errors.Join(w.err, err)}
		}
	}
	failed := fmt.Errorf("the job's result is %q", w.result)
	switch {
	case w.err != nil:
		if ctx.Err() == nil && !errors.Is(w.err, context.DeadlineExceeded) && !errors.Is(w.err, context.Canceled) {
			return proof{s, w.err}
		}
		failed = w.err
	case w.verb == verbStop && s.Outcome != StopTimedOut && (s.Active == "inactive" || s.Active == "failed"):
		s.Outcome, s.Problem = Stopped, ""
		return proof{s, nil}
	case w.verb == verbReload && s.Outcome == Running:
		if w.result == "done" || w.result == "" {
			return proof{s, nil}
		}
		s.Outcome, s.Problem = NotReloaded, "it runs on as it was"
	case w.verb != verbStop && s.OK() && s.Restarts == 0 && w.failure == nil && w.result != "dependency":
		return proof{s, nil}
	case w.verb != verbStop && s.Outcome == Stopped && s.Restarts == 0 && w.result == "done" && w.failure == nil:
		// It ran, and has ended without an error: a oneshot, or a program that
		// had nothing to do.
		s.Outcome = Finished
		return proof{s, nil}
	case w.failure != nil:
		restarts := s.Restarts
		s = *w.failure
		s.Restarts = restarts
		failed = nil
	default:
		if failed = nil; w.result == "dependency" {
			s.Outcome, s.Problem = DependencyFailed, "systemctl list-dependencies shows which"
		}
	}
	c.explain(ctx, &s, w.began)
	if w.verb != verbStop && s.Outcome == Stopped && slices.ContainsFunc(s.Log, func(e journal.Entry) bool { return e.Field("JOB_RESULT") == "dependency" }) {
		// The job's result was not heard; systemd wrote it down as well.
		s.Outcome, s.Problem = DependencyFailed, "systemctl list-dependencies shows which"
	}
	if s.Restarts > 0 && (s.Outcome == ExitedWithError || s.Outcome == Crashed || s.Outcome == Failed || !s.Outcome.bad()) {
		s.Outcome = CrashLoop
	}
	return proof{s, &StartError{w.verb, s, failed}}
}
