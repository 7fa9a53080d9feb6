package checks

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/internal/shared"
	"github.com/coreos/go-systemd/v22/dbus"
)

// manager is a connection to the system's systemd, one for all checks of a run.
func manager(ctx context.Context) (*dbus.Conn, error) {
	return shared.Get(ctx, "manager", func(ctx context.Context) (*dbus.Conn, error) {
		conn, err := dbus.NewWithContext(ctx)
		if err != nil {
			return nil, fmt.Errorf("systemd does not answer on the bus: %w", err)
		}
		context.AfterFunc(ctx, conn.Close)
		return conn, nil
	})
}

// properties are all that systemd has in memory about a unit.
type properties map[string]any

// unitProperties reads a unit's properties, once in a run.
func unitProperties(ctx context.Context, unit string) (properties, error) {
	if err := validUnit(unit); err != nil {
		return nil, err
	}
	return shared.Get(ctx, "properties of "+unit, func(ctx context.Context) (properties, error) {
		conn, err := manager(ctx)
		if err != nil {
			return nil, err
		}
		p, err := conn.GetAllPropertiesContext(ctx, unit)
		if err != nil {
			return nil, fmt.Errorf("systemd does not say what it knows of %s: %w", unit, err)
		}
		return p, nil
	})
}

// get is one property, of the type that it must have.
func get[T any](p properties, name string) (value T, err error) {
	raw, ok := p[name]
	if !ok {
		return value, fmt.Errorf("this systemd has no property %s for %v", name, p["Id"])
	}
	value, ok = raw.(T)
	if !ok {
		return value, fmt.Errorf("systemd's property %s of %v is %T, not %T", name, p["Id"], raw, value)
	}
	return value, nil
}

// text is a property for people, "" if there is none.
func (p properties) text(name string) string {
	s, _ := p[name].(string)
	return s
}

// kinds of units, as in the ends of their names (systemd.unit(5)).
var kinds = []string{"service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"}

// validUnit refuses what systemd takes for no unit's name: it would answer, if
// at all, about another.
func validUnit(name string) error {
	bad := func(why string) error {
		return fmt.Errorf("%q is no name of a unit: %s", name, why)
	}
	if len(name) > 255 {
		return bad("it is longer than 255 bytes")
	}
	for _, c := range []byte(name) {
		if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@", rune(c)) {
			return bad(fmt.Sprintf("it has a %q", c))
		}
	}
	kind := strings.TrimPrefix(path.Ext(name), ".")
	for _, k := range kinds {
		if k == kind && len(name) > len(k)+1 {
			return nil
		}
	}
	return bad("it does not end in a kind, as in app.service")
}

// ofUnit is a check that looks at a unit's properties.
func ofUnit(unit, aspect, level string, look func(ctx context.Context, p properties) (verify.Finding, error)) verify.Check {
	return verify.Check{Name: "unit/" + unit + "/" + aspect, Tags: []string{level, "systemd"}, Look: func(ctx context.Context) verify.Finding {
		p, err := unitProperties(ctx, unit)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		return found(look(ctx, p))
	}}
}

// found makes an unknown of an error.
func found(f verify.Finding, err error) verify.Finding {
	if err != nil {
		return verify.CouldNotLook(err)
	}
	return f
}

// absent says why there is nothing to look at of a unit that is not loaded; nil
// if it is.
func absent(p properties) error {
	switch load := p.text("LoadState"); load {
	case "loaded":
		return nil
	case "not-found":
		return fmt.Errorf("systemd knows no %s; is it installed, and was the manager reloaded?", p.text("Id"))
	case "masked":
		return fmt.Errorf("%s is masked", p.text("Id"))
	default:
		return fmt.Errorf("%s is not loaded: %s %s", p.text("Id"), load, loadError(p))
	}
}

// loadError is why systemd could not load a unit.
func loadError(p properties) string {
	if pair, ok := p["LoadError"].([]any); ok && len(pair) == 2 {
		if s, ok := pair[1].(string); ok {
			return s
		}
	}
	return ""
}

// errNothingWanted keeps a check that was given nothing to look for from passing.
var errNothingWanted = errors.New("nothing is wanted: name at least one")

var errNotRunning = errors.New("it is not running")

// mainProcess is the process of a service that runs.
func mainProcess(p properties) (int, error) {
	pid, err := get[uint32](p, "MainPID")
	if err != nil {
		return 0, err
	}
	if pid == 0 {
		return 0, fmt.Errorf("%s has no main process: %w", p.text("Id"), errNotRunning)
	}
	return int(pid), nil
}
