package unit

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// draft collects a unit's directives in blocks, which the templates print, and
// every error on the way.
type draft struct {
	kind   string
	own    string // the kind's section, once known
	target Target
	// specifiers are the caller's: "%" is left for systemd.
	specifiers bool
	blocks     [len(groups)]Block
	drops      []Dropped
	errs       []error
}

// groups are the names of the blocks, as templates know them.
var groups = [...]string{"Unit", "Run", "Directories", "Restart", "Limits", "Sandbox", "Extra", "Install"}

// section gives the section that a group of directives belongs to.
func section(group, kind string) string {
	switch group {
	case "Unit", "Install":
		return group
	}
	return sectionOf[kind]
}

var sectionOf = func() map[string]string {
	m := map[string]string{"": ""}
	for _, k := range kinds {
		m[k] = strings.ToUpper(k[:1]) + k[1:]
	}
	return m
}()

func (d *draft) fail(err error) {
	if err != nil {
		d.errs = append(d.errs, err)
	}
}

// refuse says what is wrong with a field's value; nothing, if problem is "".
func (d *draft) refuse(field, value, problem string) {
	if problem != "" {
		d.fail(fmt.Errorf("unit: %s=%s %s", field, abridged(value), problem))
	}
}

func abridged(s string) string {
	if len(s) > 80 {
		return strconv.Quote(s[:80]) + "..."
	}
	return strconv.Quote(s)
}

// raw adds a directive whose value is safe as it is.
func (d *draft) raw(group, name, value string) {
	in := group
	if group != "Unit" && group != "Install" {
		if d.own == "" {
			d.own = sectionOf[d.kind]
		}
		in = d.own
	}
	dir := Directive{in, name, value}
	if reason := d.target.lacks(dir); reason != "" {
		d.drops = append(d.drops, Dropped{dir, reason})
		return
	}
	d.blocks[place(group)].add(dir)
}

// place is the index of a group's block.
func place(group string) int {
	switch group {
	case "Unit":
		return 0
	case "Run":
		return 1
	case "Directories":
		return 2
	case "Restart":
		return 3
	case "Limits":
		return 4
	case "Sandbox":
		return 5
	case "Extra":
		return 6
	}
	return 7
}

// text adds a value that systemd takes whole. "": nothing.
func (d *draft) text(group, name, field, value string) {
	if value == "" {
		return
	}
	d.refuse(field, value, plainProblem(value))
	d.raw(group, name, d.percent(field, value))
}

// percent escapes specifiers, or checks those that the caller means.
func (d *draft) percent(field, value string) string {
	if d.specifiers {
		d.refuse(field, value, specifierProblem(value, d.target.version()))
		return value
	}
	return strings.ReplaceAll(value, "%", "%%")
}

// words adds a list on one line, each word quoted as needed.
func (d *draft) words(group, name, field string, list []string, check func(string) string) {
	if len(list) == 0 {
		return
	}
	var b strings.Builder
	for i, w := range list {
		problem := printableProblem(w)
		if problem == "" && check != nil {
			problem = check(w)
		}
		if problem != "" {
			d.refuse(index(field, i), w, problem)
			continue
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		if strings.Contains(w, "%") {
			w = d.percent(field, w)
		}
		b.WriteString(quoteVerbatim(w))
	}
	d.raw(group, name, b.String())
}

func index(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }

func (d *draft) yes(group, name string, on bool) {
	if on {
		d.raw(group, name, "yes")
	}
}

func (d *draft) duration(group, name, field string, v time.Duration) {
	switch {
	case v == 0:
	case v < 0 || v%time.Microsecond != 0:
		d.refuse(field, v.String(), "is no duration for systemd; it is positive, in whole microseconds")
	default:
		d.raw(group, name, span(v))
	}
}

// span is a duration as systemd reads it, in the largest unit that fits.
func span(v time.Duration) string {
	switch {
	case v%time.Second == 0:
		return strconv.FormatInt(int64(v/time.Second), 10) + "s"
	case v%time.Millisecond == 0:
		return strconv.FormatInt(int64(v/time.Millisecond), 10) + "ms"
	}
	return strconv.FormatInt(int64(v/time.Microsecond), 10) + "us"
}

// number adds a whole number. 0: nothing.
func (d *draft) number(group, name, field string, v, low, high int) {
	switch {
	case v == 0:
	case v < low || v > high:
		d.refuse(field, strconv.Itoa(v), fmt.Sprintf("is out of range; it is from %d to %d", low, high))
	default:
		d.raw(group, name, strconv.Itoa(v))
	}
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
	d.words("Install", "WantedBy", "WantedBy", wantedBy, d.unitProblem)
}

// unitProblem checks the name of another unit.
func (d *draft) unitProblem(name string) string {
	if d.specifiers && strings.Contains(name, "%") {
		return ""
	}
	return nameProblem(name)
}

// pathProblem checks an absolute path.
func (d *draft) pathProblem(p string) string {
	if d.specifiers && strings.HasPrefix(p, "%") {
		return ""
	}
	return absoluteProblem(p)
}

// extra adds the caller's own directives. Their values are taken as they are, so
// that specifiers and quoting are the caller's, but for control characters.
func (d *draft) extra(field string, list []Directive) {
	own := section("", d.kind)
	for i, x := range list {
		if err := checkAssignment(x.Section, x.Name, x.Value); err != nil {
			d.fail(fmt.Errorf("%w (%s)", err, index(field, i)))
			continue
		}
		group := x.Section
		switch x.Section {
		case "Unit", "Install":
		case own:
			group = "Extra"
		default:
			d.fail(fmt.Errorf("unit: %s is for section %q; a %s has Unit, %s and Install", index(field, i), x.Section, d.kind, own))
			continue
		}
		d.raw(group, x.Name, x.Value)
	}
}

// all is every directive, in an order that does not depend on the template.
func (d *draft) all() []Directive {
	n := 0
	for i := range d.blocks {
		n += len(d.blocks[i].list)
	}
	list := make([]Directive, 0, n)
	for i := range d.blocks {
		list = append(list, d.blocks[i].list...)
	}
	slices.SortStableFunc(list, byPlace)
	return list
}
