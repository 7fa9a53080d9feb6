package unit

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Override is a file of somebody else that changes a unit of a Set.
type Override struct {
	// Unit is the one that is changed.
	Unit string
	// Path is the file: a drop-in, or a unit file in a directory that comes first.
	Path string
	// Directives are what it says.
	Directives []Directive
}

// String is the override on one line.
func (o Override) String() string {
	names := make([]string, len(o.Directives))
	for i, d := range o.Directives {
		names[i] = d.Name
	}
	return o.Unit + " is changed by " + o.Path + " (" + strings.Join(names, ", ") + ")"
}

// OverriddenError is a Set with NoOverrides whose units others change.
type OverriddenError struct{ Overrides []Override }

func (e *OverriddenError) Error() string {
	lines := make([]string, len(e.Overrides))
	for i, o := range e.Overrides {
		lines[i] = o.String()
	}
	return "unit: " + strings.Join(lines, "; ") + "; make it a DropIn of the Set, or remove it"
}

// Overrides lists the files that are not of the Set and change its units,
// sorted. systemctl edit makes such files, and so does systemctl set-property.
func (s Set) Overrides(ctx context.Context) ([]Override, error) {
	s.NoOverrides = false
	p, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	list, err := p.overrides()
	return list, errors.Join(err, p.close())
}

func (p *preparation) overridden(ctx context.Context) error {
	if !p.set.NoOverrides {
		return ctx.Err()
	}
	list, err := p.overrides()
	if err == nil && len(list) > 0 {
		err = &OverriddenError{list}
	}
	return err
}

func (p *preparation) overrides() (list []Override, err error) {
	ours := map[string]bool{}
	for _, w := range p.wanted {
		ours[w.path] = true
	}
	control := path.Dir(p.dir) + "/" + path.Base(p.dir) + ".control"
	before := []string{control, "/run/systemd/" + path.Base(p.dir) + ".control", "/run/systemd/transient"}
	for _, name := range p.set.names() {
		for _, dir := range before {
			o, err := p.override(name, path.Join(dir, name))
			if err != nil {
				return nil, err
			}
			list = append(list, o...)
		}
		for _, dir := range slices.Concat(before, []string{p.dir}, p.set.elsewhere()) {
			for _, d := range dropInDirs(name) {
				found, err := p.dropIns(name, path.Join(dir, d), ours)
				if err != nil {
					return nil, err
				}
				list = append(list, found...)
			}
		}
	}
	slices.SortFunc(list, func(a, b Override) int { return strings.Compare(a.Unit+"\x00"+a.Path, b.Unit+"\x00"+b.Path) })
	return slices.CompactFunc(list, func(a, b Override) bool { return a.Unit == b.Unit && a.Path == b.Path }), nil
}

// dropInDirs are the directories whose files change a unit: its own, its
// template's, those of the beginnings of its name, and its kind's.
func dropInDirs(name string) (dirs []string) {
	base, kind, _ := cutLast(name, ".")
	dirs = append(dirs, name+".d")
	if template, _ := instance(name); template != "" {
		dirs = append(dirs, template+".d")
		base, _, _ = strings.Cut(base, "@")
	}
	for i := len(base) - 1; i > 0; i-- {
		if base[i] == '-' && i < len(base)-1 {
			dirs = append(dirs, base[:i+1]+"."+kind+".d")
		}
	}
	return append(dirs, kind+".d")
}

func (p *preparation) dropIns(unit, dir string, ours map[string]bool) (list []Override, err error) {
	entries, err := p.root.ReadDir(dir)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("unit: %w", err)
	}
	for _, e := range entries {
		at := path.Join(dir, e.Name())
		if !strings.HasSuffix(at, ".conf") || ours[at] {
			continue
		}
		o, err := p.override(unit, at)
		if err != nil {
			return nil, err
		}
		list = append(list, o...)
	}
	return list, nil
}

// override reads one file, if it is there.
func (p *preparation) override(unit, at string) ([]Override, error) {
	text, err := p.root.ReadFile(at)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("unit: %w", err)
	}
	o := Override{Unit: unit, Path: at}
	for _, e := range lenient(path.Base(at), text).entries {
		o.Directives = append(o.Directives, Directive{e.Section, e.Key, e.Value})
	}
	return []Override{o}, nil
}
