package toolchain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/internal/versiondir"
)

// List gives the SDKs in a directory ("": DefaultDir()), newest first. A
// directory that is missing has none.
func List(dir string) ([]Installation, error) {
	root, err := rootfs.Open("")
	if err != nil {
		return nil, wrap(err)
	}
	defer root.Close()
	return list(root, absolute(dir))
}

func absolute(dir string) string {
	if dir == "" {
		return DefaultDir()
	}
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

func list(root *rootfs.Root, dir string) (found []Installation, err error) {
	entries, err := root.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap(err)
	}
	at := root.Path()
	if root.Machine() {
		at = ""
	}
	for _, e := range entries {
		v, p, ok := parseDirectoryName(e.Name())
		if ok && e.IsDir() {
			found = append(found, Installation{Version: v, Platform: p, GOROOT: root.Host(path.Join(dir, e.Name())), root: at, dir: dir, name: e.Name()})
		}
	}
	slices.SortFunc(found, func(a, b Installation) int { return b.Version.Compare(a.Version) })
	return found, nil
}

// store opens an installation's directory.
func (i Installation) store() (*versiondir.Store, *rootfs.Root, error) {
	root, err := rootfs.Open(i.root)
	if err != nil {
		return nil, nil, wrap(err)
	}
	dir, err := root.OpenDir(i.dir)
	if err != nil {
		return nil, nil, wrap(errors.Join(err, root.Close()))
	}
	return versiondir.Open(dir), root, nil
}

// Use makes an installation `current` in its directory, atomically, and the
// links given ("/usr/local/go") lead to that.
func Use(i Installation, links ...string) error {
	store, root, err := i.store()
	if err != nil {
		return err
	}
	defer root.Close()
	defer store.Close()
	if _, err := store.Use(i.name); err != nil {
		return wrap(err)
	}
	j := &surveyed{root: root}
	current := path.Join(i.dir, versiondir.CurrentLink)
	for _, link := range links {
		if !path.IsAbs(link) {
			return fmt.Errorf("toolchain: link %q must be an absolute path", link)
		}
		err := j.planLink(link, current, func(context.Context) error {
			_, err := root.Symlink(current, link)
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, s := range j.steps {
		if err := s.do(context.Background()); err != nil {
			return wrap(err)
		}
	}
	return nil
}

// Remove removes an installation, unless it is the current one.
func Remove(ctx context.Context, i Installation) error {
	store, root, err := i.store()
	if err != nil {
		return err
	}
	defer root.Close()
	defer store.Close()
	if err := store.Remove(ctx, i.name); err != nil {
		return wrap(err)
	}
	err = root.Remove(receiptName(i.dir, i.name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Prune removes all but the newest keep installations of a directory ("":
// DefaultDir()), the current one, and those that the given links lead into. It
// returns what it removed.
func Prune(ctx context.Context, dir string, keep int, links ...string) (removed []Installation, err error) {
	if keep < 0 {
		return nil, fmt.Errorf("toolchain: keep=%d is negative", keep)
	}
	all, err := List(dir)
	if err != nil {
		return nil, err
	}
	var kept []string
	for _, link := range append(links, filepath.Join(absolute(dir), versiondir.CurrentLink)) {
		target, err := filepath.EvalSymlinks(link)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, wrap(err)
		}
		kept = append(kept, target)
	}
	for n, i := range all {
		real, err := filepath.EvalSymlinks(i.GOROOT)
		if err != nil {
			return removed, wrap(err)
		}
		if n < keep || slices.Contains(kept, real) {
			continue
		}
		if err := Remove(ctx, i); err != nil {
			return removed, err
		}
		removed = append(removed, i)
	}
	return removed, nil
}
