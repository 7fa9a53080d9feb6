package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/unit"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
)

var defaultMemory = cgroupv2.MiB(256)

// app is the service, whatever its release.
type app struct {
	name, root             string
	listen, health, expect string
	memory                 cgroupv2.Memory
	start, stable          time.Duration
}

func (a app) releases() layout.Releases {
	return layout.Releases{Root: a.root, Dir: "/opt/" + a.name + "/releases"}
}

// program is in the current release, by a link that only a deployment moves.
func (a app) program() string { return "/opt/" + a.name + "/current/bin/" + a.name }

func (a app) dirs() layout.Service { return layout.Service{Name: a.name} }

func (a app) service() string { return a.name + ".service" }

func (a app) units() ([]unit.Unit, error) {
	max, _ := a.memory.Bytes()
	limits := cgroupv2.Limits{MemoryMax: a.memory, MemoryHigh: cgroupv2.Bytes(max / 8 * 7), TasksMax: cgroupv2.Tasks(256)}
	env, err := limits.GoEnv(0.1)
	if err != nil {
		return nil, err
	}
	service := unit.Service{
		Name: a.name, Exec: []string{a.program()}, Type: unit.NotifyReload, User: a.name,
		Environment: unit.Environ(env), Sockets: []string{a.name + ".socket"},
		StartTimeout: a.start, Limits: limits, ReadWritePaths: a.dirs().Writable(),
	}
	return []unit.Unit{unit.Socket{Name: a.name, Listen: []string{a.listen}}, service}, nil
}

// home is what the service needs before its first release.
func (a app) home() []bedplate.Step {
	return []bedplate.Step{
		{Name: "account", Resource: account.Set{Root: a.root, Users: []account.User{{Name: a.name}}}},
		{Name: "tree", Resource: layout.Tree{Root: a.root, Name: a.name, Entries: append(a.base(), a.dirs().Entries()...)}},
	}
}

// base is what every Debian has; a directory that stands for a machine begins empty.
func (a app) base() (entries []layout.Entry) {
	if a.root == "" {
		return nil
	}
	for _, dir := range []string{"/etc/systemd/system", "/opt", "/var/cache", "/var/lib", "/var/log"} {
		entries = append(entries, layout.Dir{Path: dir})
	}
	return entries
}

// running is the service as the current release has it: unit.Set restarts it
// when its program is another file than the one that it was started from.
func (a app) running() ([]bedplate.Step, error) {
	units, err := a.units()
	if err != nil {
		return nil, err
	}
	return []bedplate.Step{{Name: "units", Resource: unit.Set{
		Root: a.root, Units: units, Enable: true, Start: a.root == "", Manager: unit.Manager{Stable: a.stable},
	}}}, nil
}

// patience is how long a service that systemd calls started may take to answer.
const patience = 2 * time.Second

// prove asks systemd and the service itself, from outside, whether it does its work.
func (a app) prove(ctx context.Context) error {
	if a.root != "" {
		return nil
	}
	return verify.Run(ctx,
		verify.Until(checks.UnitReady(a.service()), 50*time.Millisecond, patience),
		verify.Until(checks.HTTP("http://"+a.listen+a.health, a.expect), 50*time.Millisecond, patience),
	).Err()
}

// check refuses what could not work, before anything is touched.
func (a app) check() error {
	var errs []error
	if max, ok := a.memory.Bytes(); !ok || max < 16<<20 {
		errs = append(errs, fmt.Errorf("-memory=%s; give an amount of at least 16M, such as 256M", a.memory))
	}
	if a.start <= 0 || a.stable < 0 {
		errs = append(errs, fmt.Errorf("-start=%v -stable=%v; give times, such as 10s", a.start, a.stable))
	}
	if !strings.HasPrefix(a.health, "/") {
		errs = append(errs, fmt.Errorf("-health=%q; give the path of a URL, such as /healthz", a.health))
	}
	units, err := a.units()
	for _, u := range units {
		_, err := unit.Render(u)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, err)...)
}
