package unit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Directive is one assignment of a unit, its value escaped as systemd reads it.
type Directive struct{ Section, Name, Value string }

// String is the assignment as it stands in a file.
func (d Directive) String() string { return d.Name + "=" + d.Value }

func byPlace(a, b Directive) int {
	return cmp.Or(strings.Compare(a.Section, b.Section), strings.Compare(a.Name, b.Name))
}

// Block is a group of directives, as a template gets it: "{{.}}" prints all of
// them, a line each, and "{{range .Directives}}" goes through them.
type Block struct {
	list []Directive
	text []byte
	odd  bool // a parser may read something else there than was added
}

func (b *Block) add(d Directive) {
	b.list = append(b.list, d)
	b.odd = b.odd || d.Name == "" || !letter(rune(d.Name[0])) || strings.IndexByte(d.Name, '=') >= 0 ||
		d.Value != "" && isBlank(d.Value[0]) || strings.IndexByte(d.Value, '\n') >= 0 || strings.IndexByte(d.Name, '\n') >= 0
	b.text = append(append(append(append(b.text, d.Name...), '='), d.Value...), '\n')
}

// Directives are the directives one by one.
func (b *Block) Directives() []Directive { return slices.Clone(b.list) }

// String is the directives, a line each.
func (b *Block) String() string { return string(b.text) }

// Format prints the directives, whatever the verb.
func (b *Block) Format(s fmt.State, _ rune) {
	// The only writer is a buffer of fmt's.
	_, _ = s.Write(b.text)
}
