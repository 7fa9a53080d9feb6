package unit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// start finds the units that should run, and what each needs.
func (p *preparation) start(state observed) error {
	names, err := p.meantToRun()
	if err != nil {
		return err
	}
	g := &group{p: p, jobs: map[string]string{}}
	restarted := map[string]bool{}
	for _, name := range names {
		o := state[name]
		if o.Load == "masked" {
			return &MaskedError{name, o.Fragment}
		}
		if o.Load == "not-found" && p.units[name] == nil {
			if template, _ := instance(name); template == "" || p.units[template] == nil {
				return loaded(o.Status)
			}
		}
		verb, why := p.verb(name, o)
		if verb != verbRestart && o.up() && restarted[name] {
			verb, why = verbRestart, "its socket is restarted"
		}
		if verb == "" {
			continue
		}
		if verb == verbRestart && kindOf(name) == "socket" {
			restarted[p.activates(name)] = true
		}
		g.add(name, verb, why)
	}
	return nil
}

// verb is what a unit that should run needs.
func (p *preparation) verb(name string, o observation) (verb, why string) {
	if o.Active == "activating" && p.changed(name, o.started) {
		return verbRestart, "its files changed" // it may be between two tries
	}
	if o.Active == "activating" && o.up() {
		return verbStart, "was starting" // which joins the start that goes on, and proves it
	}
	if !o.up() {
		switch o.Active {
		case "activating": // waiting for the next try, with a delay that may be long
			return verbRestart, "was waiting to be restarted"
		case "":
			return verbStart, "was inactive"
		}
		return verbStart, "was " + o.Active
	}
	verb, why = p.update(name, o)
	if verb == "" && o.again {
		return verbStart, "was restarted by systemd a moment ago" // whether it stays up is to be seen
	}
	return verb, why
}

// update is what a unit that runs needs where its files are newer.
func (p *preparation) update(name string, o observation) (verb, why string) {
	if p.set.OnChange == LeaveRunning {
		return "", ""
	}
	since := o.started
	if p.set.OnChange == ReloadChanged && o.canReload {
		since = o.changed
	}
	why = "its files changed"
	if !p.changed(name, since) {
		if f := p.replaced(o.started, p.program(name)); f != "" {
			return verbRestart, f + " changed since its start"
		}
		f := ""
		if kindOf(name) == "service" {
			f = p.replaced(since, p.set.Uses...)
		}
		if f == "" {
			return "", ""
		}
		why = f + " changed since its start"
	}
	if p.set.OnChange == ReloadChanged && o.canReload {
		return verbReload, why
	}
	return verbRestart, why
}

// changed says whether a unit's files change now, or were written after it was
// started: by a run that did not come to the restart.
func (p *preparation) changed(name string, since time.Time) bool {
	template, _ := instance(name)
	for _, n := range []string{name, template} {
		if n == "" {
			continue
		}
		if p.touched[n] {
			return true
		}
		if w := p.written[n]; !since.IsZero() && w.After(since) && w.Before(time.Now()) {
			return true
		}
	}
	return false
}

// meantToRun are the units that Start is about: sockets before services.
func (p *preparation) meantToRun() (names []string, err error) {
	triggered := map[string]bool{}
	for name, f := range p.units {
		if kind := kindOf(name); kind == "timer" || kind == "path" {
			triggered[activated(f, "Unit")] = true
		}
	}
	for _, name := range p.set.names() {
		switch kindOf(name) {
		case "socket", "timer", "path", "target", "mount", "automount", "swap":
		case "service":
			f, _, err := p.source(name)
			if err != nil {
				return nil, err
			}
			if t, _ := f.Get("Service", "Type"); t == "oneshot" || triggered[name] {
				continue
			}
		default:
			continue
		}
		if !isTemplate(name) && !slices.Contains(p.set.Disabled, name) {
			names = append(names, name)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return stopOrder(a) - stopOrder(b) })
	return names, nil
}

// activates is the service of a socket.
func (p *preparation) activates(socket string) string {
	if f := p.units[socket]; f != nil {
		return activated(f, "Service")
	}
	return strings.TrimSuffix(socket, "socket") + "service"
}

// activated is the unit that another one starts: the one that a directive names,
// or the service of the same name.
func activated(f *File, directive string) string {
	base, kind, _ := cutLast(f.Name, ".")
	if name, _ := f.Get(section("", kind), directive); name != "" {
		return name
	}
	return base + ".service"
}

// group is a number of units that are started together: systemd puts them in
// order, and they are watched at the same time.
type group struct {
	p     *preparation
	order []string
	jobs  map[string]string // verb by name
	done  map[string]error
}

func (g *group) add(name, verb, why string) {
	g.order = append(g.order, name)
	g.jobs[name] = verb
	g.p.steps = append(g.p.steps, step{run(name, verb, why), func(ctx context.Context) error {
		if g.done == nil {
			g.all(ctx)
		}
		return g.done[name]
	}, true})
}

func (g *group) all(ctx context.Context) {
	g.done = map[string]error{}
	c := g.p.live
	// A socket can't be bound anew while its service holds it: that goes first.
	for _, name := range g.order {
		if g.jobs[name] != verbRestart || kindOf(name) != "socket" {
			continue
		}
		service := g.p.activates(name)
		if g.jobs[service] != verbRestart {
			continue
		}
		j, err := c.begin(ctx, verbStop, service)
		if err == nil {
			err = c.await(ctx, j)
		}
		if err != nil {
			g.done[service] = fmt.Errorf("unit: stop %s: %w", service, err)
		}
	}
	var jobs []*job
	for _, name := range g.order {
		if g.done[name] != nil {
			continue
		}
		j, err := c.begin(ctx, g.jobs[name], name)
		if err != nil {
			g.done[name] = err
			continue
		}
		jobs = append(jobs, j)
	}
	for i, r := range c.prove(ctx, jobs) {
		name := jobs[i].unit
		if r.err == nil && r.status.Active != "active" && r.status.Active != "reloading" {
			r.err = &StartError{g.jobs[name], r.status, errors.New("it was to keep running")}
		}
		g.done[name] = r.err
	}
}
