//go:build privileged

package unit_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/unit"
)

// TestRandomUnits: random units of every kind load without a word of complaint,
// and systemd reports what was asked for. 300 of them, or 10,000 in the long form.
func TestRandomUnits(t *testing.T) {
	p := listen(t)
	total := count(300, 10_000)
	d := dice{rand.New(rand.NewPCG(20, uint64(testenv.Systemd(t))))}
	for done := 0; done < total; {
		t.Run(fmt.Sprint("from ", done), func(t *testing.T) {
			batch := make([]unit.Unit, 0, 100)
			for range min(100, total-done) {
				batch = append(batch, renamed(d.Unit(), done))
				done++
			}
			p.compare(t, batch)
		})
	}
}

// compare loads units and holds what systemd says of them against what they ask.
func (p *pid1) compare(t *testing.T, batch []unit.Unit) {
	t.Helper()
	names, texts := make([]string, len(batch)), make([]string, len(batch))
	for i, u := range batch {
		name, text := place(t, u)
		names[i], texts[i] = name, string(text)
	}
	p.reload(t)
	all := p.loadedAll(t, names)
	lines := p.logged(t)
	for i, u := range batch {
		got := all[i]
		for _, l := range unhappy(lines, strings.TrimSuffix(u.UnitName(), kindOfName(u.UnitName()))) {
			t.Errorf("%s\n%s", l, texts[i])
		}
		if got["LoadState"] != "loaded" {
			t.Errorf("%s is %v: %v\n%s\n%s", names[i], got["LoadState"], got["LoadError"], strings.Join(lines, "\n"), texts[i])
			continue
		}
		for _, diff := range askedOf(u, testenv.Systemd(t)).differences(got) {
			t.Errorf("%s: %s\n%s", names[i], diff, texts[i])
		}
	}
}

func kindOfName(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// differences compares properties, in an order.
func (a asked) differences(got map[string]any) (list []string) {
	for property, want := range a.values {
		have, ok := got[property]
		if !ok {
			if property != "LoadCredential" && property != "FixedRandomDelay" { // newer than some systemd
				list = append(list, property+" is not reported")
			}
			continue
		}
		if !same(property, want, have) {
			list = append(list, fmt.Sprintf("%s is %s, wanted %s", property, shown(have), shown(want)))
		}
	}
	for property, want := range a.holds {
		have, _ := got[property].([]string)
		for _, u := range want {
			if !slices.Contains(have, u) {
				list = append(list, fmt.Sprintf("%s lacks %s, it is %v", property, u, have))
			}
		}
	}
	slices.Sort(list)
	return list
}

// same compares a value; of rows, as many columns as are wanted, in any order
// where systemd has one of its own.
func same(property string, want, have any) bool {
	rows, ok := want.([][]any)
	if !ok {
		if list, ok := want.([]string); ok && (property == "Environment" || strings.HasSuffix(property, "Directory")) {
			got, _ := have.([]string)
			return slices.Equal(slices.Sorted(slices.Values(list)), slices.Sorted(slices.Values(got)))
		}
		return reflect.DeepEqual(want, have)
	}
	got, _ := have.([][]any)
	if len(rows) != len(got) || property == "TimersCalendar" { // systemd has its own way to write them
		return len(rows) == len(got)
	}
	trimmed := make([][]any, len(got))
	for i, row := range got {
		trimmed[i] = row[:min(len(row), len(rows[i]))]
	}
	if property == "TimersMonotonic" || property == "Paths" || property == "LoadCredential" || property == "Conditions" || property == "Asserts" {
		order := func(a, b []any) int { return cmp.Compare(fmt.Sprint(a...), fmt.Sprint(b...)) }
		slices.SortFunc(trimmed, order)
		rows = slices.Clone(rows)
		slices.SortFunc(rows, order)
	}
	return reflect.DeepEqual(rows, trimmed)
}

// TestHostileTextsLoad: what Render lets through of the texts that are put into
// every field is what systemd then has. A tenth of them, which the releases share;
// all in the long form.
func TestHostileTextsLoad(t *testing.T) {
	p := listen(t)
	var batch []unit.Unit
	n := 10 * map[string]int{"bullseye": 0, "bookworm": 1, "trixie": 2}[testenv.Suite(t)]
	for _, u := range fullUnits() {
		if _, ok := u.(unit.DropIn); ok {
			continue
		}
		for _, text := range hostile {
			poisoned(u, text, func(path string, bad unit.Unit) {
				if path == "Name" || strings.HasPrefix(path, "Extra") || strings.HasPrefix(path, "Limits") || path == "Where" {
					return
				}
				if _, err := unit.Render(bad); err != nil {
					return
				}
				if n++; n%count(30, 1) == 0 {
					batch = append(batch, renamed(bad, 100_000+n))
				}
			})
		}
	}
	for chunk := range slices.Chunk(batch, 100) {
		p.compare(t, chunk)
	}
	if len(batch) < 20 {
		t.Errorf("only %d units", len(batch))
	}
}
