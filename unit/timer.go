package unit

import (
	"cmp"
	"errors"
	"time"
)

// Timer is a timer unit.
type Timer struct {
	// Name is the unit's name, with or without ".timer"; "tidy@" is a template.
	Name string
	// Description is one line for people. "": Name.
	Description string
	// Documentation are URLs.
	Documentation []string
	// Specifiers leaves "%" in the fields of this unit to systemd.
	Specifiers bool
	// Relations to other units.
	Relations Relations
	// Conditions must hold, or it is not started.
	Conditions []Condition
	// Calendar are times as systemd.time(7) writes them: "daily", "*-*-* 03:00:00".
	Calendar []string
	// AfterBoot, AfterActivation, Every and AfterStop are since the boot, since
	// this timer was started, and since the last start and the last end of what it
	// starts.
	AfterBoot, AfterActivation, Every, AfterStop time.Duration
	// Spread delays each start by a random time up to this, so that a fleet does
	// not start as one. FixedSpread takes the same delay each time.
	Spread      time.Duration
	FixedSpread bool
	// Accuracy is how late a start may be, to save power. Zero: a minute.
	Accuracy time.Duration
	// Persistent makes up for a start that was missed while the machine was off.
	Persistent bool
	// Wake wakes the machine from its sleep.
	Wake bool
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
	d.specifiers = t.Specifiers
	d.text("Unit", "Description", "Description", cmp.Or(t.Description, t.Name))
	d.documented(t.Documentation)
	t.Relations.draft(d)
	d.conditions(t.Conditions)
	if len(t.Calendar) == 0 && t.AfterBoot == 0 && t.AfterActivation == 0 && t.Every == 0 && t.AfterStop == 0 {
		d.fail(errors.New("unit: a timer that never elapses; set Calendar, AfterBoot or Every"))
	}
	for i, c := range t.Calendar {
		d.refuse(index("Calendar", i), c, calendarProblem(c))
		d.text("Run", "OnCalendar", index("Calendar", i), c)
	}
	d.duration("Run", "OnBootSec", "AfterBoot", t.AfterBoot)
	d.duration("Run", "OnActiveSec", "AfterActivation", t.AfterActivation)
	d.duration("Run", "OnUnitActiveSec", "Every", t.Every)
	d.duration("Run", "OnUnitInactiveSec", "AfterStop", t.AfterStop)
	d.duration("Run", "RandomizedDelaySec", "Spread", t.Spread)
	if t.FixedSpread && t.Spread == 0 {
		d.fail(errors.New("unit: FixedSpread without a Spread"))
	}
	d.yes("Run", "FixedRandomDelay", t.FixedSpread)
	d.duration("Run", "AccuracySec", "Accuracy", t.Accuracy)
	if t.Persistent && len(t.Calendar) == 0 {
		d.fail(errors.New("unit: Persistent without Calendar; only a time of the calendar can be missed"))
	}
	d.yes("Run", "Persistent", t.Persistent)
	d.yes("Run", "WakeSystem", t.Wake)
	if t.Unit != "" {
		d.refuse("Unit", t.Unit, d.unitProblem(t.Unit))
		d.text("Run", "Unit", "Unit", t.Unit)
	}
	d.installed(t.WantedBy, "timers.target", t.NoInstall)
	d.extra("Extra", t.Extra)
}
