package passwd

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// Group is an entry of group(5).
type Group struct {
	Name     string
	Password Secret
	GID      uint32
	Members  []string // those for whom it is a supplementary group
}

func parseGroup(line string) (Group, bool) {
	f, ok := fields(line)
	if !ok || len(f) < 3 || len(f) > 4 || f[0] == "" {
		return Group{}, false
	}
	gid, err := strconv.ParseUint(f[2], 10, 32)
	if err != nil {
		return Group{}, false
	}
	g := Group{Name: f[0], Password: Secret(f[1]), GID: uint32(gid)}
	if len(f) == 4 {
		g.Members = list(f[3])
	}
	return g, true
}

func (g Group) line() string {
	return strings.Join([]string{g.Name, string(g.Password), decimal(g.GID), strings.Join(g.Members, ",")}, ":")
}

// Groups gives the entries in their order.
func (t *Table) Groups() iter.Seq[Group] { return entries(t, parseGroup) }

// Group finds an entry; where a name is there twice, the first counts.
func (t *Table) Group(name string) (Group, bool) {
	_, g, ok := find(t, parseGroup, func(g Group) bool { return g.Name == name })
	return g, ok
}

// GroupID finds the first entry with an id.
func (t *Table) GroupID(gid uint32) (Group, bool) {
	_, g, ok := find(t, parseGroup, func(g Group) bool { return g.GID == gid })
	return g, ok
}

// SetGroup replaces the entry of this name, or adds it.
func (t *Table) SetGroup(g Group) {
	old, _, _ := find(t, parseGroup, func(o Group) bool { return o.Name == g.Name })
	t.set(old, g.line())
}

// LookupGroup finds a group in a root's files.
func LookupGroup(root *rootfs.Root, name string) (Group, bool, error) {
	t, err := Read(root, GroupFile)
	if err != nil {
		return Group{}, false, err
	}
	g, ok := t.Group(name)
	return g, ok, nil
}

// LookupGroupID finds a group by id in a root's files.
func LookupGroupID(root *rootfs.Root, gid uint32) (Group, bool, error) {
	t, err := Read(root, GroupFile)
	if err != nil {
		return Group{}, false, err
	}
	g, ok := t.GroupID(gid)
	return g, ok, nil
}

// list splits names at commas. glibc skips blanks and empty names in it.
func list(s string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }), func(s string) bool { return s == "" })
}
