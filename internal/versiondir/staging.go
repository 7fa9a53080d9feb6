package versiondir

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/bedplate/bedplate/internal/lockfile"
	"golang.org/x/sys/unix"
)

// Staging is a version being made. Publish or Discard ends it.
type Staging struct {
	// Root is the staged tree; names can't lead out of it.
	Root *os.Root

	store *Store
	name  string
	lock  *lockfile.Lock
	again bool
}

// ErrPublished is matched when the version is there already: another process
// published it while this one waited for the lock.
var ErrPublished = errors.New("it is published already")

// Stage begins a version: one process at a time, the others wait as long as ctx
// allows.
func (s *Store) Stage(ctx context.Context, name string) (*Staging, error) {
	return s.stage(ctx, name, false)
}

// Restage begins another tree for a version that is published; Publish then
// exchanges the two, so that the name always leads to a whole one.
func (s *Store) Restage(ctx context.Context, name string) (*Staging, error) {
	return s.stage(ctx, name, true)
}

func (s *Store) stage(ctx context.Context, name string, again bool) (_ *Staging, err error) {
	if err := valid(name); err != nil {
		return nil, err
	}
	lock, err := lockfile.Acquire(ctx, s.dir, lockName(name))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Remove(s.dir))
		}
	}()
	if has, err := s.Has(name); err != nil {
		return nil, err
	} else if has && !again {
		return nil, s.pathError("stage", name, ErrPublished)
	}
	if err := errors.Join(s.sweep(name), s.heal(name)); err != nil {
		return nil, err
	}
	if err := unix.Mkdirat(int(s.dir.Fd()), staged(name), 0o755); err != nil {
		return nil, s.pathError("stage", name, err)
	}
	parent, err := openRoot(s.dir)
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	root, err := parent.OpenRoot(staged(name))
	if err != nil {
		return nil, err
	}
	return &Staging{Root: root, store: s, name: name, lock: lock, again: again}, nil
}

// Publish makes the staged tree durable and gives it its name, by one rename.
func (st *Staging) Publish() (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, st.store.sweep(st.name))
		}
		err = errors.Join(err, st.Root.Close(), st.lock.Remove(st.store.dir))
	}()
	// One sync of the file system is far cheaper than one of each file.
	if err := syncFS(st.store.dir); err != nil {
		return st.store.pathError("sync", staged(st.name), err)
	}
	if err := st.rename(); err != nil {
		if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) {
			err = fs.ErrExist
		}
		return st.store.pathError("publish", st.name, err)
	}
	if st.again { // what was exchanged
		if err := st.store.sweep(st.name); err != nil {
			return err
		}
	}
	return st.store.dir.Sync()
}

func (st *Staging) rename() error {
	dir := int(st.store.dir.Fd())
	if st.again {
		return exchange(dir, staged(st.name), st.name)
	}
	return unix.Renameat(dir, staged(st.name), dir, st.name)
}

// Discard removes what was staged.
func (st *Staging) Discard() error {
	return errors.Join(st.Root.Close(), st.store.sweep(st.name), st.lock.Remove(st.store.dir))
}
