package layout

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate/internal/tmpfiles"
)

// Tmpfiles gives the tree as a fragment of tmpfiles.d(5), which
// systemd-tmpfiles --create makes into the same tree on an empty machine.
// What only --remove removes is in it too. On a machine that has the tree
// already, each boot sets content, owners and modes again, but a symlink that
// exists is left as it is, and a file that the fragment itself makes does not
// get what its directory's Inherited would give it: say its Grants. A Secret, a Purge and content with a NUL byte can't
// be said in a file that everybody reads line by line; they are errors.
func (t Tree) Tmpfiles() ([]byte, error) {
	items, err := t.items()
	if err != nil {
		return nil, err
	}
	rec := record{owned: map[string]string{}}
	for i := range items {
		if items[i].dir != nil && items[i].owner != "root" {
			rec.owned[items[i].path] = items[i].owner
		}
	}
	var lines []tmpfiles.Line
	var errs []error
	for i := range items {
		it := &items[i]
		if err := rec.check(it); err != nil {
			errs = append(errs, &EntryError{it.path, err})
			continue
		}
		line, err := it.line()
		if err != nil {
			errs = append(errs, &EntryError{it.path, err})
			continue
		}
		more, err := it.extraLines()
		if err != nil {
			errs = append(errs, &EntryError{it.path, err})
		}
		lines = append(append(lines, line), more...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return tmpfiles.Render("See tmpfiles.d(5).", lines), nil
}

// line makes the entry, where a record's line only adjusts it.
func (it *item) line() (l tmpfiles.Line, err error) {
	switch {
	case it.dir != nil:
		if len(it.dir.Purge) > 0 {
			return l, errors.New("tmpfiles.d(5) has no way to say Purge; leave it to Ensure")
		}
		l.Type = "d"
	case it.file != nil:
		l.Type = "f+"
		if it.file.CreateOnly {
			l.Type = "f"
		}
		if l.Argument, err = it.file.argument(); err != nil {
			return l, err
		}
	case it.link != nil:
		return tmpfiles.Line{Type: "L", Path: tmpfiles.Literal("L", it.path), Argument: strings.ReplaceAll(it.link.Target, "%", "%%")}, nil
	default:
		t := "r"
		if it.absent.Recursive {
			t = "R"
		}
		return tmpfiles.Line{Type: t, Path: tmpfiles.Literal(t, it.path)}, nil
	}
	l.Path = tmpfiles.Literal(l.Type, it.path)
	l.Mode, l.User, l.Group = octal(it.shown()), it.owner, it.group
	return l, nil
}

func (f *File) argument() (string, error) {
	if f.Secret {
		return "", errors.New("it is a secret, and everybody may read tmpfiles.d; leave it to Ensure")
	}
	src, _, err := open(f)
	if err != nil {
		return "", err
	}
	defer src.Close()
	b, err := io.ReadAll(pinned(f, src))
	if err != nil {
		return "", err
	}
	return tmpfiles.Escape(string(b))
}

// ParseTmpfiles reads a fragment of tmpfiles.d(5) as entries: lines of the types
// d, f, f+, L, r and R, and of the types a and t for what those make. What an
// entry can't say is an error: other types, which adjust, clean or copy,
// specifiers, patterns and ages.
func ParseTmpfiles(b []byte) ([]Entry, error) {
	lines, err := tmpfiles.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("layout: %w", err)
	}
	var entries []Entry
	var errs []error
	more := map[string]*said{}
	for _, l := range lines {
		if l.Type == "a" || l.Type == "t" {
			if err := sayMore(more, l); err != nil {
				errs = append(errs, &EntryError{l.Path, err})
			}
			continue
		}
		e, err := entryOf(l)
		if err != nil {
			errs = append(errs, &EntryError{l.Path, err})
			continue
		}
		entries = append(entries, e)
	}
	for i, e := range entries {
		s, ok := more[e.path()]
		if !ok {
			continue
		}
		delete(more, e.path())
		if entries[i], err = s.extend(e); err != nil {
			errs = append(errs, &EntryError{e.path(), err})
		}
	}
	for _, p := range slices.Sorted(maps.Keys(more)) {
		errs = append(errs, &EntryError{p, errors.New("its rights or attributes are set, but no line makes it")})
	}
	return entries, errors.Join(errs...)
}

func sayMore(more map[string]*said, l tmpfiles.Line) error {
	p, err := l.Plain()
	if err != nil {
		return err
	}
	if more[p] == nil {
		more[p] = &said{}
	}
	return more[p].read(l)
}

func entryOf(l tmpfiles.Line) (Entry, error) {
	p, err := l.Plain()
	if err != nil {
		return nil, err
	}
	if l.Age != "" {
		return nil, fmt.Errorf("age %q: cleaning up is left to systemd-tmpfiles", l.Age)
	}
	mode, err := strconv.ParseUint(cmp.Or(l.Mode, "0"), 8, 16)
	if err != nil {
		return nil, fmt.Errorf("mode %q is not octal, or depends on what is there", l.Mode)
	}
	user, group := rootless(l.User), l.Group
	if user == "" && rootless(group) == "" || group == user {
		group = ""
	} else if group == "" {
		group = "root"
	}
	e, err := entry(l, p)
	if err != nil {
		return nil, err
	}
	switch e := e.(type) {
	case Dir:
		e.Mode, e.Owner, e.Group = DirMode(mode), user, group
		return e, checkEntry(e)
	case File:
		e.Mode, e.Owner, e.Group = FileMode(mode), user, group
		e.Privileged = mode&0o6000 != 0
		return e, checkEntry(e)
	}
	return e, checkEntry(e)
}

func rootless(name string) string {
	if name == "root" {
		return ""
	}
	return name
}

func entry(l tmpfiles.Line, p string) (Entry, error) {
	switch l.Type {
	case "d":
		return Dir{Path: p}, nil
	case "f", "f+":
		content, err := tmpfiles.Unescape(l.Argument)
		if err != nil {
			return nil, err
		}
		return File{Path: p, Content: []byte(content), CreateOnly: l.Type == "f"}, nil
	case "L":
		target := strings.ReplaceAll(l.Argument, "%%", "%")
		if strings.Contains(strings.ReplaceAll(l.Argument, "%%", ""), "%") {
			return nil, fmt.Errorf("target %q has a specifier; only the machine knows what it is", l.Argument)
		}
		return Symlink{Path: p, Target: target}, nil
	case "r", "R":
		return Absent{Path: p, Recursive: l.Type == "R"}, nil
	}
	return nil, fmt.Errorf("a line of type %s is no entry; d, f, f+, L, r, R, a and t are", l.Type)
}

// fragment is the content of a fragment with one directory.
type fragment struct{ Dir }

// Open renders the line.
func (f fragment) Open() (io.ReadSeekCloser, int64, error) {
	b, err := Tree{Entries: []Entry{f.Dir}}.Tmpfiles()
	return inline(b), int64(len(b)), err
}
