package layout

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
)

func (r *run) absent(it *item) error {
	if r.walk == nil || r.made[it.above] {
		return nil
	}
	d, err := r.walk.dir(it.above)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, ok, err := look(d, it)
	if err != nil || !ok {
		return err
	}
	if info.Mode.IsDir() && !it.absent.Recursive {
		f, err := rootfs.OpenDirAt(d.f, it.base)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.Readdirnames(1); err == nil {
			return fmt.Errorf("it is a directory with something in it: %w; set Recursive, or name what is to go", ErrOccupied)
		}
	}
	return r.remove(d, it, info)
}

// remove removes the entry called it.base, with all in it if it is a directory.
func (r *run) remove(d *place, it *item, info rootfs.Info) error {
	detail := ""
	if info.Mode.IsDir() {
		n, err := empty(d.f, it.base, info.Dev, r.acting)
		if err != nil {
			return err
		}
		if n > 0 {
			detail = fmt.Sprintf("with %d in it", n)
		}
	}
	if r.acting {
		remove := rootfs.UnlinkAt
		if info.Mode.IsDir() {
			remove = rootfs.RmdirAt
			if err := r.walk.forget(path.Join(d.real, it.base)); err != nil {
				return err
			}
		}
		if err := remove(d.f, it.base); err != nil {
			return err
		}
		if err := r.unsynced(d); err != nil {
			return err
		}
	}
	r.note(bedplate.OpDelete, kindOf(info.Mode), it, detail)
	return nil
}

// empty counts all that is in a directory, and removes it if that is wanted. A
// link is removed as a link, and another file system is not entered.
func empty(up *os.File, name string, dev uint64, act bool) (count int, err error) {
	f, err := rootfs.OpenDirAt(up, name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return 0, err
	}
	for _, n := range names {
		info, err := rootfs.LstatAt(f, n)
		switch {
		case err != nil:
			return count, err
		case info.Dev != dev:
			return count, fmt.Errorf("%s/%s is on another file system; unmount it first", printable(name), printable(n))
		}
		remove := rootfs.UnlinkAt
		if info.Mode.IsDir() {
			remove = rootfs.RmdirAt
			deeper, err := empty(f, n, dev, act)
			count += deeper
			if err != nil {
				return count, err
			}
		}
		if act {
			if err := remove(f, n); err != nil {
				return count, err
			}
		}
		count++
	}
	return count, nil
}

// purge removes what the directory may not hold any more.
func (r *run) purge(it *item) error {
	d, err := r.walk.dir(it.path)
	if err != nil {
		return err
	}
	f, err := rootfs.OpenDirAt(d.f, ".")
	if err != nil {
		return err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		p := path.Join(it.path, name)
		if r.lists(p) || atomicfile.IsTemporary(name) { // another writer may be at work
			continue
		}
		info, err := rootfs.LstatAt(f, name)
		if err != nil {
			return err
		}
		if !purges(it.dir.Purge, name, info.Mode.IsDir()) {
			continue
		}
		gone := &item{path: p, above: it.path, base: name}
		if err := r.remove(d, gone, info); err != nil {
			return err
		}
	}
	return nil
}

func purges(patterns []string, name string, dir bool) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		single, forDirs := strings.CutSuffix(pattern, "/")
		ok, err := path.Match(single, name)
		return ok && err == nil && forDirs == dir
	})
}

// lists says whether an entry of the tree is p or inside it.
func (r *run) lists(p string) bool {
	i, ok := slices.BinarySearchFunc(r.items, p, func(it item, p string) int { return comparePaths(it.path, p) })
	return ok || i < len(r.items) && inside(r.items[i].path, p)
}
