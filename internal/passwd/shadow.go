package passwd

import (
	"slices"
	"strconv"
	"strings"
)

// Shadow is an entry of shadow(5): the password, and what is said of its age,
// which is kept as it is.
type Shadow struct {
	Name     string
	Password Secret
	aging    string // the other seven fields with their colons
}

func parseShadow(line string) (Shadow, bool) {
	if _, ok := fields(line); !ok {
		return Shadow{}, false
	}
	f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
	if len(f) < 3 || f[0] == "" {
		return Shadow{}, false
	}
	return Shadow{f[0], Secret(f[1]), f[2]}, true
}

func (s Shadow) line() string {
	if s.aging == "" {
		// No date of the last change: it would differ with every build of an
		// image, and without one a password does not age.
		s.aging = "::::::"
	}
	return s.Name + ":" + string(s.Password) + ":" + s.aging
}

// Shadow finds an entry of the shadow file.
func (t *Table) Shadow(name string) (Shadow, bool) {
	_, s, ok := find(t, parseShadow, func(s Shadow) bool { return s.Name == name })
	return s, ok
}

// SetShadow replaces the entry of this name, or adds it.
func (t *Table) SetShadow(s Shadow) {
	old, _, _ := find(t, parseShadow, func(o Shadow) bool { return o.Name == s.Name })
	t.set(old, s.line())
}

// GroupShadow is an entry of gshadow(5).
type GroupShadow struct {
	Name            string
	Password        Secret
	Admins, Members []string
}

func parseGroupShadow(line string) (GroupShadow, bool) {
	f, ok := fields(line)
	if !ok || len(f) != 4 || f[0] == "" {
		return GroupShadow{}, false
	}
	return GroupShadow{f[0], Secret(f[1]), list(f[2]), list(f[3])}, true
}

func (g GroupShadow) line() string {
	return strings.Join([]string{g.Name, string(g.Password), strings.Join(g.Admins, ","), strings.Join(g.Members, ",")}, ":")
}

// GroupShadow finds an entry of the gshadow file.
func (t *Table) GroupShadow(name string) (GroupShadow, bool) {
	_, g, ok := find(t, parseGroupShadow, func(g GroupShadow) bool { return g.Name == name })
	return g, ok
}

// SetGroupShadow replaces the entry of this name, or adds it.
func (t *Table) SetGroupShadow(g GroupShadow) {
	old, _, _ := find(t, parseGroupShadow, func(o GroupShadow) bool { return o.Name == g.Name })
	t.set(old, g.line())
}

// Range is an entry of subuid(5) or subgid(5): ids that a user may map.
type Range struct {
	Name         string
	Start, Count uint32
}

// End is the first id behind the range.
func (r Range) End() uint64 { return uint64(r.Start) + uint64(r.Count) }

func parseRange(line string) (Range, bool) {
	f, ok := fields(line)
	if !ok || len(f) != 3 || f[0] == "" {
		return Range{}, false
	}
	start, startErr := strconv.ParseUint(f[1], 10, 32)
	count, countErr := strconv.ParseUint(f[2], 10, 32)
	return Range{f[0], uint32(start), uint32(count)}, startErr == nil && countErr == nil
}

// Ranges gives the entries in their order.
func (t *Table) Ranges() []Range { return slices.Collect(entries(t, parseRange)) }

// AddRange adds an entry; a user may have several.
func (t *Table) AddRange(r Range) {
	t.set("", strings.Join([]string{r.Name, decimal(r.Start), decimal(r.Count)}, ":"))
}
