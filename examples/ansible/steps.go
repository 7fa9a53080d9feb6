package main

import (
	"context"
	"fmt"
	"maps"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/unit"
	"github.com/bedplate/bedplate/verify"
)

func (a arguments) service() string { return a.name + ".service" }
func (a arguments) socket() string  { return a.name + ".socket" }

// steps are what is wanted, in the order in which it is made.
func (a arguments) steps(units unit.Set) []bedplate.Step {
	made := bedplate.Step{Name: "units", Resource: units}
	if a.absent {
		return []bedplate.Step{made}
	}
	return append(a.base(),
		bedplate.Step{Name: "account", Resource: account.Set{Root: a.root, Users: []account.User{{Name: a.user, Groups: a.groups}}}},
		bedplate.Step{Name: "tree", Resource: layout.Tree{Root: a.root, Name: a.name, Entries: a.entries()}},
		made)
}

// base is what every Debian has; a directory that stands for a machine begins empty.
func (a arguments) base() []bedplate.Step {
	if a.root == "" {
		return nil
	}
	return []bedplate.Step{{Name: "base", Resource: layout.Tree{Root: a.root, Name: "base", Entries: []layout.Entry{
		layout.Dir{Path: "/etc/systemd/system"}, layout.Dir{Path: "/opt"}, layout.Dir{Path: "/var/cache"}, layout.Dir{Path: "/var/lib"}, layout.Dir{Path: "/var/log"},
	}}}}
}

func (a arguments) dirs() layout.Service { return layout.Service{Name: a.name, User: a.user} }

func (a arguments) entries() []layout.Entry {
	entries := a.dirs().Entries()
	for _, f := range a.files {
		if f.Group == "" {
			f.Group = a.user
		}
		entries = append(entries, f)
	}
	return entries
}

// units are the service and its socket, or that they are not there.
func (a arguments) units() (unit.Set, error) {
	if a.absent {
		return unit.Set{Root: a.root, Absent: []string{a.socket(), a.service()}}, nil
	}
	// Enabling takes links away from a unit that has no [Install] section.
	set := unit.Set{Root: a.root, Enable: true, Start: a.started, OnChange: a.onChange}
	for _, f := range a.files {
		set.Uses = append(set.Uses, f.Path)
	}
	limits, err := a.bounds()
	if err != nil {
		return set, err
	}
	goEnv, err := limits.GoEnv(0.1)
	if err != nil {
		return set, fmt.Errorf("limits: %w", err)
	}
	environment := unit.Environ(goEnv)
	maps.Copy(environment, a.environment)
	service := unit.Service{
		Name: a.name, Description: a.description, Exec: a.exec, Type: a.kind, User: a.user, Environment: environment, Limits: limits, Slice: a.slice,
		Watchdog: a.watchdog, StartTimeout: a.startTimeout, StopTimeout: a.stopTimeout, Sandbox: a.sandbox, NoInstall: !a.enabled,
		ReadWritePaths: a.dirs().Writable(), // all else is read-only
	}
	if len(a.listen) > 0 {
		service.Sockets = []string{a.socket()}
		set.Units = append(set.Units, unit.Socket{Name: a.name, Description: a.description, Listen: a.listen, NoInstall: !a.enabled})
	} else {
		set.Absent = []string{a.socket()} // of an earlier run
	}
	set.Units = append(set.Units, service)
	return set, nil
}

// bounds are the limits, with percentages of this machine's memory as amounts.
func (a arguments) bounds() (cgroupv2.Limits, error) {
	if a.root != "" {
		return a.limits, nil
	}
	machine, err := cgroupv2.ThisMachine()
	return a.limits.Of(machine.Memory), err
}

// proof is how it is known to be as wanted: no step has anything left to change,
// and systemd says that what was started runs.
func (a arguments) proof(steps []bedplate.Step) (checks []verify.Check) {
	for _, s := range steps {
		checks = append(checks, verify.Converged(s.Name, s.Resource))
	}
	if !a.started || a.absent || a.kind == unit.Oneshot { // which is not kept running
		return checks
	}
	if len(a.listen) > 0 {
		checks = append(checks, runs(a.socket()))
	}
	return append(checks, runs(a.service()))
}

// runs holds for a unit that is up, whatever it went through before.
func runs(name string) verify.Check {
	return verify.Check{Name: name, Look: func(ctx context.Context) verify.Finding {
		s, err := unit.Manager{}.Status(ctx, name)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		return verify.Equal(unit.Running, s.Outcome).Because(s.Problem, "journalctl -u "+name)
	}}
}
