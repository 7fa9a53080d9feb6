package layout

import (
	"cmp"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// item is an entry as it is worked on: checked, with its defaults filled in.
type item struct {
	path  string
	above string // the directory that holds it
	base  string

	dir    *Dir
	file   *File
	link   *Symlink
	absent *Absent

	mode         fs.FileMode
	owner, group string
	uid, gid     int
	pending      string // the user or group that does not exist yet
	unowned      bool   // it is the owner or group
	extras       *extras

	early   bool // it is looked at before the record of owners
	differs bool // Plan found a change
}

func (it *item) kind() string {
	switch {
	case it.dir != nil:
		return "directory"
	case it.file != nil:
		return "file"
	case it.link != nil:
		return "symlink"
	}
	return ""
}

func (it *item) set(e Entry, store *copies) {
	switch e := e.(type) {
	case Dir:
		it.dir = keep(&store.dirs, e)
	case File:
		it.file = keep(&store.files, e)
	case Symlink:
		it.link = keep(&store.links, e)
	case Absent:
		it.absent = keep(&store.absents, e)
	}
	it.path = e.path()
	it.fill()
}

// copies are the entries that items point to, many in one piece of memory.
type copies struct {
	dirs    []Dir
	files   []File
	links   []Symlink
	absents []Absent
}

// keep puts a copy into a block; those before it stay where they are.
func keep[E any](block *[]E, e E) *E {
	if len(*block) == cap(*block) {
		*block = make([]E, 0, min(64, max(4, 4*cap(*block))))
	}
	*block = append(*block, e)
	return &(*block)[len(*block)-1]
}

func (it *item) fill() {
	it.above, it.base = split(it.path)
	it.owner, it.group = "root", "root"
	var owner, group string
	switch {
	case it.dir != nil:
		it.mode = unix(uint32(it.dir.Mode.or(0o755)))
		owner, group = it.dir.Owner, it.dir.Group
		it.extras = newExtras(it.dir.Grants, it.dir.Inherited, it.dir.Attributes)
	case it.file != nil:
		zero := FileMode(0o644)
		if it.file.Secret {
			zero = 0o600
		}
		it.mode = unix(uint32(it.file.Mode.or(zero)))
		owner, group = it.file.Owner, it.file.Group
		it.extras = newExtras(it.file.Grants, nil, it.file.Attributes)
	}
	it.owner = cmp.Or(named(owner), "root")
	it.group = cmp.Or(named(group), it.owner)
}

// named calls the user and the group 0 by their name: some rules are for all but
// root.
func named(owner string) string {
	if owner == "0" {
		return "root"
	}
	return owner
}

// split is path.Split for a clean absolute path, without the slash.
func split(p string) (above, base string) {
	switch i := strings.LastIndexByte(p, '/'); {
	case i < 0:
		return "", p
	case i == 0:
		return "/", p[1:]
	default:
		return p[:i], p[i+1:]
	}
}

// order puts what is in a directory right behind it.
func order(items []item) {
	byPath := func(a, b item) int { return comparePaths(a.path, b.path) }
	if !slices.IsSortedFunc(items, byPath) {
		slices.SortStableFunc(items, byPath)
	}
}

// comparePaths compares byte by byte, with the slash before all others.
func comparePaths(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] == b[i] {
			continue
		}
		switch {
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		}
		return cmp.Compare(a[i], b[i])
	}
	return cmp.Compare(len(a), len(b))
}

// inside says whether p is below dir.
func inside(p, dir string) bool {
	return dir == "/" && p != "/" || len(p) > len(dir) && p[len(dir)] == '/' && p[:len(dir)] == dir
}

// printable is the path as it may stand in one line.
func printable(p string) string {
	if q := strconv.Quote(p); q[1:len(q)-1] != p {
		return q
	}
	return p
}
