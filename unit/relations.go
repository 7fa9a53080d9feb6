package unit

import (
	"slices"
	"strings"
)

// Relations say what a unit needs and in which order it starts: names of other
// units (systemd.unit(5)). BindsTo implies After.
type Relations struct {
	Requires, Wants, After, Before, BindsTo, PartOf, Conflicts []string
}

func (r Relations) draft(d *draft) {
	d.units("Requires", "Relations.Requires", r.Requires)
	d.units("BindsTo", "Relations.BindsTo", r.BindsTo)
	d.units("PartOf", "Relations.PartOf", r.PartOf)
	d.units("Wants", "Relations.Wants", r.Wants)
	d.named("Relations.After", r.After)
	d.units("After", "", slices.Concat(r.After, r.BindsTo))
	d.units("Before", "Relations.Before", r.Before)
	d.units("Conflicts", "Relations.Conflicts", r.Conflicts)
}

// units adds names of units. Without a field they have been checked.
func (d *draft) units(name, field string, list []string) {
	if field == "" && d.errs != nil {
		return
	}
	d.words("Unit", name, field, list, d.unitProblem)
}

// named checks names of units.
func (d *draft) named(field string, list []string) {
	for i, n := range list {
		p := printableProblem(n)
		if p == "" {
			p = d.unitProblem(n)
		}
		d.refuse(index(field, i), n, p)
	}
}

func (d *draft) documented(urls []string) {
	d.words("Unit", "Documentation", "Documentation", urls, func(s string) string {
		if !documentation(s) || strings.ContainsAny(s, " \t\"'\\") {
			return "is no http:, https:, file:, info: or man: URL"
		}
		return ""
	})
}

// Condition is something that must hold when a unit is to be started, by the
// name that systemd.unit(5) gives it, without "Condition" in front.
type Condition struct {
	// Test is what is looked at: "PathExists", "Virtualization", "Host".
	Test string
	// Value is what for.
	Value string
	// Not turns it around. AnyOf makes it one of several of which one must hold.
	Not, AnyOf bool
	// Assert makes the start fail where a condition would skip it in silence.
	Assert bool
}

// conditionTests that take a path, and the others.
var (
	conditionPaths = strings.Fields(`PathExists PathExistsGlob PathIsDirectory PathIsSymbolicLink PathIsMountPoint PathIsReadWrite
		PathIsEncrypted DirectoryNotEmpty FileNotEmpty FileIsExecutable`)
	conditionTests = strings.Fields(`Architecture Firmware Virtualization Host KernelCommandLine KernelVersion Credential Environment Security
		Capability ACPower NeedsUpdate FirstBoot User Group ControlGroupController Memory CPUs CPUFeature OSRelease MemoryPressure CPUPressure IOPressure Version`)
)

func (c Condition) name() string {
	if c.Assert {
		return "Assert" + c.Test
	}
	return "Condition" + c.Test
}

func (d *draft) conditions(list []Condition) {
	for i, c := range list {
		field := index("Conditions", i)
		paths := contains(conditionPaths, c.Test)
		if !paths && !contains(conditionTests, c.Test) {
			d.refuse(field+".Test", c.Test, "is nothing that systemd can look at; PathExists and Virtualization are some")
			continue
		}
		value := field + ".Value"
		d.refuse(value, c.Value, plainProblem(c.Value))
		switch {
		case paths:
			d.refuse(value, c.Value, d.pathProblem(c.Value))
		case c.Value == "":
			d.refuse(value, c.Value, "is empty, which would take all conditions away")
		case strings.HasPrefix(c.Value, "|") || strings.HasPrefix(c.Value, "!"):
			d.refuse(value, c.Value, "begins with a sign that systemd reads; set Not or AnyOf")
		}
		prefix := ""
		if c.AnyOf {
			prefix += "|"
		}
		if c.Not {
			prefix += "!"
		}
		d.raw("Unit", c.name(), prefix+d.percent(value, c.Value))
	}
}
