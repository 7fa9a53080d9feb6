package unit

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// DropIn changes some directives of a unit, one's own or somebody else's,
// without touching its file.
type DropIn struct {
	// Unit is the whole name of the unit, "nginx.service"; "service" stands for
	// all services, "app-.service" for those whose names begin with app- (systemd.unit(5)).
	Unit string
	// Name is the file's, with or without ".conf"; drop-ins are read in the
	// order of their names. "": 50-bedplate.
	Name string
	// Limits of the unit: a cgroupv2.Limits. Nil: none.
	Limits Limits
	// Directives, their values as systemd reads them. An empty value takes back
	// what came before.
	Directives []Directive
}

func (d DropIn) file() string {
	return strings.TrimSuffix(orElse(d.Name, "50-bedplate"), ".conf") + ".conf"
}

// kind is the type of the unit, whose section the directives are in.
func (d DropIn) kind() string {
	if _, kind, ok := cutLast(d.Unit, "."); ok {
		return kind
	}
	return d.Unit
}

func (d DropIn) render(t Target) ([]byte, []Dropped, error) {
	name := d.Unit
	if contains(kinds, name) {
		name = "all." + name
	}
	if err := checkName("DropIn.Unit", name); err != nil {
		return nil, nil, err
	}
	if f := d.file(); strings.ContainsAny(f, "/\n") || f == ".conf" {
		return nil, nil, fmt.Errorf("unit: DropIn.Name=%q is no file name", d.Name)
	}
	x := &draft{kind: d.kind(), target: t, groups: map[string][]Directive{}}
	limits(x, d.Limits)
	x.extra(d.Directives)
	if len(x.groups["Install"]) > 0 {
		x.fail(errors.New("unit: a drop-in with [Install]; enablement belongs to the unit's own file"))
	}
	if err := errors.Join(x.errs...); err != nil {
		return nil, nil, fmt.Errorf("%s of %s: %w", d.file(), d.Unit, err)
	}
	var b bytes.Buffer
	for _, part := range []struct {
		section string
		groups  []string
	}{{"Unit", []string{"Unit"}}, {section("", x.kind), []string{"Limits", "Extra"}}} {
		head := "[" + part.section + "]\n"
		for _, g := range part.groups {
			for _, a := range x.groups[g] {
				b.WriteString(head + a.String() + "\n")
				head = ""
			}
		}
	}
	if b.Len() == 0 {
		return nil, nil, fmt.Errorf("unit: drop-in %s of %s holds nothing that the target's systemd knows", d.file(), d.Unit)
	}
	return b.Bytes(), x.drops, x.compare(d.file(), b.Bytes())
}

// Preset says which units are enabled when nobody said otherwise (systemd.preset(5)).
type Preset struct {
	// Name is the file's, with or without ".preset": "50-app".
	Name string
	// Enable and Disable are names of units; "*" and "?" stand for any text and character.
	Enable, Disable []string
}

func (p Preset) file() string { return strings.TrimSuffix(p.Name, ".preset") + ".preset" }

func (p Preset) render() ([]byte, error) {
	if p.Name == "" || strings.ContainsAny(p.Name, "/\n") {
		return nil, fmt.Errorf("unit: Preset.Name=%q is no file name", p.Name)
	}
	var b bytes.Buffer
	for _, part := range []struct {
		verb  string
		names []string
	}{{"enable", p.Enable}, {"disable", p.Disable}} {
		for _, n := range part.names {
			if n == "" || strings.ContainsAny(n, "/ \t") || strings.ContainsFunc(n, control) {
				return nil, fmt.Errorf("unit: preset %s: %q is no name of a unit", p.file(), n)
			}
			b.WriteString(part.verb + " " + n + "\n")
		}
	}
	return b.Bytes(), nil
}
