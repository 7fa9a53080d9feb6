package layout

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// walker opens the directories of a root by walking from descriptor to
// descriptor. Unlike a lookup by the kernel, it tells a link that root made
// (/var/run) from one that somebody else put there.
type walker struct {
	root    *rootfs.Root
	dirs    map[string]*place
	trusted [3]int // who may own links that are followed
	links   int    // links followed for the current entry
	last    string // the directory that was asked for last: entries come side by side
	at      *place
}

// place is an open directory.
type place struct {
	f    *os.File
	real string // its path without links
}

// enough directories are kept open to make a tree of any usual shape without
// opening one twice; beyond, all are closed and opened again as they are needed.
const enough = 256

// maxLinks is the kernel's bound on links in one lookup (path_resolution(7)).
const maxLinks = 40

func newWalker(root *rootfs.Root) (*walker, error) {
	f, err := root.OpenDir("/")
	if err != nil {
		return nil, err
	}
	info, err := rootfs.StatFile(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &walker{root, map[string]*place{"/": {f, "/"}}, [3]int{0, os.Geteuid(), info.UID}, 0, "", nil}, nil
}

func (w *walker) close() error {
	if w == nil {
		return nil
	}
	return errors.Join(w.trim(0), w.dirs["/"].f.Close(), w.root.Close())
}

// trim closes the directories if there are more than most; it is called when
// none is in use. The root's stays open.
func (w *walker) trim(most int) error {
	w.links = 0
	if !w.full(most) {
		return nil
	}
	var errs []error
	for p, d := range w.dirs {
		if p == d.real && p != "/" { // another name of a place has the same file
			errs = append(errs, d.f.Close())
		}
	}
	w.dirs, w.at = map[string]*place{"/": w.dirs["/"]}, nil
	return errors.Join(errs...)
}

func (w *walker) full(most int) bool { return len(w.dirs) > most }

// dir opens a directory. One that does not exist is fs.ErrNotExist.
func (w *walker) dir(p string) (*place, error) {
	if w.at != nil && w.last == p {
		return w.at, nil
	}
	if d, ok := w.dirs[p]; ok {
		w.last, w.at = p, d
		return d, nil
	}
	above, base := split(p)
	up, err := w.dir(above)
	if err != nil {
		return nil, err
	}
	f, err := rootfs.OpenDirAt(up.f, base)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR) {
		return w.follow(up, p, base)
	}
	if err != nil {
		return nil, err
	}
	d := &place{f, p}
	if up.real != above { // p has a link in it
		d.real = path.Join(up.real, base)
		if known, ok := w.dirs[d.real]; ok { // it was reached by its own name before
			w.dirs[p] = known
			return known, f.Close()
		}
		w.dirs[d.real] = d
	}
	w.dirs[p] = d
	return d, nil
}

// forget drops a directory that is about to be removed, with all in it.
func (w *walker) forget(real string) error {
	w.at = nil
	var errs []error
	for p, d := range w.dirs {
		if d.real != real && !inside(d.real, real) {
			continue
		}
		delete(w.dirs, p)
		if p == d.real {
			errs = append(errs, d.f.Close())
		}
	}
	return errors.Join(errs...)
}

// follow goes through the link at p, if it may.
func (w *walker) follow(up *place, p, base string) (*place, error) {
	link, err := rootfs.LstatAt(up.f, base)
	if err != nil {
		return nil, err
	}
	if link.Mode.Type() != fs.ModeSymlink {
		return nil, fmt.Errorf("%s is a %s, not a directory: %w", printable(p), kindOf(link.Mode), ErrOccupied)
	}
	holder, err := rootfs.StatFile(up.f)
	if err != nil {
		return nil, err
	}
	target, err := atomicfile.Readlinkat(up.f, base)
	if err != nil {
		return nil, err
	}
	if !w.trusts(holder, link) {
		return nil, fmt.Errorf("%s → %s: %w; name the place that is meant, or let root own the link and its directory", printable(p), printable(target), ErrUnsafeLink)
	}
	if w.links++; w.links > maxLinks {
		return nil, fmt.Errorf("%s: %w", printable(p), syscall.ELOOP)
	}
	at := up.real
	if strings.HasPrefix(target, "/") {
		at = "/"
	}
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
			continue
		case "..": // at has no links in it, so this is the directory above
			at = path.Dir(at)
			continue
		}
		d, err := w.dir(path.Join(at, part))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is a symlink to %s, which does not exist; remove the link or make its target", printable(p), printable(target))
		}
		if err != nil {
			return nil, err
		}
		at = d.real
	}
	d, err := w.dir(at)
	if err != nil {
		return nil, err
	}
	w.dirs[p] = d
	return d, nil
}

// trusts says whether nobody but root, the root directory's owner and the
// caller can have made the link.
func (w *walker) trusts(holder, link rootfs.Info) bool {
	if !w.trustsUser(holder.UID) || !w.trustsUser(link.UID) {
		return false
	}
	if holder.Mode&fs.ModeSticky != 0 {
		return true
	}
	group := holder.Mode&0o020 == 0 || holder.GID == 0 || holder.GID == os.Getegid()
	return group && holder.Mode&0o002 == 0
}

func (w *walker) trustsUser(uid int) bool {
	return uid == w.trusted[0] || uid == w.trusted[1] || uid == w.trusted[2]
}

// kindOf is what a file is called in changes and errors.
func kindOf(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "file"
	case m.IsDir():
		return "directory"
	}
	switch m.Type() {
	case fs.ModeSymlink:
		return "symlink"
	case fs.ModeSocket:
		return "socket"
	case fs.ModeNamedPipe:
		return "fifo"
	}
	return "device"
}
