package layout

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/atomicfile"
)

// items checks the whole tree without looking at any file, and gives its
// entries in the order in which they are made.
func (t Tree) items() ([]item, error) {
	items := make([]item, len(t.Entries))
	errs := append([]error{t.check()}, inParts(parts(len(items)), len(items), func(_, from, to int) error {
		var errs []error
		var store copies
		for i, e := range t.Entries[from:to] {
			i += from
			if err := checkEntry(e); err != nil {
				p := fmt.Sprintf("entry %d", i+1)
				if e != nil && e.path() != "" {
					p = e.path()
				}
				errs = append(errs, &EntryError{p, err})
				continue
			}
			items[i].set(e, &store)
		}
		return errors.Join(errs...)
	})...)
	if errors.Join(errs...) != nil {
		items = slices.DeleteFunc(items, func(it item) bool { return it.path == "" })
	}
	order(items)
	errs = append(errs, contradictions(items)...)
	return items, errors.Join(errs...)
}

func (t Tree) check() error {
	switch t.Owners {
	case AutoOwners, ApplyOwners, RecordOwners:
	default:
		return fmt.Errorf("layout: Owners is %q; want AutoOwners, ApplyOwners or RecordOwners", t.Owners)
	}
	if strings.Trim(t.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" || len(t.Name) > 200 {
		return fmt.Errorf("layout: the tree's name %q becomes part of a file name; use letters, digits, dots, dashes and underscores", t.Name)
	}
	return nil
}

func checkEntry(e Entry) error {
	if e == nil {
		return errors.New("it is nil")
	}
	if bad, ok := e.(badName); ok {
		return bad.check()
	}
	if err := checkPath(e.path()); err != nil {
		return err
	}
	switch e := e.(type) {
	case Dir:
		return checkDir(e)
	case File:
		return checkFile(e)
	case Symlink:
		return checkLink(e)
	case Absent:
		return nil
	}
	return fmt.Errorf("a %T is no entry; use a value of Dir, File, Symlink or Absent", e)
}

// checkPath refuses what is not exactly one name of exactly one place.
func checkPath(p string) error {
	switch {
	case p == "":
		return errors.New("it has no Path")
	case strings.ContainsRune(p, 0):
		return errors.New("the path has a NUL byte")
	case p[0] != '/':
		return fmt.Errorf("the path is relative; write /%s", printable(path.Clean(p)))
	case p == "/":
		return errors.New("the root itself is no entry; name what is in it")
	case len(p) > 4095:
		return fmt.Errorf("the path has %d bytes; 4095 is the most", len(p))
	}
	start := 1
	for i := 1; i <= len(p); i++ {
		if i < len(p) && p[i] != '/' {
			continue
		}
		switch part := p[start:i]; {
		case part == "", part == ".", part == "..":
			return fmt.Errorf("the path has %q for a part; write %s", part, printable(path.Clean(p)))
		case len(part) > 255:
			return fmt.Errorf("%q has %d bytes; a name has 255 at most", part, len(part))
		case atomicfile.IsTemporary(part):
			return fmt.Errorf("%q is how temporary files are called; choose another name", part)
		}
		start = i + 1
	}
	return nil
}

func checkDir(e Dir) error {
	if e.Mode != 0 {
		if err := e.Mode.check(); err != nil {
			return err
		}
	}
	for _, pattern := range e.Purge {
		name := strings.TrimSuffix(pattern, "/")
		if _, err := path.Match(name, ""); err != nil || name == "" || strings.Contains(name, "/") {
			return fmt.Errorf("purge pattern %q is no pattern for a single name, as path.Match takes them", pattern)
		}
	}
	for _, g := range e.Grants {
		if g.Rights&6 != 0 && g.Rights&1 == 0 {
			return fmt.Errorf("it lets %s read or write a directory that they can't enter; add 1 to the rights", g.who())
		}
	}
	if err := errors.Join(checkGrants(e.Grants), checkGrants(e.Inherited), checkAttributes(e.Attributes)); err != nil {
		return err
	}
	if e.Attributes[capability] != "" {
		return errors.New("a directory has no capabilities; drop the attribute " + capability)
	}
	return checkOwner(e.Owner, e.Group)
}

func checkFile(e File) error {
	if e.Content != nil && e.Source != nil {
		return errors.New("it has both Content and a Source; set one")
	}
	if b, err := hex.DecodeString(e.SHA256); err != nil || len(b) != 32 && len(b) != 0 {
		return fmt.Errorf("SHA256 %q is not 64 hex digits", e.SHA256)
	}
	if e.SHA256 != "" && e.CreateOnly {
		return errors.New("it has both SHA256 and CreateOnly, which contradict each other; set one")
	}
	if err := errors.Join(checkGrants(e.Grants), checkAttributes(e.Attributes)); err != nil {
		return err
	}
	_, capable := e.Attributes[capability]
	if capable && !e.Privileged {
		return fmt.Errorf("the attribute %s gives what runs the file rights of root's; if that is meant, set Privileged as well", capability)
	}
	if e.Mode != 0 || e.Privileged && !capable {
		if err := e.Mode.check(e.Privileged, capable); err != nil {
			return err
		}
	}
	if e.Secret && e.Mode&0o007 != 0 {
		return fmt.Errorf("it is a secret, and mode %04o lets everybody in; use %04o", uint32(e.Mode), uint32(e.Mode&^0o007))
	}
	return checkOwner(e.Owner, e.Group)
}

func checkLink(e Symlink) error {
	if e.Target == "" || strings.ContainsRune(e.Target, 0) || len(e.Target) > 4095 {
		return fmt.Errorf("the link's target %q is empty, longer than 4095 bytes or has a NUL byte", e.Target)
	}
	return nil
}

func checkOwner(names ...string) error {
	for _, n := range names {
		if strings.ContainsAny(n, ":/ \t\n\x00,%\"'\\") || strings.HasPrefix(n, "-") || len(n) > 255 {
			return fmt.Errorf("%q is no name of a user or group", n)
		}
	}
	return nil
}

// contradictions looks for entries that can't all hold.
func contradictions(items []item) (errs []error) {
	var above []*item // the entries that the current one is inside of
	for i := range items {
		it := &items[i]
		if i > 0 && items[i-1].path == it.path {
			errs = append(errs, &EntryError{it.path, errors.New("two entries have this path; keep one")})
			continue
		}
		for len(above) > 0 && !inside(it.path, above[len(above)-1].path) {
			above = above[:len(above)-1]
		}
		if len(above) > 0 {
			switch up := above[len(above)-1]; {
			case up.absent != nil:
				errs = append(errs, &EntryError{it.path, fmt.Errorf("it is inside %s, which is to be absent", printable(up.path))})
			case up.dir == nil:
				errs = append(errs, &EntryError{it.path, fmt.Errorf("it is inside %s, which is to be a %s; name the place that is meant", printable(up.path), up.kind())})
			}
		}
		above = append(above, it)
	}
	return errs
}
