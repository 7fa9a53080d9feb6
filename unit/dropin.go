package unit

import (
	"bytes"
	"cmp"
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
	return strings.TrimSuffix(cmp.Or(d.Name, "50-bedplate"), ".conf") + ".conf"
}

func (d DropIn) render(t Target) ([]byte, []Dropped, error) {
	text, drops, err := Renderer{Target: t}.Render(d)
	if err == nil && len(text) == 0 {
		err = fmt.Errorf("unit: drop-in %s of %s holds nothing that the target's systemd knows", d.file(), d.Unit)
	}
	return text, drops, err
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
