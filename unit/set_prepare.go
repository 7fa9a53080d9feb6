package unit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/unit/internal/directives"
)

// preparation is a Set held against the machine: what differs, and what to do.
type preparation struct {
	set    Set
	root   *rootfs.Root
	dir    string // of unit files
	target Target
	live   *client // nil under a Root

	wanted []wanted         // files, in order
	units  map[string]*File // of the Set, by name
	drops  []Dropped

	steps   []step
	made    map[string]bool      // directories that a step makes
	removed map[string]bool      // links that a step removes
	touched map[string]bool      // units whose files a step writes
	written map[string]time.Time // when the files of a unit were written last, where no step does
	reread  bool                 // a step changes what systemd has read
	coming  map[string]bool      // files that earlier steps of the plan put in place
}

// wanted is a file as it should be.
type wanted struct {
	unit string // that it is about
	path string
	data []byte
}

func (s Set) prepare(ctx context.Context) (p *preparation, err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("unit: %w", err)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	p = &preparation{set: s, target: s.Target, units: map[string]*File{}, made: map[string]bool{}, removed: map[string]bool{}, touched: map[string]bool{}, written: map[string]time.Time{}}
	p.foresee(bedplate.Planned(ctx))
	if p.dir, err = s.directory(); err != nil {
		return nil, err
	}
	if p.root, err = rootfs.OpenPlanned(s.Root); err != nil {
		return nil, fmt.Errorf("unit: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if s.Root == "" {
		// Before anything is written: without a manager nothing is half done.
		if p.live, err = s.Manager.connect(ctx); err != nil {
			return p, err
		}
	}
	if p.target.Systemd == 0 {
		if err := p.detect(ctx); err != nil {
			return p, err
		}
	}
	if err := p.render(); err != nil {
		return p, err
	}
	return p, p.compare(ctx)
}

// compare finds the steps, in the order in which they are taken.
func (p *preparation) compare(ctx context.Context) error {
	if err := p.overridden(ctx); err != nil {
		return err
	}
	var links []link
	var err error
	if p.set.Enable {
		if links, err = p.links(); err != nil {
			return err
		}
	}
	state, err := p.observe(ctx)
	if err != nil {
		return err
	}
	p.stopUnwanted(state)
	if err := p.files(); err != nil {
		return err
	}
	if err := p.removals(); err != nil {
		return err
	}
	if err := p.link(links); err != nil {
		return err
	}
	if err := p.disable(); err != nil {
		return err
	}
	return p.running(state)
}

func (p *preparation) close() error {
	if p.live != nil {
		p.live.close()
	}
	return p.root.Close()
}

// check refuses what can be seen to be wrong without looking at the machine.
func (s Set) check() error {
	var errs []error
	named := func(field string, list []string) {
		for i, n := range list {
			errs = append(errs, checkName(fmt.Sprintf("%s[%d]", field, i), n))
		}
	}
	named("Instances", s.Instances)
	named("Disabled", s.Disabled)
	named("Mask", s.Mask)
	named("Absent", s.Absent)
	seen := map[string]string{}
	once := func(name, how string) {
		if before, twice := seen[name]; twice {
			errs = append(errs, fmt.Errorf("unit: %s is both in %s and in %s", name, before, how))
		}
		seen[name] = how
	}
	for i, u := range s.Units {
		if isNil(u) {
			errs = append(errs, fmt.Errorf("unit: Units[%d] is nil", i))
			continue
		}
		once(u.UnitName(), "Units")
	}
	for i, f := range s.Files {
		if f == nil {
			errs = append(errs, fmt.Errorf("unit: Files[%d] is nil", i))
			continue
		}
		errs = append(errs, checkName(fmt.Sprintf("Files[%d].Name", i), f.Name))
		once(f.Name, "Files")
	}
	for _, n := range s.Mask {
		once(n, "Mask")
	}
	for _, n := range s.Absent {
		once(n, "Absent")
	}
	for _, n := range s.Disabled {
		if slices.Contains(s.Instances, n) {
			errs = append(errs, fmt.Errorf("unit: %s is both in Instances and in Disabled", n))
		}
		if how := seen[n]; how != "Units" && how != "Files" {
			once(n, "Disabled")
		}
	}
	for i, d := range s.DropIns {
		if before, twice := seen[d.UnitName()]; twice {
			errs = append(errs, fmt.Errorf("unit: %s and %s are both %s; give each a Name", before, index("DropIns", i), d.UnitName()))
		}
		seen[d.UnitName()] = index("DropIns", i)
	}
	for i, d := range s.AbsentDropIns {
		if p := d.nameProblem(); p != "" {
			errs = append(errs, fmt.Errorf("unit: %s %s", index("AbsentDropIns", i), p))
		}
		once(d.UnitName(), index("AbsentDropIns", i))
	}
	switch s.OnChange {
	case RestartChanged, ReloadChanged, LeaveRunning:
	default:
		errs = append(errs, fmt.Errorf("unit: OnChange=%q; use RestartChanged, ReloadChanged or LeaveRunning", s.OnChange))
	}
	return errors.Join(errs...)
}

// directory is where the Set's unit files are.
func (s Set) directory() (string, error) {
	switch {
	case !s.Manager.User:
		return "/etc/systemd/system", nil
	case s.Root != "":
		return "/etc/systemd/user", nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("unit: the user manager's units are in the home directory: %w", err)
	}
	return path.Join(home, ".config/systemd/user"), nil
}

// elsewhere is where units of others are, after the Set's own directory, in
// systemd's order (systemd.unit(5)).
func (s Set) elsewhere() []string {
	kind := "system"
	if s.Manager.User {
		kind = "user"
	}
	dirs := []string{"/etc/systemd/" + kind, "/run/systemd/" + kind, "/usr/local/lib/systemd/" + kind, "/usr/lib/systemd/" + kind, "/lib/systemd/" + kind}
	return dirs
}

// find looks for a unit's file outside the Set.
func (p *preparation) find(name string) (at string, err error) {
	for _, dir := range append([]string{p.dir}, p.set.elsewhere()...) {
		at := path.Join(dir, name)
		ok, err := p.root.Exists(at)
		if err != nil {
			return "", fmt.Errorf("unit: %w", err)
		}
		if ok {
			return at, nil
		}
	}
	return "", nil
}

// render writes out every file of the Set, and refuses what systemd would not
// take as it is meant.
func (p *preparation) render() error {
	var errs []error
	r := Renderer{Target: p.target, Templates: p.set.Templates}
	for _, u := range p.set.Units {
		text, drops, err := r.Render(u)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.drops = append(p.drops, drops...)
		errs = append(errs, p.unit(u.UnitName(), text))
	}
	for _, f := range p.set.Files {
		errs = append(errs, p.unit(f.Name, f.Bytes()))
	}
	for _, d := range p.set.DropIns {
		text, drops, err := d.render(p.target)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.drops = append(p.drops, drops...)
		p.wanted = append(p.wanted, wanted{d.Unit, path.Join(p.dir, d.UnitName()), text})
	}
	for _, x := range p.set.Presets {
		text, err := x.render()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.wanted = append(p.wanted, wanted{"", path.Join(p.dir+"-preset", x.file()), text})
	}
	return errors.Join(errs...)
}

func (p *preparation) unit(name string, text []byte) error {
	f, err := parse(name, text)
	if err != nil {
		return err
	}
	var errs []error
	for _, found := range Lint(f, p.target) {
		if p.ignores(found) {
			errs = append(errs, fmt.Errorf("unit: %s", found))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	p.units[name] = f
	p.wanted = append(p.wanted, wanted{name, path.Join(p.dir, name), text})
	return nil
}

// ignores says whether a finding is that systemd will ignore something. What else
// a linter has to say is for people to weigh.
func (p *preparation) ignores(f Finding) bool {
	switch f.Rule {
	case "bad-value", "unknown-section":
		return f.Severity == SeverityError
	case "unknown-directive":
		return f.Severity == SeverityError && p.target.version() <= directives.Newest
	}
	return false
}

// names are the units of the Set, in its order.
func (s Set) names() (names []string) {
	for _, u := range s.Units {
		names = append(names, u.UnitName())
	}
	for _, f := range s.Files {
		names = append(names, f.Name)
	}
	for _, i := range s.Instances {
		if !slices.Contains(names, i) {
			names = append(names, i)
		}
	}
	return names
}

// instance takes "app@one.service" apart: the template's name and "one". For
// anything but an instance, template is "".
func instance(name string) (template, of string) {
	base, kind, _ := cutLast(name, ".")
	prefix, of, ok := strings.Cut(base, "@")
	if !ok || of == "" {
		return "", ""
	}
	return prefix + "@." + kind, of
}

// isTemplate says whether a name is a template's, "app@.service".
func isTemplate(name string) bool { return strings.Contains(name, "@.") }
