package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// Sweep reads the statistics of many cgroups, again and again. It keeps the
// names that it met and the memory that it read into, so that a sweep over
// groups that it knows takes no memory. It is not for several goroutines at once.
//
// The zero value is ready.
type Sweep struct {
	// Parts are what is read; zero: all of it but HugePagesPart, which few groups
	// have.
	Parts Part

	sampler sampler
	root    *swept
	round   uint64
	entries []byte
}

// swept is what a Sweep knows of a cgroup.
type swept struct {
	name     []byte // ended by a zero
	path     string
	children []*swept
	index    map[string]*swept
	round    uint64 // in which it was last seen
}

// Sample is one cgroup's statistics in a sweep.
type Sample struct {
	// Path is absolute.
	Path string
	// Stats are valid until the next sample: their pointers and slices are used
	// again. Clone keeps them.
	Stats Stats
}

// Clone gives statistics of one's own.
func (s Stats) Clone() Stats {
	s.Memory, s.CPU, s.Tasks, s.IO, s.HugePages = clone(s.Memory), clone(s.CPU), clone(s.Tasks), slices.Clone(s.IO), slices.Clone(s.HugePages)
	return s
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// Below gives the cgroup at path and every one below it, each before those below
// it, siblings sorted by name. Groups that come or go meanwhile are there or not;
// neither is an error. An error that comes with a path is that group's alone.
func (s *Sweep) Below(path string) iter.Seq2[Sample, error] {
	return func(yield func(Sample, error) bool) {
		tree, rel, err := at(path)
		if err != nil {
			yield(Sample{}, err)
			return
		}
		defer tree.Close()
		d, err := tree.Dir(rel)
		if err != nil {
			yield(Sample{}, fmt.Errorf("cgroupv2: %w", err))
			return
		}
		defer d.Close()
		if host := cgfs.Host(rel); s.root == nil || s.root.path != host {
			s.root = &swept{path: host}
		}
		s.round++
		s.group(tree, d, s.root, yield)
	}
}

func (s *Sweep) group(tree *cgfs.Tree, d cgfs.Dir, g *swept, yield func(Sample, error) bool) bool {
	parts := s.Parts
	if parts == 0 {
		parts = AllParts &^ HugePagesPart
	}
	err := s.sampler.sample(d, parts)
	switch {
	case errors.Is(err, errGone):
		return true
	case err != nil:
		if !yield(Sample{Path: g.path}, fmt.Errorf("cgroupv2: %s: %w", g.path, err)) {
			return false
		}
	case !yield(Sample{g.path, s.sampler.stats}, nil):
		return false
	}
	if err := s.list(d, g); err != nil {
		return errors.Is(err, fs.ErrNotExist) || yield(Sample{Path: g.path}, fmt.Errorf("cgroupv2: %s: %w", g.path, err))
	}
	for _, c := range g.children {
		below, err := d.Below(c.name, tree)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			if !yield(Sample{Path: c.path}, fmt.Errorf("cgroupv2: %s: %w", c.path, err)) {
				return false
			}
			continue
		}
		more := s.group(tree, below, c, yield)
		_ = below.Close() // of a directory that was only read
		if !more {
			return false
		}
	}
	return true
}

// list brings what is known of a group's children up to date.
func (s *Sweep) list(d cgfs.Dir, g *swept) (err error) {
	if s.entries = s.entries[:0]; !d.Leaf() {
		if s.entries, err = d.Entries(s.entries); err != nil {
			return err
		}
	}
	seen, added := 0, false
	for name, rest := cgfs.Next(s.entries); name != nil; name, rest = cgfs.Next(rest) {
		c := g.index[string(name)]
		if c == nil {
			c = &swept{name: slices.Clone(name), path: g.path + "/" + string(name[:len(name)-1])}
			if g.index == nil {
				g.index = map[string]*swept{}
			}
			g.index[string(name)] = c
			g.children = append(g.children, c)
			added = true
		}
		c.round = s.round
		seen++
	}
	if seen < len(g.children) {
		g.children = slices.DeleteFunc(g.children, func(c *swept) bool {
			if c.round != s.round {
				delete(g.index, string(c.name))
			}
			return c.round != s.round
		})
	}
	if added {
		slices.SortFunc(g.children, func(a, b *swept) int { return strings.Compare(a.path, b.path) })
	}
	return nil
}
