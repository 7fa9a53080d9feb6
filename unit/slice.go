package unit

import (
	"cmp"
	"strings"
)

// Slice is a slice unit: a cgroup that holds services and shares its limits
// among them.
type Slice struct {
	// Name is the unit's name, with or without ".slice". A dash nests it:
	// "apps-web" lies in "apps.slice".
	Name string
	// Description is one line for people. "": Name.
	Description string
	// Documentation are URLs.
	Documentation []string
	// Relations to other units.
	Relations Relations
	// Conditions must hold, or it is not started.
	Conditions []Condition
	// Limits of all that is in it: a cgroupv2.Limits. Nil: none.
	Limits Limits
	// Extra are directives that have no field here.
	Extra []Directive
}

// UnitName is the whole name, "app.slice".
func (s Slice) UnitName() string { return full(s.Name, "slice") }

func (s Slice) draft(d *draft) {
	if base := bare(s.UnitName(), "slice"); base != "-" && (strings.HasPrefix(base, "-") || strings.HasSuffix(base, "-") || strings.Contains(base, "--") || strings.Contains(base, "@")) {
		d.refuse("Name", s.Name, "is no slice's; dashes lie between the names of slices, one each")
	}
	d.text("Unit", "Description", "Description", cmp.Or(s.Description, s.Name))
	d.documented(s.Documentation)
	s.Relations.draft(d)
	d.conditions(s.Conditions)
	d.limits(s.Limits)
	d.extra("Extra", s.Extra)
}
