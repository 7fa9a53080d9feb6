package account

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate/account/internal/acl"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// What makes a path lead nowhere.
var errLoop, errNoDirectory error = syscall.ELOOP, syscall.ENOTDIR

// maxLinks is the kernel's own limit on the way to one file.
const maxLinks = 40

// trail goes from directory to directory as the kernel does, and notes what an
// identity could change on the way. It looks at one moment: it is no protection
// against what changes meanwhile.
type trail struct {
	root *rootfs.Root
	id   Identity
	dirs map[string]*stop // directories without a link in their names
}

// stop is a directory on the way.
type stop struct {
	node    node
	reached bool   // the identity can get to what is in it
	by      string // why it can change entries; "" if it can't
}

// end is where a path led.
type end struct {
	path  string // without links
	info  rootfs.Info
	found bool
	ways  []Way
}

func newTrail(root *rootfs.Root, id Identity) *trail {
	return &trail{root: root, id: id, dirs: map[string]*stop{}}
}

// node describes what a path is whose directories are known to be no links.
func (t *trail) node(name string) (node, error) {
	info, err := t.root.Lstat(name)
	return node{info, func() (acl.List, error) {
		dir, last, err := t.root.Parent(name)
		if name == "/" {
			last = "."
			dir, err = t.root.OpenDir("/")
		}
		if err != nil {
			return nil, err
		}
		defer dir.Close()
		return acl.At(dir, last)
	}}, err
}

// directory asks what the identity may do in one whose path has no links.
func (t *trail) directory(name string) (*stop, error) {
	if s := t.dirs[name]; s != nil {
		return s, nil
	}
	s := &stop{}
	within := true
	if name != "/" {
		parent, err := t.directory(path.Dir(name))
		if err != nil {
			return nil, err
		}
		within = parent.reached
	}
	var err error
	if s.node, err = t.node(name); err != nil {
		return nil, err
	}
	t.dirs[name] = s
	_, search, err := t.id.grants(s.node, maySearch)
	if err != nil {
		return nil, err
	}
	if s.reached = search && within; !s.reached {
		return s, nil
	}
	by, change, err := t.id.grants(s.node, mayWrite|maySearch)
	if change {
		s.by = by
	}
	return s, err
}

// follow goes from a directory to where a path leads. Parts that are missing end
// the way without an error.
func (t *trail) follow(from, target string) (e end, err error) {
	at, links := from, 0
	rest := strings.Split(target, "/")
	if path.IsAbs(target) {
		at = "/"
	}
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		dir, err := t.directory(at)
		if err != nil {
			return e, err
		}
		name := path.Join(at, part)
		n, err := t.node(name)
		missing := errors.Is(err, fs.ErrNotExist)
		if err != nil && !missing {
			return e, err
		}
		if dir.by != "" && (missing || !t.id.sticky(dir.node.Info, n.Info)) {
			e.add(Way{at, part, dir.by})
		}
		switch {
		case missing:
			e.path = path.Join(append([]string{name}, rest...)...)
			return e, nil
		case n.Mode&fs.ModeSymlink != 0:
			if links++; links > maxLinks {
				return e, &fs.PathError{Op: "follow", Path: t.root.Host(target), Err: errLoop}
			}
			to, err := t.root.Readlink(name)
			if err != nil {
				return e, err
			}
			if path.IsAbs(to) {
				at = "/"
			}
			rest = append(strings.Split(to, "/"), rest...)
		case n.Mode.IsDir():
			at = name
		case slices.ContainsFunc(rest, func(p string) bool { return p != "" }):
			return e, &fs.PathError{Op: "follow", Path: t.root.Host(name), Err: errNoDirectory}
		default:
			e.path, e.info, e.found = name, n.Info, true
			by, ok, err := t.id.grants(n, mayWrite)
			if ok && dir.reached {
				e.add(Way{Path: name, By: by})
			}
			return e, err
		}
	}
	dir, err := t.directory(at)
	if err != nil {
		return e, err
	}
	e.path, e.info, e.found = at, dir.node.Info, true
	if dir.by != "" {
		e.add(Way{Path: at, By: dir.by})
	}
	return e, nil
}

func (e *end) add(w Way) {
	if !slices.Contains(e.ways, w) {
		e.ways = append(e.ways, w)
	}
}
