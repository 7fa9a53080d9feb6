package unit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Directive is one assignment of a unit, its value escaped as systemd reads it.
type Directive struct{ Section, Name, Value string }

// String is the assignment as it stands in a file.
func (d Directive) String() string { return d.Name + "=" + d.Value }

// draft collects a unit's directives in groups, which the templates print under
// a heading each, and every error on the way.
type draft struct {
	kind   string
	target Target
	groups map[string][]Directive
	drops  []Dropped
	errs   []error
}

// section gives the section that a group of directives belongs to.
func section(group, kind string) string {
	switch group {
	case "Unit", "Install":
		return group
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}

func (d *draft) fail(err error) {
	if err != nil {
		d.errs = append(d.errs, err)
	}
}

// raw adds a directive whose value is safe as it is.
func (d *draft) raw(group, name, value string) {
	dir := Directive{section(group, d.kind), name, value}
	if reason := d.target.lacks(dir); reason != "" {
		d.drops = append(d.drops, Dropped{dir, reason})
		return
	}
	d.groups[group] = append(d.groups[group], dir)
}

func (d *draft) text(group, name, value string) {
	if value == "" {
		return
	}
	v, err := plain(name, value)
	d.fail(err)
	d.raw(group, name, v)
}

// words adds a list on one line, each word quoted as needed.
func (d *draft) words(group, name string, list []string) {
	if len(list) == 0 {
		return
	}
	out := make([]string, len(list))
	for i, w := range list {
		q, err := quoted(fmt.Sprintf("%s[%d]", name, i), w)
		d.fail(err)
		out[i] = q
	}
	d.raw(group, name, strings.Join(out, " "))
}

func (d *draft) checked(group, name string, list []string, check func(field, value string) error) {
	for i, w := range list {
		d.fail(check(fmt.Sprintf("%s[%d]", name, i), w))
	}
	d.words(group, name, list)
}

func (d *draft) units(name string, list []string) {
	d.checked("Unit", name, list, checkName)
}

func (d *draft) yes(group, name string, on bool) {
	if on {
		d.raw(group, name, "yes")
	}
}

func (d *draft) duration(group, name string, v time.Duration) {
	switch {
	case v == 0:
	case v < 0 || v%time.Microsecond != 0:
		d.fail(fmt.Errorf("unit: %s=%v; a duration is positive, in whole microseconds", name, v))
	default:
		d.raw(group, name, span(v))
	}
}

// span is a duration as systemd writes it, in the largest unit that fits.
func span(v time.Duration) string {
	switch {
	case v%time.Second == 0:
		return strconv.FormatInt(int64(v/time.Second), 10) + "s"
	case v%time.Millisecond == 0:
		return strconv.FormatInt(int64(v/time.Millisecond), 10) + "ms"
	}
	return strconv.FormatInt(int64(v/time.Microsecond), 10) + "us"
}

// installed adds [Install].
func (d *draft) installed(wantedBy []string, otherwise string, never bool) {
	if never {
		if len(wantedBy) > 0 {
			d.fail(errors.New("unit: NoInstall is set together with WantedBy; which is it?"))
		}
		return
	}
	if len(wantedBy) == 0 && otherwise != "" {
		wantedBy = []string{otherwise}
	}
	for i, u := range wantedBy {
		d.fail(checkName(fmt.Sprintf("WantedBy[%d]", i), u))
	}
	d.words("Install", "WantedBy", wantedBy)
}

// extra adds the caller's own directives. Their values are taken as they are, so
// that specifiers and quoting are the caller's, but for control characters.
func (d *draft) extra(list []Directive) {
	own := section("", d.kind)
	for i, x := range list {
		d.fail(checkAssignment(x.Section, x.Name, x.Value))
		if x.Section != "Unit" && x.Section != "Install" && x.Section != own {
			d.fail(fmt.Errorf("unit: Extra[%d] is for section %q; a %s has Unit, %s and Install", i, x.Section, d.kind, own))
			continue
		}
		group := x.Section
		if group == own {
			group = "Extra"
		}
		d.raw(group, x.Name, x.Value)
	}
}

// all is every directive, in an order that does not depend on the template.
func (d *draft) all() (list []Directive) {
	for _, g := range d.groups {
		list = append(list, g...)
	}
	slices.SortStableFunc(list, byPlace)
	return list
}

func place(d Directive) string { return d.Section + "\x00" + d.Name }

func byPlace(a, b Directive) int {
	return cmp.Or(strings.Compare(a.Section, b.Section), strings.Compare(a.Name, b.Name))
}
