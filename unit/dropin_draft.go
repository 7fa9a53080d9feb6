package unit

import (
	"fmt"
	"strings"
)

// UnitName is where the file lies below the directory of units,
// "app.service.d/10-limits.conf".
func (d DropIn) UnitName() string { return d.Unit + ".d/" + d.file() }

func (d DropIn) nameProblem() string {
	whole := d.Unit
	if contains(kinds, whole) {
		whole = "all." + whole
	}
	if p := nameProblem(whole); p != "" {
		return "is for " + abridged(d.Unit) + ", which " + p
	}
	f := d.file()
	if f == ".conf" || len(f) > 255 || strings.HasPrefix(f, ".") || strings.ContainsFunc(f, func(r rune) bool { return r == '/' || control(r) }) || printableProblem(f) != "" {
		return "is no file name"
	}
	return ""
}

func (d DropIn) draft(x *draft) {
	if d.Limits == nil && len(d.Directives) == 0 {
		x.fail(fmt.Errorf("unit: drop-in %s holds nothing", d.UnitName()))
	}
	x.limits(d.Limits)
	for i, a := range d.Directives {
		if a.Section == "Install" {
			x.fail(fmt.Errorf("unit: %s is for [Install], which systemctl does not read in a drop-in; enablement belongs to the unit's own file", index("Directives", i)))
		}
	}
	x.extra("Directives", d.Directives)
}
