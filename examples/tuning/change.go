package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/unit"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
)

// dropIn is where tuned limits are, after those of people, which are read first.
func (o options) dropIn() unit.DropIn { return unit.DropIn{Unit: o.unit, Name: "60-tuning"} }

// set writes what is advised, has systemd apply it, and sees that the kernel has it.
func (o options) set(ctx context.Context, s sight) ([]bedplate.Change, error) {
	systemd, err := unit.Manager{}.Version(ctx)
	if err != nil {
		return nil, err
	}
	earlier, err := o.earlier()
	if err != nil {
		return nil, err
	}
	d := o.dropIn()
	d.Directives = merge(earlier, s.directives(systemd))
	wanted := unit.Set{DropIns: []unit.DropIn{d}}
	changes, err := bedplate.Apply(ctx, bedplate.Step{Name: "limits", Resource: wanted})
	if err != nil {
		return changes, err
	}
	if err := (unit.Manager{}).ApplyLimits(ctx, o.unit); err != nil {
		return changes, err
	}
	proof := []verify.Check{verify.Converged("drop-in", wanted)}
	if len(s.Advice) > 0 {
		proof = append(proof, checks.LimitsAgree(o.unit, s.advised()))
	}
	return changes, verify.Run(ctx, proof...).Err()
}

// undo takes back what was ever set.
func (o options) undo(ctx context.Context) ([]bedplate.Change, error) {
	changes, err := bedplate.Apply(ctx, bedplate.Step{Name: "limits", Resource: unit.Set{AbsentDropIns: []unit.DropIn{o.dropIn()}}})
	if err != nil || len(changes) == 0 {
		return changes, err
	}
	m := unit.Manager{}
	now, err := m.Status(ctx, o.unit)
	if err != nil || now.ControlGroup == "" {
		return changes, err // it has its old limits when it is started
	}
	return changes, m.ApplyLimits(ctx, o.unit)
}

// earlier is what a drop-in of ours says already: its limits stay, unless they
// are advised anew.
func (o options) earlier() ([]unit.Directive, error) {
	d := o.dropIn()
	at := filepath.Join("/etc/systemd/system", d.UnitName())
	text, err := os.Open(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer text.Close()
	f, err := unit.Parse(at, text)
	if err != nil {
		return nil, err
	}
	var list []unit.Directive
	for _, e := range f.Entries() {
		list = append(list, unit.Directive{Section: e.Section, Name: e.Key, Value: e.Value})
	}
	return list, nil
}

// merge has the directives of both, and of two of a name the later one.
func merge(earlier, later []unit.Directive) (all []unit.Directive) {
	for _, d := range earlier {
		if !slices.ContainsFunc(later, func(l unit.Directive) bool { return l.Section == d.Section && l.Name == d.Name }) {
			all = append(all, d)
		}
	}
	return append(all, later...)
}

// advised are the limits that differ, and no others.
func (s sight) advised() (l cgroupv2.Limits) {
	for _, a := range s.Advice {
		switch a.Field {
		case "MemoryMax":
			l.MemoryMax = s.wanted.MemoryMax
		case "MemoryHigh":
			l.MemoryHigh = s.wanted.MemoryHigh
		case "CPUMax":
			l.CPUMax = s.wanted.CPUMax
		case "TasksMax":
			l.TasksMax = s.wanted.TasksMax
		}
	}
	return l
}

// directives are what is advised, as systemd writes it.
func (s sight) directives(systemd int) (list []unit.Directive) {
	for name, value := range s.advised().Directives(systemd) {
		list = append(list, unit.Directive{Section: "Service", Name: name, Value: value})
	}
	if len(s.goEnv) > 0 {
		list = append(list, unit.Directive{Section: "Service", Name: "Environment", Value: strings.Join(s.goEnv, " ")})
	}
	return list
}
