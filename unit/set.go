package unit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/bedplate/bedplate"
)

// Set is a set of units as they should be: their files, drop-ins, enablement,
// and whether they run.
//
// On this machine it works over D-Bus: everything is written, systemd reloads
// once if it has to, and what should run is started, and seen to stay well. With
// a Root it is files and links only, as systemctl --root would make them.
type Set struct {
	// Root is the tree whose units these are. "": this machine.
	Root string
	// Manager is the systemd whose units these are. Zero: the machine's. With
	// Manager.User the files are in ~/.config/systemd/user, under a Root in
	// /etc/systemd/user, otherwise in /etc/systemd/system.
	Manager Manager
	// Units are rendered for the Target.
	Units []Unit
	// Files are unit files as they are, by their Name.
	Files []*File
	// DropIns change units of the Set, or others'.
	DropIns []DropIn
	// Presets are preset files.
	Presets []Preset

	// Enable makes the links that the [Install] sections of all units ask for,
	// and removes those that they ask for no more. False: links are left alone.
	Enable bool
	// Instances are further units that Enable and Start are about: instances of
	// templates, "app@one.service", and units whose files are not of this Set.
	Instances []string
	// Start runs what is meant to run all the time: sockets, timers, paths,
	// targets, and services but for oneshots, those of a timer or path, and
	// templates. The service of a socket is started, too, after the socket, so
	// that it is known to work before the first connection. False: nothing is
	// started, stopped or restarted.
	Start bool
	// Uses are files that the Set's services read when they start, such as their
	// configuration. A running service gets what OnChange says if one of them was
	// put in place after it was started. Its own program need not be named: one
	// that was replaced means a restart.
	Uses []string
	// OnChange is what a running unit gets when its files changed.
	OnChange ChangePolicy

	// Disabled are units that neither start by themselves nor run: links that Enable
	// would make for them are removed, with what they name in Also=, and a running
	// one is stopped. Their files stay. Units of the Set are left out of Enable
	// and Start then; those that are not there are as good as disabled.
	Disabled []string
	// Mask are units that must not be started by anybody; a running one is stopped.
	Mask []string
	// Absent are units that must not be there: they are stopped, their links and
	// their files in the Set's directory are removed. Drop-ins, which may be
	// somebody else's, stay.
	Absent []string
	// AbsentDropIns are drop-ins that must not be there, by their Unit and Name.
	// Their directories go with them, if nothing else is in there.
	AbsentDropIns []DropIn

	// Target is the systemd that the units are for. Zero: the running one; under
	// a Root the one that is installed there, or the newest known.
	Target Target
	// Templates, if not nil, replace those of this package; see Renderer.
	Templates fs.FS
	// NoOverrides makes an *OverriddenError of files that others put over units
	// of the Set. False: Overrides lists them.
	NoOverrides bool
}

// ChangePolicy is what a running unit gets when its files changed.
type ChangePolicy string

// The policies.
const (
	// RestartChanged restarts it. The zero value.
	RestartChanged ChangePolicy = ""
	// ReloadChanged reloads it, or restarts what can't reload. A reload makes a
	// service read its own configuration; most changes of a unit need a restart.
	ReloadChanged ChangePolicy = "reload"
	// LeaveRunning leaves it as it is, until somebody restarts it.
	LeaveRunning ChangePolicy = "leave"
)

// step is a change with what makes it.
type step struct {
	change bedplate.Change
	do     func(context.Context) error
	// together means that the steps behind it are taken even if it fails: units
	// that are started at the same time.
	together bool
}

// Plan says what Ensure would change.
func (s Set) Plan(ctx context.Context) ([]bedplate.Change, error) {
	p, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	changes := make([]bedplate.Change, 0, len(p.steps))
	for _, st := range p.steps {
		changes = append(changes, st.change)
	}
	return changes, p.close()
}

// Ensure makes it so. It checks everything that can be checked before it
// touches anything. Where a unit does not come up, the error holds a *StartError
// with what happened and the last lines that it logged; the files stay.
func (s Set) Ensure(ctx context.Context) (changes []bedplate.Change, err error) {
	p, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	var failed []error
	for _, st := range p.steps {
		if err := ctx.Err(); err != nil && !st.together {
			return changes, fmt.Errorf("unit: before %s: %w", st.change, err)
		}
		err := st.do(ctx)
		switch {
		case err == nil:
			changes = append(changes, st.change)
		case st.together:
			failed = append(failed, err)
		default:
			return changes, err
		}
	}
	return changes, errors.Join(failed...)
}

// Dropped is what the target's systemd has no directive for, and was left out of
// the units.
func (s Set) Dropped(ctx context.Context) ([]Dropped, error) {
	p, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	return p.drops, p.close()
}
