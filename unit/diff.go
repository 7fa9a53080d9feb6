package unit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Diff is how a file of a Set differs from what is wanted.
type Diff struct {
	// Path is the file's, as seen inside the Root.
	Path string
	// Lines are those of both texts, in order, each behind "-" (to go), "+" (to
	// come) or " " (to stay).
	Lines []string
}

// String is the path and the lines, one below the other.
func (d Diff) String() string { return d.Path + "\n" + strings.Join(d.Lines, "\n") + "\n" }

// Diff shows what Ensure would change in the files, for people who want more than
// Plan's one line. Unlike Plan it shows values of the environment.
func (s Set) Diff(ctx context.Context) (diffs []Diff, err error) {
	p, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	for _, w := range p.wanted {
		old, err := p.root.ReadFile(w.path)
		if err != nil && !missing(err) {
			return nil, fmt.Errorf("unit: %w", err)
		}
		if !bytes.Equal(old, w.data) {
			diffs = append(diffs, Diff{w.path, compareLines(textLines(old), textLines(w.data))})
		}
	}
	return diffs, nil
}

func textLines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// compareLines finds the longest common subsequence. Unit files are short: what
// is the same at both ends is set aside, and the rest is a small table.
func compareLines(a, b []string) (out []string) {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	keep := func(lines []string, mark string) {
		for _, l := range lines {
			out = append(out, mark+l)
		}
	}
	keep(a[:head], " ")
	x, y := a[head:len(a)-tail], b[head:len(b)-tail]
	table := make([][]int, len(x)+1)
	for i := range table {
		table[i] = make([]int, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(x) && j < len(y) {
		switch {
		case x[i] == y[j]:
			keep(x[i:i+1], " ")
			i, j = i+1, j+1
		case table[i+1][j] >= table[i][j+1]:
			keep(x[i:i+1], "-")
			i++
		default:
			keep(y[j:j+1], "+")
			j++
		}
	}
	keep(x[i:], "-")
	keep(y[j:], "+")
	keep(a[len(a)-tail:], " ")
	return out
}

// private are directives whose values may be secret, whatever their
// documentation says; a Change names them only.
var private = []string{"Environment", "SetCredential", "SetCredentialEncrypted"}

// difference is one line about two texts of a unit: which directives changed.
func difference(name string, old, wanted []byte) string {
	a, b := assignments(name, old), assignments(name, wanted)
	var parts []string
	for _, key := range slices.Concat(a.order, b.order) {
		from, was := a.values[key]
		to, is := b.values[key]
		delete(a.values, key) // each once
		delete(b.values, key)
		if slices.Equal(from, to) {
			continue
		}
		_, directive, _ := strings.Cut(key, ".")
		switch {
		case slices.Contains(private, directive):
			parts = append(parts, directive+" changed")
		case !was:
			parts = append(parts, directive+"="+short(to))
		case !is:
			parts = append(parts, "no "+directive+" (was "+short(from)+")")
		default:
			parts = append(parts, directive+": "+short(from)+" → "+short(to))
		}
	}
	const most = 4
	switch {
	case len(parts) == 0:
		return "comments and spacing"
	case len(parts) > most:
		parts = append(parts[:most], fmt.Sprintf("%d more", len(parts)-most))
	}
	return strings.Join(parts, "; ")
}

type assigned struct {
	order  []string
	values map[string][]string
}

func assignments(name string, text []byte) assigned {
	a := assigned{values: map[string][]string{}}
	for _, e := range lenient(name, text).entries {
		key := e.Section + "." + e.Key
		if _, known := a.values[key]; !known {
			a.order = append(a.order, key)
		}
		a.values[key] = append(a.values[key], e.Value)
	}
	return a
}

// short is a value that fits in a line beside others.
func short(values []string) string {
	s := strings.Join(values, ", ")
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}
