package unit

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"text/template"
)

// Unit is a typed unit: Service, Socket, Slice or Timer.
type Unit interface {
	// UnitName is the whole name, "app.service".
	UnitName() string
	draft(*draft)
}

//go:embed templates/*.tmpl
var embedded embed.FS

var builtin = sync.OnceValues(func() (*template.Template, error) {
	sub, err := fs.Sub(embedded, "templates")
	if err != nil {
		return nil, err
	}
	return template.ParseFS(sub, "*.tmpl")
})

// Render writes a unit for the newest systemd that this package knows.
func Render(u Unit) ([]byte, error) {
	text, _, err := Renderer{}.Render(u)
	return text, err
}

// Renderer writes units for a given systemd, by the caller's templates if there
// are any.
type Renderer struct {
	// Target is the systemd that the unit is for.
	Target Target
	// Templates holds service.tmpl, socket.tmpl, slice.tmpl and timer.tmpl, in
	// place of those of this package, which they may be copies of. Nil: ours.
	// Whatever a template does, the directives are those of the unit, all of
	// them and no others: the text is parsed and compared.
	Templates fs.FS
}

// Render writes a unit. What the target does not know is left out and returned.
func (r Renderer) Render(u Unit) ([]byte, []Dropped, error) {
	name := u.UnitName()
	_, kind, _ := cutLast(name, ".")
	d := &draft{kind: kind, target: r.Target, groups: map[string][]Directive{}}
	if err := checkName("Name", name); err != nil {
		return nil, nil, err
	}
	u.draft(d)
	if err := errors.Join(d.errs...); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	t, err := r.templates()
	if err != nil {
		return nil, nil, fmt.Errorf("unit: templates: %w", err)
	}
	var b bytes.Buffer
	b.Grow(2 << 10)
	if err := t.ExecuteTemplate(&b, kind+".tmpl", d.groups); err != nil {
		return nil, nil, fmt.Errorf("unit: template of %s: %w", name, err)
	}
	if err := d.compare(name, b.Bytes()); err != nil {
		return nil, nil, err
	}
	return b.Bytes(), d.drops, nil
}

func (r Renderer) templates() (*template.Template, error) {
	if r.Templates == nil {
		return builtin()
	}
	return template.ParseFS(r.Templates, "*.tmpl")
}

// compare parses what a template made and holds it against the typed values.
func (d *draft) compare(name string, text []byte) error {
	f, err := parse(name, text)
	if err != nil {
		return fmt.Errorf("unit: the template does not render a unit: %w", err)
	}
	got := make([]Directive, 0, len(f.entries))
	for _, e := range f.entries {
		got = append(got, Directive{e.Section, e.Key, e.Value})
	}
	slices.SortStableFunc(got, byPlace)
	want := d.all()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got) || i < len(want) && got[i] != want[i] && place(got[i]) > place(want[i]):
			return fmt.Errorf("unit: the template of %s lost [%s] %s", name, want[i].Section, want[i])
		case i >= len(want) || place(got[i]) < place(want[i]):
			return fmt.Errorf("unit: the template of %s added [%s] %s", name, got[i].Section, got[i])
		case got[i] != want[i]:
			return fmt.Errorf("unit: the template of %s rendered [%s] %s where [%s] %s belongs", name, got[i].Section, got[i], want[i].Section, want[i])
		}
	}
	return nil
}
