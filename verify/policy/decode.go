package policy

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bedplate/bedplate/verify"
	"go.yaml.in/yaml/v3"
)

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// mapping gives each key of a mapping to see, which says whether it knows it.
func (l *loader) mapping(n *yaml.Node, what string, see func(key string, k, v *yaml.Node) bool, known ...string) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		l.say(n.Line, "%s is a mapping of names to values", what)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if first, twice := seen[k.Value]; twice {
			l.say(k.Line, "%s is there twice; first on line %d", k.Value, first)
			continue
		}
		seen[k.Value] = k.Line
		if !see(k.Value, k, v) {
			l.say(k.Line, "%s has no %q; it has %s", what, k.Value, strings.Join(known, ", "))
		}
	}
}

// scalar reads one value into a pointer: text, a number, a duration, or what
// reads itself from text.
func (l *loader) scalar(n *yaml.Node, into any) bool {
	line := n.Line
	n = resolve(n)
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		l.say(line, "a value is needed here")
		return false
	}
	switch p := into.(type) {
	case *string: // whatever it looks like: 0640 and yes are text here
		*p = n.Value
		return true
	case *time.Duration:
		d, err := time.ParseDuration(n.Value)
		if err != nil {
			l.say(line, "%q is no duration, such as 500ms or 10s", n.Value)
			return false
		}
		*p = d
		return true
	case encoding.TextUnmarshaler:
		if err := p.UnmarshalText([]byte(n.Value)); err != nil {
			l.say(line, "%v", err)
			return false
		}
		return true
	}
	if err := n.Decode(into); err != nil {
		l.say(line, "%q is no %s", n.Value, describe(reflect.TypeOf(into).Elem()))
		return false
	}
	return true
}

func describe(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "truth: true or false"
	case reflect.Float64:
		return "number"
	case reflect.Int, reflect.Int64:
		return "whole number"
	case reflect.Uint32, reflect.Uint64:
		return "whole number from 0"
	}
	return t.String()
}

var (
	textual  = reflect.TypeFor[encoding.TextUnmarshaler]()
	duration = reflect.TypeFor[time.Duration]()
)

// value reads a node into a settable value: scalars, lists, maps of text, and
// structs, whose fields are named by their policy tag.
func (l *loader) value(n *yaml.Node, v reflect.Value, what string) {
	if v.Addr().Type().Implements(textual) || v.Type() == duration {
		l.scalar(n, v.Addr().Interface())
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		l.fields(n, v, what)
	case reflect.Slice:
		list := resolve(n)
		if list.Kind != yaml.SequenceNode {
			l.say(n.Line, "%s is a list", what)
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(list.Content), len(list.Content)))
		for i, item := range list.Content {
			l.value(item, v.Index(i), fmt.Sprintf("%s[%d]", what, i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		l.mapping(n, what, func(key string, _, item *yaml.Node) bool {
			var text string
			l.scalar(item, &text)
			v.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(text))
			return true
		})
	default:
		l.scalar(n, v.Addr().Interface())
	}
}

// field is a struct's field as a policy names it.
type field struct {
	name     string
	required bool
	index    int
}

// fieldsOf reads the tags: `policy:"unit,required"`.
func fieldsOf(t reflect.Type) (all []field) {
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("policy"), ",")
		if name != "" {
			all = append(all, field{name, options == "required", i})
		}
	}
	return all
}

// fields reads a mapping into a struct. Where one field alone is required, a bare
// value is that field: `unit-active: app.service`.
func (l *loader) fields(n *yaml.Node, v reflect.Value, what string) {
	all := fieldsOf(v.Type())
	line := n.Line
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		var required []field
		for _, f := range all {
			if f.required {
				required = append(required, f)
			}
		}
		switch {
		case len(required) == 1 && n.Tag != "!!null":
			l.value(n, v.Field(required[0].index), what)
		case len(required) == 0 && n.Tag == "!!null":
		case len(required) == 0:
			l.say(line, "%s takes no value of its own", what)
		default:
			l.say(line, "%s needs %s", what, names(all))
		}
		return
	}
	given := map[string]bool{}
	known := make([]string, len(all))
	for i, f := range all {
		known[i] = f.name
	}
	l.mapping(n, what, func(key string, _, item *yaml.Node) bool {
		i := slices.Index(known, key)
		if i < 0 {
			return false
		}
		given[key] = true
		l.value(item, v.Field(all[i].index), what+"."+key)
		return true
	}, known...)
	for _, f := range all {
		if f.required && !given[f.name] {
			l.say(line, "%s has no %s", what, f.name)
		}
	}
}

func names(all []field) string {
	var list []string
	for _, f := range all {
		if f.required {
			list = append(list, f.name)
		}
	}
	return strings.Join(list, ", ")
}

// common are the keys beside a check's kind.
type common struct {
	Name     string        `policy:"name"`
	Severity string        `policy:"severity"`
	Timeout  time.Duration `policy:"timeout"`
	Needs    []string      `policy:"needs"`
	Tags     []string      `policy:"tags"`
	Until    struct {
		Every    time.Duration `policy:"every,required"`
		Patience time.Duration `policy:"patience,required"`
	} `policy:"until"`
}

// check reads one check: its kind, and what is common to all.
func (l *loader) check(n *yaml.Node) (c verify.Check, ok bool) {
	before := len(l.errs)
	var kindNode, params *yaml.Node
	var more common
	v := reflect.ValueOf(&more).Elem()
	all := fieldsOf(v.Type())
	until := false
	l.mapping(n, "a check", func(key string, k, item *yaml.Node) bool {
		if _, known := kinds[key]; known {
			if kindNode != nil {
				l.say(k.Line, "a check is of one kind; this one is %s, too", kindNode.Value)
			}
			kindNode, params = k, item
			return true
		}
		for _, f := range all {
			if f.name == key {
				until = until || key == "until"
				l.value(item, v.Field(f.index), key)
				return true
			}
		}
		if hint := nearest(key); hint != "" {
			l.say(k.Line, "there is no kind of check %q; did you mean %s?", key, hint)
		} else {
			l.say(k.Line, "there is no kind of check %q, and no key that all checks have", key)
		}
		return true
	})
	switch {
	case len(l.errs) > before:
	case kindNode == nil:
		l.say(n.Line, "a check without a kind, such as unit-active")
	}
	if kindNode != nil {
		c = kinds[kindNode.Value](l, params, kindNode.Value)
	}
	if len(l.errs) > before {
		return c, false
	}
	if more.Name != "" {
		c.Name = more.Name
	}
	switch more.Severity {
	case "", "required":
	case "advisory":
		c.Severity = verify.Advisory
	default:
		l.say(n.Line, "severity: %s is neither required nor advisory", more.Severity)
	}
	if more.Timeout < 0 {
		l.say(n.Line, "timeout: %v is negative", more.Timeout)
	}
	if more.Timeout != 0 {
		c.Timeout = more.Timeout
	}
	c.Needs = append(c.Needs, more.Needs...)
	c.Tags = append(c.Tags, more.Tags...)
	if until {
		if more.Until.Every <= 0 || more.Until.Patience <= 0 {
			l.say(n.Line, "until: both times must be positive")
		}
		c = verify.Until(c, more.Until.Every, more.Until.Patience)
	}
	return c, len(l.errs) == before
}

// nearest finds the kind that was meant: one that differs in a letter or two.
func nearest(key string) string {
	best, at := 3, ""
	for _, kind := range Kinds() {
		if d := distance(key, kind); d < best {
			best, at = d, kind
		}
	}
	return at
}

// distance counts the letters to change, add or leave out.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, last+1)
		}
	}
	return row[len(b)]
}
