package unit

import (
	"cmp"
	"errors"
	"io/fs"
)

// Path is a path unit: systemd watches files, and starts a service when they
// come or change.
type Path struct {
	// Name is the unit's name, with or without ".path"; "spool@" is a template.
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
	// Exists, ExistsGlob, Changed, Modified and NotEmpty are absolute paths: that
	// there is one, or one that matches; that it was closed after a write, or
	// written to at all; that a directory is not empty.
	Exists, ExistsGlob, Changed, Modified, NotEmpty []string
	// Unit is what is started. "": the service of the same name.
	Unit string
	// MakeDirectory makes the directories that are watched, with this mode. Zero: 0755.
	MakeDirectory bool
	DirectoryMode fs.FileMode
	// WantedBy is what starts it when it is enabled. Nil: paths.target.
	WantedBy []string
	// NoInstall leaves [Install] out.
	NoInstall bool
	// Extra are directives that have no field here.
	Extra []Directive
}

// UnitName is the whole name, "app.path".
func (p Path) UnitName() string { return full(p.Name, "path") }

func (p Path) draft(d *draft) {
	d.specifiers = p.Specifiers
	d.text("Unit", "Description", "Description", cmp.Or(p.Description, p.Name))
	d.documented(p.Documentation)
	p.Relations.draft(d)
	d.conditions(p.Conditions)
	if len(p.Exists)+len(p.ExistsGlob)+len(p.Changed)+len(p.Modified)+len(p.NotEmpty) == 0 {
		d.fail(errors.New("unit: a path unit that watches nothing; set Exists, Changed or their kin"))
	}
	for _, w := range []struct {
		name, field string
		list        []string
	}{
		{"PathExists", "Exists", p.Exists}, {"PathExistsGlob", "ExistsGlob", p.ExistsGlob}, {"PathChanged", "Changed", p.Changed},
		{"PathModified", "Modified", p.Modified}, {"DirectoryNotEmpty", "NotEmpty", p.NotEmpty},
	} {
		for i, path := range w.list {
			if path == "" {
				d.refuse(index(w.field, i), path, "is empty")
			}
			d.path("Run", w.name, index(w.field, i), path)
		}
	}
	if p.Unit != "" {
		d.refuse("Unit", p.Unit, d.unitProblem(p.Unit))
		d.text("Run", "Unit", "Unit", p.Unit)
	}
	d.yes("Run", "MakeDirectory", p.MakeDirectory)
	d.mode("Run", "DirectoryMode", "DirectoryMode", p.DirectoryMode)
	d.installed(p.WantedBy, "paths.target", p.NoInstall)
	d.extra("Extra", p.Extra)
}
