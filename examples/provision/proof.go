package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/unit"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
)

// proof is how the machine is known to be as wanted: every step has nothing left
// to change, and by another road, the files, the units and, live, systemd, the
// kernel and the service itself say so.
func (w wanted) proof(ctx context.Context, steps []bedplate.Step) (list []verify.Check, err error) {
	for _, s := range steps {
		list = append(list, verify.Converged(s.Name, s.Resource))
	}
	version, err := w.sdk.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	list = append(list,
		checks.GoVersion(w.root, goroot, string(version)),
		checks.Static(w.root, binary),
		checks.Mode(w.root, binary, 0o755),
	)
	if w.binary == "" {
		list = append(list, checks.BuiltWith(w.root, binary, string(version)))
	}
	units, err := w.units()
	if err != nil {
		return nil, err
	}
	for _, u := range units {
		list = append(list, linted(u))
	}
	if !w.live {
		return list, nil
	}
	service, socket := name+".service", name+".socket"
	list = append(list,
		checks.UnitActive(service), checks.UnitLoaded(service), checks.UnitEnabled(service),
		checks.UnitActive(socket), checks.UnitLoaded(socket), checks.UnitEnabled(socket),
		checks.HTTP("http://"+w.listen+"/", "hello from a bounded service"),
		checks.HTTP("http://"+w.listen+"/metrics", "hello_memory_limit_bytes"),
	)
	for _, l := range w.kernel() {
		list = append(list, checks.Limit(service, l.file, l.value))
	}
	return list, nil
}

type kernelFile struct{ file, value string }

// kernel is what the kernel's own files have to say, written out by hand: the
// conversion that the packages make is part of what is proven.
func (w wanted) kernel() []kernelFile {
	max, _ := w.memory.Bytes()
	cores, _ := w.cpu.Cores()
	return []kernelFile{
		{"memory.max", fmt.Sprint(max)},
		{"memory.high", fmt.Sprint(max / 8 * 7)},
		{"memory.swap.max", "0"},
		{"cpu.max", fmt.Sprintf("%.0f 100000", cores*100000)},
		{"pids.max", "64"},
	}
}

// linted holds for a unit in which systemd would ignore nothing.
func linted(u unit.Unit) verify.Check {
	return verify.Check{Name: "lint/" + u.UnitName(), Look: func(context.Context) verify.Finding {
		text, err := unit.Render(u)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		f, err := unit.Parse(u.UnitName(), strings.NewReader(string(text)))
		if err != nil {
			return verify.CouldNotLook(err)
		}
		for _, found := range unit.Lint(f, unit.Target{}) {
			if found.Severity != unit.SeverityNote {
				return verify.Finding{Status: verify.Fail, Wanted: "no finding", Observed: found.Rule, Cause: found.Message, Remedy: found.Fix}
			}
		}
		return verify.Passed("nothing that systemd would ignore")
	}}
}
