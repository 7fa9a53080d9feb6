package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/bedplate/bedplate/verify/internal/shared"
)

// Until asks a check again, every so often, until it holds (passes, warns or
// does not apply) or its time is up, and then gives the last answer. What is
// still coming up (a service, a mount) is verified this way. The check's own
// Timeout bounds each look; patience bounds them all.
func Until(c Check, every, patience time.Duration) Check {
	if c.Look == nil {
		return c // Run says so
	}
	once := c
	once.Severity = Required           // advice is asked again too; what it means in the end is the outer check's
	c.Timeout = patience + time.Second // the loop below ends first, with a better answer
	if every <= 0 || patience <= 0 {
		c.Look = func(context.Context) Finding {
			return CouldNotLook(fmt.Errorf("Until(every %v, patience %v): both must be positive", every, patience))
		}
		return c
	}
	c.Look = func(ctx context.Context) Finding {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		tick := time.NewTicker(every)
		defer tick.Stop()
		var last Finding
		for tries := 1; ; tries++ {
			f := lookAfresh(ctx, once)
			if f.Status != Fail && f.Status != Unknown {
				return f
			}
			if ctx.Err() == nil || tries == 1 {
				last = f // a look cut short by the end knows less than the one before it
			}
			select {
			case <-ctx.Done():
				last.Cause = fmt.Sprintf("after %d looks in %v: %s", tries, patience, orNothing(last.Cause))
				return last
			case <-tick.C:
			}
		}
	}
	return c
}

// lookAfresh keeps nothing of what was read before.
func lookAfresh(ctx context.Context, c Check) Finding {
	ctx, end := shared.With(ctx)
	defer end()
	return look(ctx, c)
}
