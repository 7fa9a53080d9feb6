package unit

import (
	"fmt"
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
	// Limits of all that is in it: a cgroupv2.Limits. Nil: none.
	Limits Limits
	// Extra are directives that have no field here.
	Extra []Directive
}

// UnitName is the whole name, "app.slice".
func (s Slice) UnitName() string { return full(s.Name, "slice") }

func (s Slice) draft(d *draft) {
	if base := strings.TrimSuffix(s.UnitName(), ".slice"); base != "-" && (strings.HasPrefix(base, "-") || strings.HasSuffix(base, "-") || strings.Contains(base, "--")) {
		d.fail(fmt.Errorf("unit: Name=%q; dashes of a slice lie between the names of slices, one each", s.Name))
	}
	d.text("Unit", "Description", orElse(s.Description, s.Name))
	limits(d, s.Limits)
	d.extra(s.Extra)
}
