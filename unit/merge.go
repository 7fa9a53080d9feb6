package unit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Merge puts a unit and its drop-ins together in the order in which systemd
// reads them: the unit's own file, then the drop-ins by the names of their
// files. The result is for reading: Get, All, Lint, Score and Decode see the
// whole unit, and each Entry says which File it is from. Its Bytes are the
// files' one after the other.
func Merge(main *File, dropIns ...*File) *File {
	files := slices.Clone(dropIns)
	slices.SortStableFunc(files, func(a, b *File) int { return cmp.Compare(path.Base(a.Name), path.Base(b.Name)) })
	m := &File{Name: main.Name}
	for _, f := range append([]*File{main}, files...) {
		m.parts = append(m.parts, f.Name)
		offset := len(m.text)
		m.text += f.text + f.ending()
		for _, e := range f.entries {
			e.File, e.start, e.end = f.Name, e.start+offset, e.end+offset
			m.entries = append(m.entries, e)
		}
		for _, h := range f.heads {
			h.file, h.end = f.Name, h.end+offset
			m.heads = append(m.heads, h)
		}
	}
	return m
}

// SearchPath is where systemd looks for units of the system, first what wins
// (systemd.unit(5)).
var SearchPath = []string{
	"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient", "/etc/systemd/system", "/run/systemd/system",
	"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
}

// DropInDirs are the names of the directories whose drop-ins count for a unit,
// first what wins: of "app-web@one.service", "app-web@one.service.d",
// "app-web@.service.d", "app-.service.d" and "service.d".
func DropInDirs(name string) (dirs []string) {
	base, kind, ok := cutLast(name, ".")
	if !ok {
		return nil
	}
	add := func(base string) {
		dirs = append(dirs, base+"."+kind+".d")
		prefix, _, _ := strings.Cut(base, "@")
		for {
			i := strings.LastIndexByte(strings.TrimSuffix(prefix, "-"), '-')
			if i < 0 {
				return
			}
			prefix = prefix[:i+1]
			if d := prefix + "." + kind + ".d"; !slices.Contains(dirs, d) {
				dirs = append(dirs, d)
			}
		}
	}
	if template, _, ok := Template(name); ok {
		dirs = append(dirs, name+".d")
		add(strings.TrimSuffix(template, "."+kind))
	} else {
		add(base)
	}
	return append(dirs, kind+".d")
}

// Load reads a unit with its drop-ins from a tree, such as os.DirFS("/"), along
// a search path; nil is SearchPath. Of an instance the template counts where it
// has no file of its own. An empty drop-in hides those of its name further down.
// What a file says wrongly is an error, as of Parse, and the unit comes with it.
func Load(tree fs.FS, search []string, name string) (*File, error) {
	if search == nil {
		search = SearchPath
	}
	main, err := find(tree, search, name)
	if errors.Is(err, fs.ErrNotExist) {
		if template, _, ok := Template(name); ok {
			main, err = find(tree, search, template)
		}
	}
	if main == nil {
		return nil, err
	}
	dropIns, err2 := findDropIns(tree, search, name)
	return Merge(main, dropIns...), errors.Join(err, err2)
}

func find(tree fs.FS, search []string, name string) (*File, error) {
	for _, dir := range search {
		file := path.Join(dir, name)
		text, err := fs.ReadFile(tree, strings.TrimPrefix(file, "/"))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, fmt.Errorf("unit: %w", err)
		}
		return Parse(file, bytes.NewReader(text))
	}
	return nil, fmt.Errorf("unit: %s is in none of %s: %w", name, strings.Join(search, ", "), fs.ErrNotExist)
}

// findDropIns reads a unit's drop-ins. For each name of a file the first counts:
// of the directories of the unit's name, then of its type.
func findDropIns(tree fs.FS, search []string, name string) (files []*File, err error) {
	dirs := DropInDirs(name)
	var places []string
	for _, list := range [][]string{dirs[:len(dirs)-1], dirs[len(dirs)-1:]} {
		for _, base := range search {
			for _, d := range list {
				places = append(places, path.Join(base, d))
			}
		}
	}
	seen := map[string]bool{}
	for _, place := range places {
		entries, e := fs.ReadDir(tree, strings.TrimPrefix(place, "/"))
		if e != nil {
			if !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, fmt.Errorf("unit: %w", e))
			}
			continue
		}
		for _, x := range entries {
			if x.IsDir() || seen[x.Name()] || !strings.HasSuffix(x.Name(), ".conf") {
				continue
			}
			seen[x.Name()] = true
			file := path.Join(place, x.Name())
			text, e := fs.ReadFile(tree, strings.TrimPrefix(file, "/"))
			if e != nil {
				err = errors.Join(err, fmt.Errorf("unit: %w", e))
				continue
			}
			f, e := Parse(file, bytes.NewReader(text))
			if err = errors.Join(err, e); f != nil && len(text) > 0 {
				files = append(files, f)
			}
		}
	}
	return files, err
}
