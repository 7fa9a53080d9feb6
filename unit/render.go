package unit

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"sync"
	"text/template"
	"unicode/utf8"
)

// Unit is a typed unit: Service, Socket, Timer, Path, Mount, Slice, TargetUnit
// or DropIn.
type Unit interface {
	// UnitName is the whole name, "app.service".
	UnitName() string
	draft(*draft)
}

//go:embed templates/*.tmpl
var embedded embed.FS

// Templates are the templates of this package, to copy and change: KIND.tmpl,
// and dropin.tmpl.
func Templates() fs.FS {
	sub, err := fs.Sub(embedded, "templates")
	if err != nil {
		return embedded // can't be: the name is valid
	}
	return sub
}

var builtin = sync.OnceValues(func() (*template.Template, error) { return template.ParseFS(Templates(), "*.tmpl") })

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
	// Templates holds service.tmpl and so on, in place of those of this package
	// (Templates); a kind that it lacks is rendered by ours. Nil: ours. Whatever a
	// template does, the directives are those of the unit, all of them and no
	// others: the text is parsed and compared.
	Templates fs.FS
}

// View is what a template gets: the unit's directives in blocks, of which those
// without a directive are nil.
type View struct {
	// Name is the unit's, Section the name of its kind's section, "Service".
	Name, Section string
	// Unit and Install are the sections of these names. The others belong in the
	// section of the kind.
	Unit, Run, Directories, Restart, Limits, Sandbox, Extra, Install *Block
}

// Own says whether the section of the kind has any directive.
func (v *View) Own() bool {
	return v.Run != nil || v.Directories != nil || v.Restart != nil || v.Limits != nil || v.Sandbox != nil || v.Extra != nil
}

// Render writes a unit. What the target does not know is left out and returned.
func (r Renderer) Render(u Unit) ([]byte, []Dropped, error) {
	if isNil(u) {
		return nil, nil, errors.New("unit: there is no unit to render; it is nil")
	}
	name := u.UnitName()
	d := drafts.Get().(*draft)
	defer d.free()
	if err := d.compose(u, r.Target); err != nil {
		return nil, nil, err
	}
	file := d.kind
	if _, ok := u.(DropIn); ok {
		file = "dropin"
	}
	t, err := r.template(file + ".tmpl")
	if err != nil {
		return nil, nil, fmt.Errorf("unit: templates: %w", err)
	}
	var b bytes.Buffer
	b.Grow(d.size() + 256) // headers and comments
	if err := t.Execute(&b, d.view(name)); err != nil {
		return nil, nil, fmt.Errorf("unit: template of %s: %w", name, err)
	}
	if err := d.compare(name, b.Bytes()); err != nil {
		return nil, nil, err
	}
	return b.Bytes(), d.drops, nil
}

// isNil says whether there is no unit, or a pointer to none.
func isNil(u Unit) bool {
	v := reflect.ValueOf(u)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// compose checks a unit and makes its directives.
func (d *draft) compose(u Unit, t Target) error {
	name := u.UnitName()
	problem := ""
	if i, ok := u.(DropIn); ok {
		problem = i.nameProblem()
	} else {
		problem = nameProblem(name)
	}
	if problem != "" {
		return fmt.Errorf("unit: Name=%s %s", abridged(name), problem)
	}
	d.kind, d.target = kindOf(name), t
	if u.draft(d); d.errs != nil {
		return fmt.Errorf("%s: %w", name, errors.Join(d.errs...))
	}
	return nil
}

// drafts are kept for their memory.
var drafts = sync.Pool{New: func() any { return new(draft) }}

func (d *draft) free() {
	blocks := d.blocks
	for i := range blocks {
		clear(blocks[i].list)
		blocks[i].list, blocks[i].text, blocks[i].odd = blocks[i].list[:0], blocks[i].text[:0], false
	}
	*d = draft{blocks: blocks}
	drafts.Put(d)
}

func (d *draft) size() (n int) {
	for i := range d.blocks {
		n += len(d.blocks[i].text)
	}
	return n
}

func (d *draft) view(name string) *View {
	v := &View{Name: name, Section: section("", d.kind)}
	for i, at := range []**Block{&v.Unit, &v.Run, &v.Directories, &v.Restart, &v.Limits, &v.Sandbox, &v.Extra, &v.Install} {
		if len(d.blocks[i].list) > 0 {
			*at = &d.blocks[i]
		}
	}
	return v
}

func (r Renderer) template(name string) (*template.Template, error) {
	if r.Templates != nil {
		t, err := template.New(name).ParseFS(r.Templates, name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return t, err
		}
		// ParseFS says so too when a pattern matches nothing.
	}
	all, err := builtin()
	if err != nil {
		return nil, err
	}
	return all.Lookup(name), nil
}

// same says whether the entries are the directives, in the order of the blocks;
// they are but for a template that moves or changes something.
func (d *draft) same(entries []Entry) bool {
	// [Unit] is first and [Install] last, as they are among the blocks.
	n := 0
	for i := range d.blocks {
		for _, w := range d.blocks[i].list {
			if n == len(entries) || w != (Directive{entries[n].Section, entries[n].Key, entries[n].Value}) {
				return false
			}
			n++
		}
	}
	return n == len(entries)
}

// verbatim says whether the text is the blocks as they are, in their order and
// sections, with blank lines, plain comments and headers between: it then needs no
// parsing. Whatever is less plain than that is left to the parser.
func (d *draft) verbatim(text []byte) bool {
	if !plainLines(text) {
		return false
	}
	section := ""
	block := d.next(0)
	for len(text) > 0 {
		if block < len(d.blocks) {
			b := &d.blocks[block]
			if rest, ok := bytes.CutPrefix(text, b.text); ok {
				if b.list[0].Section != section || b.odd {
					return false
				}
				text, block = rest, d.next(block+1)
				continue
			}
		}
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		switch {
		case len(line) == 0:
		case line[len(line)-1] == '\\':
			return false
		case line[0] == '#':
		case string(line) == "[Unit]" || string(line) == "[Install]" || len(line) == len(d.own)+2 && string(line[1:len(line)-1]) == d.own && line[0] == '[' && line[len(line)-1] == ']':
			section = string(line[1 : len(line)-1])
		default:
			return false
		}
		text = rest
	}
	return block == len(d.blocks)
}

// next is the first block from i on that has any directive.
func (d *draft) next(i int) int {
	for i < len(d.blocks) && len(d.blocks[i].list) == 0 {
		i++
	}
	return i
}

// plainLines says whether each line of a text is one as it stands: none goes on in
// the next, and none ends or has its name end in space. It may say no of such a text.
func plainLines(text []byte) bool {
	for _, end := range [...]string{"\\\n", " \n", "\t\n", "\r", "\x00", " =", "\t="} {
		if bytes.Contains(text, []byte(end)) {
			return false
		}
	}
	return utf8.Valid(text)
}

// compare parses what a template made and holds it against the typed values.
func (d *draft) compare(name string, text []byte) error {
	if d.verbatim(text) {
		return nil
	}
	f, err := parse(name, text)
	if err != nil {
		return fmt.Errorf("unit: the template does not render a unit: %w", err)
	}
	if d.same(f.entries) {
		return nil
	}
	got := make([]Directive, len(f.entries))
	for i, e := range f.entries {
		got[i] = Directive{e.Section, e.Key, e.Value}
	}
	slices.SortStableFunc(got, byPlace)
	want := d.all()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got) || i < len(want) && byPlace(got[i], want[i]) > 0:
			return fmt.Errorf("unit: the template of %s lost [%s] %s", name, want[i].Section, want[i])
		case i >= len(want) || byPlace(got[i], want[i]) < 0:
			return fmt.Errorf("unit: the template of %s added [%s] %s", name, got[i].Section, got[i])
		case got[i] != want[i]:
			return fmt.Errorf("unit: the template of %s rendered [%s] %s where [%s] %s belongs", name, got[i].Section, got[i], want[i].Section, want[i])
		}
	}
	return nil
}
