package layout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/lockfile"
	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/internal/versiondir"
)

// Releases keeps the releases of a service side by side, with a link to the
// current one that is switched atomically:
//
//	/opt/app/releases/1.4-0c3f…/   read-only, with its manifest
//	/opt/app/releases/current      → 1.4-0c3f…
//	/opt/app/current               → releases/current, by Service.Entries
//
// A release is published whole or not at all, whenever its maker is killed, and
// several makers wait for each other.
type Releases struct {
	// Root is the directory that Dir is inside of; "" is this machine.
	Root string
	// Dir is the absolute path of the releases, such as /opt/app/releases. It
	// must exist: a Tree makes it.
	Dir string
}

// Release is a published release.
type Release struct {
	ID       string
	Path     string // of its directory, inside the Root
	Current  bool
	Previous bool // Rollback goes there
	Staged   time.Time
	Manifest Manifest
}

// ErrNoPrevious is matched where there is no release to roll back to.
var ErrNoPrevious = errors.New("no release was active before this one")

const (
	historyName = ".history"
	deployLock  = ".deploy.lock"
)

// shelf is an open directory of releases.
type shelf struct {
	Releases
	walk  *walker
	store *versiondir.Store
}

func (r Releases) open() (_ *shelf, err error) {
	if err := checkPath(r.Dir); err != nil {
		return nil, &EntryError{r.Dir, err}
	}
	root, err := rootfs.Open(r.Root)
	if err != nil {
		return nil, &EntryError{r.Dir, err}
	}
	walk, err := newWalker(root)
	if err != nil {
		return nil, errors.Join(&EntryError{r.Dir, err}, root.Close())
	}
	d, err := walk.dir(r.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; make it with a Tree (see Service)", err)
	}
	if err != nil {
		return nil, errors.Join(&EntryError{r.Dir, err}, walk.close())
	}
	return &shelf{r, walk, versiondir.Open(d.f)}, nil
}

// close closes what the walker has open: the store's directory is one of it.
func (s *shelf) close() error { return s.walk.close() }

func (r Releases) with(do func(*shelf) error) error {
	s, err := r.open()
	if err != nil {
		return err
	}
	if err := errors.Join(do(s), s.close()); err != nil {
		return fmt.Errorf("layout: releases %s: %w", printable(r.Dir), err)
	}
	return nil
}

// locked is with, while no other process activates, rolls back or prunes.
func (r Releases) locked(ctx context.Context, do func(*shelf) error) error {
	return r.with(func(s *shelf) error {
		lock, err := lockfile.Acquire(ctx, s.store.Dir(), deployLock)
		if err != nil {
			return err
		}
		return errors.Join(do(s), lock.Release())
	})
}

// List gives the releases, the newest first.
func (r Releases) List() (all []Release, err error) {
	err = r.with(func(s *shelf) error {
		all, err = s.list()
		return err
	})
	return all, err
}

func (s *shelf) list() ([]Release, error) {
	names, err := s.store.List()
	if err != nil {
		return nil, err
	}
	current, previous, err := s.active()
	if err != nil && !errors.Is(err, ErrNoPrevious) {
		return nil, err
	}
	var all []Release
	for _, id := range names {
		rel, err := s.release(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile, or a directory that is no release
		}
		if err != nil {
			return nil, err
		}
		rel.Current, rel.Previous = id == current, id == previous
		all = append(all, rel)
	}
	slices.SortStableFunc(all, func(a, b Release) int { return b.Staged.Compare(a.Staged) })
	return all, nil
}

func (s *shelf) release(id string) (Release, error) {
	dir, err := rootfs.OpenDirAt(s.store.Dir(), id)
	if err != nil {
		return Release{}, err
	}
	defer dir.Close()
	info, err := rootfs.StatFile(dir)
	if err != nil {
		return Release{}, err
	}
	m, err := readManifest(dir)
	if err != nil {
		return Release{}, err
	}
	return Release{ID: id, Path: path.Join(s.Dir, id), Staged: info.ModTime, Manifest: m}, nil
}

// active gives the current release and the one to roll back to: of the
// activations that are on record, the last different one before the current
// release's that still exists.
func (s *shelf) active() (current, previous string, err error) {
	if current, err = s.store.Current(); err != nil {
		return "", "", err
	}
	history, err := s.history()
	if err != nil {
		return current, "", err
	}
	for _, id := range slices.Backward(until(history, current)) {
		if has, err := s.store.Has(id); err != nil {
			return current, "", err
		} else if has && id != current {
			return current, id, nil
		}
	}
	return current, "", ErrNoPrevious
}

// until cuts the history behind the current release. What follows was rolled
// back, or its activation was cut short before the link was switched.
func until(history []string, current string) []string {
	for i, id := range slices.Backward(history) {
		if id == current {
			return history[:i+1]
		}
	}
	return history
}

func (s *shelf) history() ([]string, error) {
	b, err := readAt(s.store.Dir(), historyName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return slices.DeleteFunc(strings.Fields(string(b)), func(id string) bool { return !versiondir.Valid(id) }), err
}

func (s *shelf) change(op bedplate.Op, kind, name, detail string) bedplate.Change {
	return bedplate.Change{Op: op, Kind: kind, Target: path.Join(s.Dir, name), Detail: detail}
}
