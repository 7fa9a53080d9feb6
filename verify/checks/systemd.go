package checks

import (
	"context"
	"fmt"
	"strings"

	"github.com/bedplate/bedplate/verify"
	"github.com/coreos/go-systemd/v22/dbus"
)

// manager asks the system's systemd and hangs up again.
func manager(ctx context.Context, ask func(*dbus.Conn) verify.Finding) verify.Finding {
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return verify.CouldNotLook(fmt.Errorf("systemd does not answer on the bus: %w", err))
	}
	defer conn.Close()
	return ask(conn)
}

// property reads one property of a unit as systemd has it in memory.
func property[T any](ctx context.Context, conn *dbus.Conn, unit, iface, name string) (value T, err error) {
	p, err := conn.GetUnitTypePropertyContext(ctx, unit, iface, name)
	if err != nil {
		return value, fmt.Errorf("%s of %s: %w", name, unit, err)
	}
	value, ok := p.Value.Value().(T)
	if !ok {
		return value, fmt.Errorf("%s of %s: systemd answers %s, not a %T", name, unit, p.Value, value)
	}
	return value, nil
}

// UnitActive holds for a unit that is active, whose last run did not end in an
// error, and that systemd did not have to start again by itself.
func UnitActive(unit string) verify.Check {
	return verify.Check{Name: "unit/" + unit + "/active", Look: func(ctx context.Context) verify.Finding {
		return manager(ctx, func(conn *dbus.Conn) verify.Finding {
			active, err := property[string](ctx, conn, unit, "Unit", "ActiveState")
			if err != nil {
				return verify.CouldNotLook(err)
			}
			sub, err := property[string](ctx, conn, unit, "Unit", "SubState")
			if err != nil {
				return verify.CouldNotLook(err)
			}
			if active != "active" {
				return verify.Equal("active", active+" ("+sub+")").Because("", "journalctl -u "+unit)
			}
			if !strings.HasSuffix(unit, ".service") {
				return verify.Passed(active + " (" + sub + ")")
			}
			restarts, err := property[uint32](ctx, conn, unit, "Service", "NRestarts")
			if err != nil {
				return verify.CouldNotLook(err)
			}
			return verify.Equal("active (running), 0 restarts", fmt.Sprintf("active (%s), %d restarts", sub, restarts)).
				Because("", "journalctl -u "+unit)
		})
	}}
}

// UnitLoaded holds for a unit whose file systemd has read as it is now: loaded,
// and in no need of a daemon-reload.
func UnitLoaded(unit string) verify.Check {
	return verify.Check{Name: "unit/" + unit + "/loaded", Look: func(ctx context.Context) verify.Finding {
		return manager(ctx, func(conn *dbus.Conn) verify.Finding {
			load, err := property[string](ctx, conn, unit, "Unit", "LoadState")
			if err != nil {
				return verify.CouldNotLook(err)
			}
			stale, err := property[bool](ctx, conn, unit, "Unit", "NeedDaemonReload")
			if err != nil {
				return verify.CouldNotLook(err)
			}
			if stale {
				load += ", changed on disk since"
			}
			return verify.Equal("loaded", load).Because("", "systemctl daemon-reload")
		})
	}}
}

// UnitEnabled holds for a unit whose [Install] section is in force.
func UnitEnabled(unit string) verify.Check {
	return verify.Check{Name: "unit/" + unit + "/enabled", Look: func(ctx context.Context) verify.Finding {
		return manager(ctx, func(conn *dbus.Conn) verify.Finding {
			state, err := property[string](ctx, conn, unit, "Unit", "UnitFileState")
			if err != nil {
				return verify.CouldNotLook(err)
			}
			return verify.Equal("enabled", state).Because("", "systemctl enable "+unit)
		})
	}}
}
