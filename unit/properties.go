package unit

import (
	"context"
	"errors"
	"fmt"

	sd "github.com/coreos/go-systemd/v22/dbus"
)

// SetProperties changes directives of a unit that is loaded, without a restart:
// limits of its resources, such as MemoryMax= and CPUQuota=. Without persist
// they hold until the machine is booted; with it they are written to a drop-in
// below /etc/systemd/system.control, which Set.Overrides shows.
//
// What systemd has then is read back. A directive that can't be changed while
// the unit runs is an error, and nothing is changed.
func (m Manager) SetProperties(ctx context.Context, unit string, persist bool, list ...Directive) error {
	c, err := m.open(ctx, unit)
	if err != nil {
		return err
	}
	defer c.close()
	before, err := c.status(ctx, unit)
	if err == nil {
		err = loaded(before)
	}
	if err != nil {
		return err
	}
	var set []sd.Property
	var errs []error
	for _, d := range list {
		if d.Section == "" {
			d.Section = section("", kindOf(unit))
		}
		errs = append(errs, checkAssignment(d.Section, d.Name, d.Value))
		p, err := assign(d)
		errs = append(errs, err)
		set = append(set, p...)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	err = c.call(ctx, "set properties of "+unit, func(conn *sd.Conn) error {
		return conn.SetUnitPropertiesContext(ctx, unit, !persist, set...)
	})
	if err != nil {
		return err
	}
	return c.readBack(ctx, unit, set)
}

// readBack compares numbers with what systemd has then; a share of the machine
// becomes a number that only systemd knows.
func (c *client) readBack(ctx context.Context, unit string, set []sd.Property) error {
	p, err := c.typeProperties(ctx, unit)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range set {
		want, isNumber := s.Value.Value().(uint64)
		got, known := p[s.Name].(uint64)
		if isNumber && known && got != want {
			errs = append(errs, fmt.Errorf("unit: %s of %s was set to %d, and is %d", s.Name, unit, want, got))
		}
	}
	return errors.Join(errs...)
}
