package unit

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Decode makes a typed unit of a parsed file, the opposite of Render: what it
// gives for a rendered unit is that unit, fields that spell out a default being
// zero. Of any other file it is the unit that does the same: what has no field
// goes to Extra, and where the file leaves something to systemd, the fields say
// what systemd does. A file that does what no typed unit may do, such as a
// restart without a limit, is an error; the value comes with it.
//
// The kind is that of the file's name: "app.service", "app.service.d/10-x.conf".
func Decode(f *File) (Unit, error) {
	kind := kindOf(f.Name)
	r := newReader(f, kind)
	u, err := r.unit(f.Name)
	if err != nil {
		return nil, err
	}
	if r.percents {
		// Some "%" begins a specifier: once more, as a unit that has them.
		r = newReader(f, kind)
		r.specifiers = true
		if u, err = r.unit(f.Name); err != nil {
			return nil, err
		}
	}
	if err := new(draft).compose(u, Target{}); err != nil {
		return u, fmt.Errorf("unit: %s is not what a typed unit may say: %w", f.Name, err)
	}
	return u, nil
}

// reader takes a file's directives apart; what it has not taken is Extra.
type reader struct {
	file       *File
	own        string
	specifiers bool
	percents   bool // a single "%" was seen
	taken      []bool
}

func newReader(f *File, kind string) *reader {
	return &reader{file: f, own: section("", kind), taken: make([]bool, len(f.entries))}
}

func (r *reader) unit(path string) (Unit, error) {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if strings.HasSuffix(name, ".conf") {
		dir := strings.TrimSuffix(path, "/"+name)
		of, ok := strings.CutSuffix(dir[strings.LastIndexByte(dir, '/')+1:], ".d")
		if !ok {
			return nil, fmt.Errorf("unit: %s is a drop-in of what? its directory is named app.service.d", path)
		}
		return r.dropIn(of, strings.TrimSuffix(name, ".conf")), nil
	}
	switch kindOf(name) {
	case "service":
		return r.service(bare(name, "service")), nil
	case "socket":
		return r.socket(bare(name, "socket")), nil
	case "timer":
		return r.timer(bare(name, "timer")), nil
	case "path":
		return r.path(bare(name, "path")), nil
	case "mount":
		return r.mount(), nil
	case "slice":
		return r.slice(bare(name, "slice")), nil
	case "target":
		return r.target(bare(name, "target")), nil
	}
	return nil, fmt.Errorf("unit: %s is of a kind that has no type here: %w", path, errors.ErrUnsupported)
}

// each goes through the assignments in force of a directive, as list directives
// count them.
func (r *reader) each(section, key string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		start := 0
		for i, e := range r.file.entries {
			if e.Section == section && e.Key == key && e.Value == "" {
				start = i + 1
			}
		}
		for i, e := range r.file.entries[start:] {
			if e.Section == section && e.Key == key && !yield(start+i, e.Value) {
				return
			}
		}
	}
}

// take marks every assignment of a directive as understood.
func (r *reader) take(section, key string) {
	for i, e := range r.file.entries {
		if e.Section == section && e.Key == key {
			r.taken[i] = true
		}
	}
}

// plain undoes what escaping does to "%".
func (r *reader) plain(value string) string {
	if r.specifiers {
		return value
	}
	without := strings.ReplaceAll(value, "%%", "")
	if strings.Contains(without, "%") {
		r.percents = true
	}
	return strings.ReplaceAll(value, "%%", "%")
}

// value is the last assignment of a directive that a typed value understands.
func (r *reader) value(section, key string, parse func(string) bool) {
	v, ok := r.file.Get(section, key)
	if ok && v != "" && parse(v) {
		r.take(section, key)
	}
}

func (r *reader) text(section, key string) (text string) {
	r.value(section, key, func(v string) bool { text = r.plain(v); return plainProblem(text) == "" })
	return text
}

func (r *reader) word(section, key string, known ...string) (word string) {
	r.value(section, key, func(v string) bool {
		if slices.Contains(known, v) {
			word = v
		}
		return word != ""
	})
	return word
}

func (r *reader) yes(section, key string) (on bool) {
	r.value(section, key, func(v string) bool { on, _ = boolean(v); return on })
	return on
}

func (r *reader) duration(section, key string) (d time.Duration) {
	r.value(section, key, func(v string) bool {
		s, ok := timeSpan(v)
		if ok = ok && s > 0 && s%time.Microsecond == 0 && v != "infinity"; ok {
			d = s
		}
		return ok
	})
	return d
}

func (r *reader) number(section, key string, low, high int) (n int) {
	r.value(section, key, func(v string) bool {
		i, err := strconv.Atoi(v)
		if err != nil || i == 0 || i < low || i > high {
			return false
		}
		n = i
		return true
	})
	return n
}

func (r *reader) mode(section, key string) (m fs.FileMode) {
	r.value(section, key, func(v string) bool {
		n, err := strconv.ParseUint(v, 8, 32)
		if err != nil || n == 0 || n > 0o777 {
			return false
		}
		m = fs.FileMode(n)
		return true
	})
	return m
}

// list is all values of a directive that takes one a line.
func (r *reader) list(section, key string) (list []string) {
	for _, v := range r.each(section, key) {
		v = r.plain(v)
		if plainProblem(v) != "" {
			return nil
		}
		list = append(list, v)
	}
	r.take(section, key)
	return list
}

// words are all words of a directive that takes a list.
func (r *reader) words(section, key string) (list []string) {
	for _, v := range r.each(section, key) {
		words, ok := splitVerbatim(v)
		if !ok {
			return nil
		}
		for _, w := range words {
			list = append(list, r.plain(w))
		}
	}
	r.take(section, key)
	return list
}

// paths are words that are absolute paths; with any other, "-/x" or "~", they
// are left to Extra.
func (r *reader) paths(section, key string) []string {
	return r.wordsLike(section, key, func(w string) bool { return rooted(w) && (strings.Contains(w, "%") || absoluteProblem(w) == "") })
}

func (r *reader) wordsLike(section, key string, like func(string) bool) []string {
	list := r.words(section, key)
	for _, w := range list {
		if !like(w) {
			r.untake(section, key)
			return nil
		}
	}
	return list
}

func (r *reader) onePath(section, key string) (p string) {
	r.value(section, key, func(v string) bool {
		if p = r.plain(v); !rooted(p) || plainProblem(p) != "" || !strings.Contains(p, "%") && absoluteProblem(p) != "" {
			p = ""
		}
		return p != ""
	})
	return p
}

// extra is what nobody has taken, as it is.
func (r *reader) extra() (list []Directive) {
	for i, e := range r.file.entries {
		if !r.taken[i] {
			list = append(list, Directive{e.Section, e.Key, e.Value})
		}
	}
	return list
}

func (r *reader) relations() (rel Relations) {
	rel.Requires, rel.Wants, rel.Before = r.words("Unit", "Requires"), r.words("Unit", "Wants"), r.words("Unit", "Before")
	rel.BindsTo, rel.PartOf, rel.Conflicts = r.words("Unit", "BindsTo"), r.words("Unit", "PartOf"), r.words("Unit", "Conflicts")
	rel.After = without(r.words("Unit", "After"), rel.BindsTo...)
	return rel
}

// without takes words off the end of a list, where a typed unit puts those that
// are implied.
func without(list []string, implied ...string) []string {
	if n := len(list) - len(implied); n >= 0 && slices.Equal(list[n:], implied) {
		list = list[:n]
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// description is "" where it only says the name.
func (r *reader) description(name string) string {
	if d := r.text("Unit", "Description"); d != name {
		return d
	}
	return ""
}

// installed reads WantedBy. Without any [Install] the unit is one that others start.
func (r *reader) installed(otherwise string) (wantedBy []string, never bool) {
	wantedBy = r.words("Install", "WantedBy")
	switch {
	case len(wantedBy) == 0:
		return nil, true
	case len(wantedBy) == 1 && wantedBy[0] == otherwise:
		return nil, false
	}
	return wantedBy, false
}

// conditions reads those that come in one run of the file; their order counts
// only among those of one name.
func (r *reader) conditions() (list []Condition) {
	for i, e := range r.file.entries {
		test, isCondition := strings.CutPrefix(e.Key, "Condition")
		assert := false
		if !isCondition {
			test, assert = strings.CutPrefix(e.Key, "Assert")
		}
		if e.Section != "Unit" || !isCondition && !assert || !contains(conditionPaths, test) && !contains(conditionTests, test) {
			continue
		}
		c := Condition{Test: test, Assert: assert}
		if e.Value == "" {
			// It takes away all before it; better left as it stands.
			return nil
		}
		var v string
		v, c.AnyOf = strings.CutPrefix(e.Value, "|")
		v, c.Not = strings.CutPrefix(trim(v), "!")
		c.Value = r.plain(trim(v))
		list = append(list, c)
		defer func() { r.taken[i] = r.taken[i] || len(list) > 0 }()
	}
	return list
}

// GivenLimits are resource limits as they stand in a file. Decode gives them;
// they say the same for every version of systemd.
type GivenLimits []Directive

// Directives are the limits' names and values.
func (g GivenLimits) Directives(int) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, d := range g {
			if !yield(d.Name, d.Value) {
				return
			}
		}
	}
}

// limitNames are the names of systemd.resource-control(5) that Limits say.
var limitNames = strings.Fields(`MemoryMin MemoryLow MemoryHigh MemoryMax MemorySwapMax CPUWeight CPUQuota CPUQuotaPeriodSec AllowedCPUs AllowedMemoryNodes
	TasksMax IOWeight IODeviceWeight IOReadBandwidthMax IOWriteBandwidthMax IOReadIOPSMax IOWriteIOPSMax IODeviceLatencyTargetSec`)

func (r *reader) limits() Limits {
	var given GivenLimits
	for i, e := range r.file.entries {
		if e.Section == r.own && contains(limitNames, e.Key) {
			given = append(given, Directive{e.Section, e.Key, e.Value})
			r.taken[i] = true
		}
	}
	if given == nil {
		return nil
	}
	return given
}
