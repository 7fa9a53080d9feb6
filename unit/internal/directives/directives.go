// Package directives knows what systemd's unit files may say: which section has
// which directive, since which version, and of what kind its value is.
//
// The table is generated from `systemd --dump-configuration-items` of the
// versions that we test against (testdata/dumps/VERSION.txt); for what came between two
// of them, since.txt says the version by systemd's manual pages.
package directives

import (
	_ "embed"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:generate go run ./gen

//go:embed table.txt
var text string

// Newest is the newest version of systemd that the table was made from.
const Newest = 257

// Directive is what is known of one.
type Directive struct {
	Section, Name string
	// Kind is systemd's word for its value: "BOOLEAN", "SECONDS", "PATH", ...
	Kind string
	// Since is the first version that is known to have it; the oldest in the
	// table is 247, which may have had it for long. Until is the last, 0 if it
	// is still there.
	Since, Until int
}

// In says whether a version of systemd has it.
func (d Directive) In(systemd int) bool {
	return systemd >= d.Since && (d.Until == 0 || systemd <= d.Until)
}

var table = sync.OnceValue(func() map[string]map[string]Directive {
	all := map[string]map[string]Directive{}
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 5 {
			continue
		}
		// The generator wrote them; a test reads the whole table.
		since, _ := strconv.Atoi(f[2])
		until, _ := strconv.Atoi(f[3])
		if all[f[0]] == nil {
			all[f[0]] = map[string]Directive{}
		}
		all[f[0]][f[1]] = Directive{f[0], f[1], f[4], since, until}
	}
	return all
})

// mortals are the names of directives that some newer version has no more, and
// their shapes: by length, a bit for each first letter. Most names are told by
// that.
type mortals struct {
	names  map[string]bool
	shapes [64]uint32
}

var mortal = sync.OnceValue(func() *mortals {
	m := &mortals{names: map[string]bool{}}
	for _, section := range table() {
		for name, d := range section {
			if d.Until != 0 {
				m.names[name] = true
				m.shapes[len(name)%len(m.shapes)] |= 1 << (name[0] % 32)
			}
		}
	}
	return m
})

// Mortal says whether a directive of this name is gone from any section of a
// newer version. With the newest one, nothing else can be missing.
func Mortal(name string) bool {
	m := mortal()
	return name != "" && m.shapes[len(name)%len(m.shapes)]&(1<<(name[0]%32)) != 0 && m.names[name]
}

// Find looks a directive up.
func Find(section, name string) (Directive, bool) {
	d, ok := table()[section][name]
	return d, ok
}

// All is every directive, by section and name.
func All() iter.Seq[Directive] {
	return func(yield func(Directive) bool) {
		for _, section := range slices.Sorted(maps.Keys(table())) {
			for _, name := range slices.Sorted(maps.Keys(table()[section])) {
				if !yield(table()[section][name]) {
					return
				}
			}
		}
	}
}

// Known says whether there is such a section.
func Known(section string) bool { return table()[section] != nil }

// Nearest is the directive of a section whose name is closest, "" if none is close.
func Nearest(section, name string) string { return nearest(maps.Keys(table()[section]), name) }

// NearestSection is the section whose name is closest, "" if none is close.
func NearestSection(name string) string { return nearest(maps.Keys(table()), name) }

// nearest takes the first by name of those that are equally close.
func nearest(names iter.Seq[string], name string) string {
	best, distance := "", max(2, len(name)/4)+1
	for _, n := range slices.Sorted(names) {
		if d := levenshtein(strings.ToLower(n), strings.ToLower(name)); d < distance {
			best, distance = n, d
		}
	}
	return best
}

// Elsewhere is another section that has a directive of this name, "" if none has.
func Elsewhere(name string) string {
	for _, section := range []string{"Unit", "Service", "Socket", "Timer", "Install", "Mount", "Path", "Slice"} {
		if _, ok := table()[section][name]; ok {
			return section
		}
	}
	return ""
}

func levenshtein(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
