package unit

import (
	"errors"
	"time"
)

// Timer is a timer unit.
type Timer struct {
	// Name is the unit's name, with or without ".timer".
	Name string
	// Description is one line for people. "": Name.
	Description string
	// Calendar are times as systemd.time(7) writes them: "daily", "*-*-* 03:00:00".
	Calendar []string
	// AfterBoot and Every are since the boot and since the last start.
	AfterBoot, Every time.Duration
	// Spread delays each start by a random time up to this, so that a fleet does
	// not start as one.
	Spread time.Duration
	// Persistent makes up for a start that was missed while the machine was off.
	Persistent bool
	// Unit is what is started. "": the service of the same name.
	Unit string
	// WantedBy is what starts it when it is enabled. Nil: timers.target.
	WantedBy []string
	// NoInstall leaves [Install] out.
	NoInstall bool
	// Extra are directives that have no field here.
	Extra []Directive
}

// UnitName is the whole name, "app.timer".
func (t Timer) UnitName() string { return full(t.Name, "timer") }

func (t Timer) draft(d *draft) {
	d.text("Unit", "Description", orElse(t.Description, t.Name))
	if len(t.Calendar) == 0 && t.AfterBoot == 0 && t.Every == 0 {
		d.fail(errors.New("unit: a timer that never elapses; set Calendar, AfterBoot or Every"))
	}
	for _, c := range t.Calendar {
		d.text("Run", "OnCalendar", c)
	}
	d.duration("Run", "OnBootSec", t.AfterBoot)
	d.duration("Run", "OnUnitActiveSec", t.Every)
	d.duration("Run", "RandomizedDelaySec", t.Spread)
	if t.Persistent && len(t.Calendar) == 0 {
		d.fail(errors.New("unit: Persistent without Calendar; only a time of the calendar can be missed"))
	}
	d.yes("Run", "Persistent", t.Persistent)
	if t.Unit != "" {
		d.fail(checkName("Unit", t.Unit))
		d.text("Run", "Unit", t.Unit)
	}
	d.installed(t.WantedBy, "timers.target", t.NoInstall)
	d.extra(t.Extra)
}
