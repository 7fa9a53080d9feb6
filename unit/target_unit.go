package unit

import "cmp"

// TargetUnit is a target unit: a name for a group of units, and a point in the
// order of the boot. (Target is the systemd that a unit is for.)
type TargetUnit struct {
	// Name is the unit's name, with or without ".target".
	Name string
	// Description is one line for people. "": Name.
	Description string
	// Documentation are URLs.
	Documentation []string
	// Relations to other units. Wants and Requires are what it groups; they are
	// ordered before it by themselves.
	Relations Relations
	// Conditions must hold, or it is not started.
	Conditions []Condition
	// Isolate lets systemctl isolate stop everything else.
	Isolate bool
	// WantedBy is what starts it when it is enabled. Nil: multi-user.target.
	WantedBy []string
	// NoInstall leaves [Install] out.
	NoInstall bool
	// Extra are directives that have no field here.
	Extra []Directive
}

// UnitName is the whole name, "app.target".
func (t TargetUnit) UnitName() string { return full(t.Name, "target") }

func (t TargetUnit) draft(d *draft) {
	d.text("Unit", "Description", "Description", cmp.Or(t.Description, t.Name))
	d.documented(t.Documentation)
	t.Relations.draft(d)
	d.conditions(t.Conditions)
	d.yes("Unit", "AllowIsolate", t.Isolate)
	d.installed(t.WantedBy, "multi-user.target", t.NoInstall)
	d.extra("Extra", t.Extra)
}
