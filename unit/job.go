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
	"github.com/godbus/dbus/v5"
)

// A verb is what a job does with a unit.
const (
	verbStart   = "start"
	verbRestart = "restart"
	verbReload  = "reload"
	verbStop    = "stop"
)

// job is one that systemd was asked for.
type job struct {
	verb, unit string
	began      time.Time
	before     Status
	id         int         // zero: systemd did not say
	done       chan string // gets the result, if the connection lives that long
	result     string      // "done", "failed", "dependency", ...; "" if it was not heard
	ended      time.Time   // when that was heard
}

// waits says that a unit has failed and is waiting for systemd's next try.
func (s Status) waits() bool { return s.Sub == "auto-restart" || s.Sub == "auto-restart-queued" }

// loaded explains a unit that can't be started at all.
func loaded(s Status) error {
	switch s.Load {
	case "masked":
		return &MaskedError{s.Unit, s.Fragment}
	case "not-found":
		file := s.Unit
		if template, _ := instance(s.Unit); template != "" {
			file = template
		}
		return &MissingError{s.Unit, file}
	case "bad-setting", "error":
		return &LoadError{s.Unit, []string{s.Problem}}
	}
	return nil
}

// complain adds to a LoadError what systemd said when it read the unit.
func (c *client) complain(ctx context.Context, err error) error {
	var bad *LoadError
	if !errors.As(err, &bad) {
		return err
	}
	q := journal.Query{Unit: bad.Unit, User: c.manager.User, Boot: journal.ThisBoot, Priority: journal.AtLeast(journal.Warning), Lines: 5}
	log, _ := q.All(ctx) // without the right to read it, the error stands as it is
	for _, e := range log {
		if line := strings.TrimPrefix(e.Message, bad.Unit+": "); !slices.Contains(bad.Problems, line) {
			bad.Problems = append(bad.Problems, line)
		}
	}
	return bad
}

// begin asks for a job. If the connection breaks before the answer, nobody knows
// whether the job exists: it is looked for before it is asked for again.
func (c *client) begin(ctx context.Context, verb, unit string) (*job, error) {
	c.hold(ctx, unit)
	before, err := c.status(ctx, unit)
	if err != nil {
		return nil, err
	}
	if verb != verbStop {
		if err := loaded(before); err != nil {
			return nil, c.complain(ctx, err)
		}
	}
	j := &job{verb: verb, unit: unit, began: time.Now(), before: before}
	if verb == verbStart && before.waits() {
		verb = verbRestart // a start would join that next try, which may be long in coming
	}
	again := false
	err = c.call(ctx, verb+" "+unit, func(conn *sd.Conn) error {
		if again {
			if found, err := c.adopt(ctx, conn, j); found || err != nil {
				return err
			}
		}
		again = true
		if verb == verbStart || verb == verbRestart {
			// It may have been started too often; this time it is asked for.
			if err := conn.ResetFailedUnitContext(ctx, unit); err != nil && broken(err) {
				return err
			}
		}
		j.done = make(chan string, 1)
		ask := map[string]func(context.Context, string, string, chan<- string) (int, error){
			verbStart: conn.StartUnitContext, verbRestart: conn.RestartUnitContext, verbReload: conn.ReloadUnitContext, verbStop: conn.StopUnitContext,
		}[verb]
		id, err := ask(ctx, unit, "replace", j.done)
		j.id = id
		return err
	})
	return j, err
}

// adopt finds a job that was asked for on a connection that broke, or sees that
// it is over.
func (c *client) adopt(ctx context.Context, conn *sd.Conn, j *job) (bool, error) {
	id, err := queued(ctx, conn, j.unit)
	if err != nil {
		return false, err
	}
	if id != 0 {
		j.id = id
		return true, nil
	}
	if j.verb != verbRestart && j.verb != verbStart {
		return false, nil // to stop or reload once more does no harm
	}
	p, err := conn.GetUnitPropertiesContext(ctx, j.unit)
	if err != nil {
		return false, err
	}
	return fmt.Sprintf("%x", property[[]byte](p, "InvocationID")) != j.before.Invocation && p["ActiveState"] == "active", nil
}

// queued is the ID of the job that a unit has; zero for none.
func queued(ctx context.Context, conn *sd.Conn, unit string) (int, error) {
	p, err := conn.GetUnitPropertyContext(ctx, unit, "Job")
	if err != nil {
		return 0, err
	}
	if v, _ := p.Value.Value().([]any); len(v) == 2 {
		id, _ := v[0].(uint32)
		_, isPath := v[1].(dbus.ObjectPath)
		if isPath {
			return int(id), nil
		}
	}
	return 0, nil
}

func (j *job) heard(result string) { j.result, j.ended = result, time.Now() }

// await waits for the end of a job. The signal that tells it is lost when a
// connection breaks, so the unit is asked besides.
func (c *client) await(ctx context.Context, j *job) error {
	const every = 250 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case result := <-j.done:
			j.heard(result)
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		over := false
		err := c.call(ctx, "wait for the job of "+j.unit, func(conn *sd.Conn) error {
			id, err := queued(ctx, conn, j.unit)
			over = id == 0 || j.id != 0 && id != j.id
			return err
		})
		if err != nil {
			return err
		}
		if over {
			select {
			case result := <-j.done:
				j.heard(result)
			case <-time.After(every): // it was removed a moment ago, and the signal may be under way
			}
			return nil
		}
	}
}
