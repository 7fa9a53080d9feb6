package layout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// run is one Plan, or one Ensure: a look at all entries and then, at those
// that differ, a second look that acts on what it sees.
type run struct {
	tree   Tree
	items  []item
	walk   *walker // nil: the root does not exist yet
	record *record // nil: owners are applied
	owners owners

	uid     int // the caller's
	acting  bool
	made    map[string]bool // directories that Plan knows to be missing
	batch   atomicfile.Batch
	batched []int             // which changes the batch's files are
	dirty   map[string]uint64 // directories to sync at the end, with their devices
	retired []*os.File        // links that were replaced
	changes []bedplate.Change
	buf     [2][]byte // for comparing content
}

func (t Tree) open() (_ *run, err error) {
	items, err := t.items()
	if err != nil {
		return nil, err
	}
	r := &run{tree: t, items: items, uid: os.Geteuid(), made: map[string]bool{}}
	defer func() {
		if err != nil {
			err = joinClose(err, r)
		}
	}()
	if err := r.openRoot(); err != nil {
		return nil, err
	}
	if t.Records() {
		if r.record, err = openRecord(r); err != nil {
			return nil, err
		}
	}
	return r, r.resolve()
}

func (r *run) openRoot() error {
	root, err := rootfs.Open(r.tree.Root)
	if errors.Is(err, fs.ErrNotExist) && !r.acting {
		r.made["/"] = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("layout: %w", err)
	}
	if r.walk, err = newWalker(root); err != nil {
		return errors.Join(fmt.Errorf("layout: %w", err), root.Close())
	}
	return nil
}

func joinClose(err error, r *run) error {
	if closeErr := r.walk.close(); closeErr != nil {
		return errors.Join(err, fmt.Errorf("layout: %w", closeErr))
	}
	return err
}

// plan looks at every entry, and collects what is impossible.
func (r *run) plan(ctx context.Context) error {
	var errs []error
	if r.walk == nil {
		r.changed(bedplate.OpCreate, r.implicit("/"), "0755")
	}
	if r.record != nil {
		errs = append(errs, r.aboveRecord()...)
	}
	first := len(r.changes)
	errs = append(errs, r.lookAtAll(ctx))
	if err := errors.Join(errs...); err != nil || r.record == nil {
		return err
	}
	return r.planRecord(first)
}

// apply does what plan found, as far as it still finds it.
func (r *run) apply(ctx context.Context) (err error) {
	r.acting, r.changes, r.made, r.dirty = true, nil, nil, map[string]uint64{}
	if r.walk == nil {
		if err := r.makeRoot(); err != nil {
			return err
		}
	} else if err := r.walk.trim(0); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.publish(), r.sync(), r.retire()) }()
	// The record comes first: directories that are made on the way to an entry
	// are seen as missing only once.
	if r.record != nil {
		if err := errors.Join(r.aboveRecord()...); err != nil {
			return err
		}
		if err := r.writeRecord(); err != nil {
			return err
		}
	}
	for i := range r.items {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("layout: %w", err)
		}
		if !r.items[i].differs || r.items[i].early {
			continue
		}
		if err := r.item(&r.items[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) makeRoot() error {
	if err := os.MkdirAll(r.tree.Root, 0o755); err != nil {
		return fmt.Errorf("layout: root: %w", err)
	}
	if err := os.Chmod(r.tree.Root, 0o755); err != nil {
		return fmt.Errorf("layout: root: %w", err)
	}
	if err := r.openRoot(); err != nil {
		return err
	}
	r.changed(bedplate.OpCreate, r.implicit("/"), "0755")
	return nil
}

// item looks at one entry, and acts if the run does.
func (r *run) item(it *item) error {
	if err := r.relieve(); err != nil {
		return err
	}
	before := len(r.changes)
	var err error
	switch {
	case it.dir != nil:
		err = r.directory(it)
	case it.file != nil:
		err = r.file(it)
	case it.link != nil:
		err = r.symlink(it)
	default:
		err = r.absent(it)
	}
	it.differs = it.differs || len(r.changes) > before
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*EntryError](err); ok {
		return e
	}
	return &EntryError{it.path, err}
}

// holder opens the directory that holds p, making it and those above it where
// they are missing. A run that only looks returns nil for one that would be made.
func (r *run) holder(p string) (*place, error) {
	above, _ := split(p)
	if len(r.made) > 0 && r.made[above] {
		return nil, nil
	}
	if r.walk != nil {
		d, err := r.walk.dir(above)
		if !errors.Is(err, fs.ErrNotExist) {
			return d, err
		}
	}
	it := r.implicit(above)
	up, err := r.holder(above)
	if err != nil {
		return nil, err
	}
	if r.record != nil {
		if err := r.record.want(it); err != nil {
			return nil, err
		}
	}
	return r.makeDirectory(it, up)
}

// look describes the entry called it.base in d; ok says whether it exists.
func look(d *place, it *item) (info rootfs.Info, ok bool, err error) {
	if d == nil {
		return info, false, nil
	}
	info, err = rootfs.LstatAt(d.f, it.base)
	if errors.Is(err, fs.ErrNotExist) {
		return info, false, nil
	}
	return info, err == nil, err
}

func (r *run) changed(op bedplate.Op, it *item, detail string) {
	r.note(op, it.kind(), it, detail)
}

func (r *run) note(op bedplate.Op, kind string, it *item, detail string) {
	c := bedplate.Change{Op: op, Kind: kind, Target: it.path, Detail: detail}
	if !r.acting {
		c.Pending = it.pending
	}
	r.changes = append(r.changes, c)
}
