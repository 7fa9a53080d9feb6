package unit

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/unit/journal"
	sd "github.com/coreos/go-systemd/v22/dbus"
)

// observed is how the units that a Set is about are, by name.
type observed map[string]observation

type observation struct {
	Status
	started, changed time.Time // when it was started, when it came into its state
	canReload        bool
	again            bool // it runs, since a moment ago and not for the first time: it may be in a crash loop
}

// observe asks the manager. Under a Root there is none.
func (p *preparation) observe(ctx context.Context) (observed, error) {
	if p.live == nil {
		return nil, nil
	}
	state := observed{}
	for _, name := range slices.Concat(p.set.names(), p.set.Disabled, p.set.Mask, p.set.Absent) {
		if isTemplate(name) {
			continue
		}
		o, err := p.live.observe(ctx, name)
		if err != nil {
			return nil, err
		}
		state[name] = o
	}
	return state, nil
}

func (c *client) observe(ctx context.Context, name string) (o observation, err error) {
	p, err := c.properties(ctx, name)
	if err != nil {
		return o, err
	}
	o.Status = Status{
		Unit: name, Load: p.text("LoadState"), Active: p.text("ActiveState"), Sub: p.text("SubState"),
		Fragment: p.text("FragmentPath"), NeedsReload: property[bool](p, "NeedDaemonReload"),
	}
	o.judge(p)
	o.started, o.changed, o.canReload = p.when("InactiveExitTimestamp"), p.when("StateChangeTimestamp"), property[bool](p, "CanReload")
	if kindOf(name) == "service" && o.up() && time.Since(o.started) < c.manager.stable() {
		if p, err = c.typeProperties(ctx, name); err != nil {
			return o, err
		}
		o.again = property[uint32](p, "NRestarts") > 0
	}
	return o, nil
}

// up says that a unit runs, and is not just waiting for its next try.
func (o observation) up() bool {
	switch o.Active {
	case "active", "reloading", "refreshing":
		return true
	case "activating":
		return !o.waits()
	}
	return false
}

// stopUnwanted stops what must not run, before its files go: first what would
// start it again.
func (p *preparation) stopUnwanted(state observed) {
	unwanted := slices.Concat(p.set.Disabled, p.set.Mask, p.set.Absent)
	slices.SortStableFunc(unwanted, func(a, b string) int { return stopOrder(a) - stopOrder(b) })
	for _, name := range unwanted {
		o, ok := state[name]
		if !ok || o.Active == "inactive" || o.Active == "failed" || kindOf(name) == "slice" {
			continue
		}
		p.steps = append(p.steps, step{run(name, verbStop, "was "+o.Active), func(ctx context.Context) error {
			j, err := p.live.begin(ctx, verbStop, name)
			if err != nil {
				return err
			}
			r := p.live.prove(ctx, []*job{j})[0]
			if r.err != nil && r.status.Outcome == StopTimedOut {
				return nil // it is stopped all the same
			}
			return r.err
		}, false})
	}
}

func stopOrder(name string) int {
	switch kindOf(name) {
	case "timer", "socket", "path":
		return 0
	}
	return 1
}

func run(name, verb, detail string) bedplate.Change {
	return bedplate.Change{Op: bedplate.OpRun, Kind: "unit", Target: name, Detail: verb + " (" + detail + ")"}
}

// running finds what has to be reloaded, started, restarted.
func (p *preparation) running(state observed) error {
	if p.live == nil {
		return nil
	}
	why := ""
	if p.reread {
		why = "files changed"
	}
	for _, name := range p.set.names() {
		o, ok := state[name]
		if !ok || why != "" {
			continue
		}
		if o.NeedsReload {
			why = name + " changed on disk"
		} else if o.Load == "not-found" && p.units[name] != nil {
			why = "it has not seen " + name + " yet"
		}
	}
	if why != "" {
		p.steps = append(p.steps, step{bedplate.Change{Op: bedplate.OpRun, Kind: "manager", Target: "systemd", Detail: "daemon-reload (" + why + ")"}, p.reload, false})
	}
	if p.set.Start {
		return p.start(state)
	}
	return nil
}

// reload has the manager read everything again, and looks at what it made of it.
func (p *preparation) reload(ctx context.Context) error {
	began := time.Now()
	if err := p.live.reload(ctx); err != nil {
		return err
	}
	var errs []error
	for _, name := range p.set.names() {
		if isTemplate(name) {
			continue
		}
		o, err := p.live.observe(ctx, name) // loads it, if it was not
		switch {
		case err != nil:
			return err
		case o.NeedsReload:
			errs = append(errs, &LoadError{name, []string{"its files changed again since the daemon-reload; somebody else is at work on them"}})
		case o.Load == "bad-setting" || o.Load == "error":
			errs = append(errs, &LoadError{name, []string{o.Problem}})
		}
	}
	errs = append(errs, p.ignored(ctx, began))
	for _, name := range p.set.Absent {
		// One that had failed would be listed as failed for ever. The answer for
		// all others is that there is no such unit.
		errs = append(errs, p.live.call(ctx, "forget "+name, func(conn *sd.Conn) error {
			if err := conn.ResetFailedUnitContext(ctx, name); broken(err) {
				return err
			}
			return nil
		}))
	}
	return errors.Join(errs...)
}

// ignored makes an error of what systemd ignored in the Set's files. It says so
// in the journal only.
func (p *preparation) ignored(ctx context.Context, since time.Time) error {
	q := journal.Query{Since: since, Match: []journal.Match{{Field: "MESSAGE_ID", Value: invalidConfig}, {Field: "_UID", Value: strconv.Itoa(p.uid())}}}
	units := map[string]string{}
	for _, w := range p.wanted {
		q.Match = append(q.Match, journal.Match{Field: "CONFIG_FILE", Value: w.path})
		units[w.path] = w.unit
	}
	if len(units) == 0 {
		return nil
	}
	if p.uid() == 0 {
		if err := journal.Sync(ctx); err != nil {
			return err
		}
	}
	said := map[string][]string{}
	for e, err := range q.Entries(ctx) {
		if p.set.Manager.User && errors.Is(err, fs.ErrPermission) {
			return nil // an ordinary user need not have the right to read the journal
		}
		if err != nil {
			return err
		}
		unit := units[e.Field("CONFIG_FILE")]
		line := path.Base(e.Field("CONFIG_FILE")) + ":" + e.Field("CONFIG_LINE") + ": " + ignoredText(e.Message)
		if !slices.Contains(said[unit], line) {
			said[unit] = append(said[unit], line)
		}
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(said)) {
		errs = append(errs, &LoadError{name, said[name]})
	}
	return errors.Join(errs...)
}

// ignoredText takes the file's name and line off, which systemd puts before.
func ignoredText(message string) string {
	if strings.HasPrefix(message, "/") {
		if _, rest, ok := strings.Cut(message, ": "); ok {
			return rest
		}
	}
	return message
}
