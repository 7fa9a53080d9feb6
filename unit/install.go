package unit

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bedplate/bedplate"
)

// link is a symlink as it should be.
type link struct{ path, to string }

// dependencies by what the directory of their links is called (systemd.unit(5), "[Install] Section Options").
var dependencies = map[string]string{"WantedBy": "wants", "RequiredBy": "requires", "UpheldBy": "upholds"}

// links are those that enabling all units of the Set makes.
func (p *preparation) links() ([]link, error) {
	e := &enabling{p: p, seen: map[string]bool{}}
	for _, name := range p.set.names() {
		if slices.Contains(p.set.Disabled, name) {
			continue
		}
		if err := e.enable(name, false); err != nil {
			return nil, err
		}
	}
	return e.links, nil
}

type enabling struct {
	p     *preparation
	seen  map[string]bool
	links []link
}

// enable follows the [Install] section of one unit, and of those that it names
// with Also=.
func (e *enabling) enable(name string, also bool) error {
	if e.seen[name] {
		return nil
	}
	e.seen[name] = true
	f, at, err := e.p.source(name)
	if err != nil {
		return err
	}
	as := name
	if isTemplate(name) {
		of, ok := f.Get("Install", "DefaultInstance")
		if !ok || of == "" {
			return nil // its instances are enabled, by name
		}
		as = strings.Replace(name, "@.", "@"+of+".", 1)
	}
	for _, key := range []string{"WantedBy", "RequiredBy", "UpheldBy"} {
		names, err := installed(f, as, key)
		if err != nil {
			return err
		}
		for _, by := range names {
			e.links = append(e.links, link{path.Join(e.p.dir, by+"."+dependencies[key], as), at})
		}
	}
	aliases, err := installed(f, as, "Alias")
	if err != nil {
		return err
	}
	for _, a := range aliases {
		if kindOf(a) != kindOf(name) {
			return fmt.Errorf("unit: Alias=%s of %s is of another kind", a, name)
		}
		e.links = append(e.links, link{path.Join(e.p.dir, a), at})
	}
	others, err := installed(f, as, "Also")
	if err != nil {
		return err
	}
	for _, o := range others {
		if err := e.enable(o, true); err != nil {
			return err
		}
	}
	return nil
}

// source is a unit's file, from the Set or from the machine, and its path.
func (p *preparation) source(name string) (*File, string, error) {
	file := name
	if template, _ := instance(name); template != "" && p.units[name] == nil {
		file = template
	}
	if f := p.units[file]; f != nil {
		return f, path.Join(p.dir, file), nil
	}
	at, err := p.find(file)
	if err != nil {
		return nil, "", err
	}
	if at == "" {
		return nil, "", &MissingError{name, file}
	}
	text, err := p.root.ReadFile(at)
	if err != nil {
		return nil, "", fmt.Errorf("unit: %w", err)
	}
	return lenient(file, text), at, nil
}

// installed are the names that a directive of [Install] has, specifiers expanded.
func installed(f *File, as, key string) (names []string, err error) {
	for _, v := range f.All("Install", key) {
		words, ok := split(v)
		if !ok {
			return nil, fmt.Errorf("unit: %s: [Install] %s=%s: the quotes are not closed", f.Name, key, v)
		}
		for _, w := range words {
			n, err := expand(w, as)
			if err == nil {
				err = checkName("[Install] "+key, n)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names, nil
}

// expand replaces the specifiers that name the unit itself.
func expand(s, name string) (string, error) {
	base, _, _ := cutLast(name, ".")
	prefix, of, _ := strings.Cut(base, "@")
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case '%':
			b.WriteByte('%')
		case 'i':
			b.WriteString(of)
		case 'n':
			b.WriteString(name)
		case 'N':
			b.WriteString(base)
		case 'p':
			b.WriteString(prefix)
		default:
			return "", fmt.Errorf("unit: %q: the specifier %%%c is not expanded here; write out what it stands for", s, s[i])
		}
	}
	return b.String(), nil
}

// link compares the links of the Set's units with those that there are.
func (p *preparation) link(wanted []link) error {
	if !p.set.Enable {
		return nil
	}
	for _, l := range wanted {
		if err := p.point(l); err != nil {
			return err
		}
	}
	for _, name := range p.set.names() {
		if err := p.unlink(name, wanted); err != nil {
			return err
		}
	}
	return nil
}

// point makes one link, if it is not there.
func (p *preparation) point(l link) error {
	info, err := p.root.Lstat(l.path)
	op, detail := bedplate.OpCreate, "→ "+l.to
	switch {
	case missing(err):
		if err := p.directoriesOf(l.path); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("unit: %w", err)
	case info.Mode&fs.ModeSymlink == 0:
		return p.occupied(l.path, info, "")
	default:
		to, err := p.root.Readlink(l.path)
		if err != nil {
			return fmt.Errorf("unit: %w", err)
		}
		if to == l.to || p.same(l.path, l.to) {
			return nil
		}
		op, detail = bedplate.OpUpdate, to+" → "+l.to
	}
	p.add(op, "symlink", l.path, detail, func() error {
		_, err := p.root.Symlink(l.to, l.path)
		return err
	})
	return nil
}

// same says whether a link leads to the file all the same: by way of /lib
// instead of /usr/lib, or relative.
func (p *preparation) same(at, to string) bool {
	a, errA := p.root.Stat(at)
	b, errB := p.root.Stat(to)
	return errA == nil && errB == nil && a.Same(b)
}

// unlink removes links to a unit that are not wanted: dependencies of others on
// it, and its other names.
func (p *preparation) unlink(name string, wanted []link) error {
	entries, err := p.root.ReadDir(p.dir)
	if missing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("unit: %w", err)
	}
	for _, e := range entries {
		at := path.Join(p.dir, e.Name())
		switch {
		case e.IsDir() && dependencyDir(e.Name()):
			err = p.unlinkOne(path.Join(at, name), "", wanted)
		case e.Type()&fs.ModeSymlink != 0 && e.Name() != name:
			err = p.unlinkOne(at, path.Join(p.dir, name), wanted)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func dependencyDir(name string) bool {
	for _, suffix := range dependencies {
		if strings.HasSuffix(name, "."+suffix) {
			return true
		}
	}
	return false
}

// unlinkOne removes a link unless it is wanted; with only, just one to that file.
func (p *preparation) unlinkOne(at, only string, wanted []link) error {
	if slices.ContainsFunc(wanted, func(l link) bool { return l.path == at }) {
		return nil
	}
	info, err := p.root.Lstat(at)
	if missing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("unit: %w", err)
	}
	if info.Mode&fs.ModeSymlink == 0 {
		return nil
	}
	to, err := p.root.Readlink(at)
	if err != nil {
		return fmt.Errorf("unit: %w", err)
	}
	if only != "" && to != only {
		return nil
	}
	if p.removed[at] {
		return nil
	}
	p.removed[at] = true
	p.add(bedplate.OpDelete, "symlink", at, "→ "+to, func() error {
		if err := p.root.Remove(at); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	return nil
}
