package layout

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// together is how many files are written before they are made durable and given
// their names, all at once.
const together = 512

// relieve closes directories and publishes files when there are many.
func (r *run) relieve() error {
	if r.walk == nil {
		return nil
	}
	if len(r.retired) >= enough {
		if err := r.retire(); err != nil {
			return err
		}
	}
	if r.batch.Len() >= together || r.batch.Len() > 0 && r.walk.full(enough) {
		if err := r.publish(); err != nil {
			return err
		}
	}
	return r.walk.trim(enough)
}

// publish gives the files that were written their names. Those that don't get
// them were not changed.
func (r *run) publish() error {
	n, err := r.batch.Publish()
	for _, i := range slices.Backward(r.batched[n:]) {
		r.changes = slices.Delete(r.changes, i, i+1)
	}
	r.batched = nil
	if err != nil {
		return fmt.Errorf("layout: %w", err)
	}
	return nil
}

// retire lets go of links that were replaced, all at once: it waits each time.
func (r *run) retire() error {
	old := r.retired
	r.retired = nil
	if err := atomicfile.Retire(old...); err != nil {
		return fmt.Errorf("layout: %w", err)
	}
	return nil
}

// unsynced remembers a directory whose entries changed, by the device it is on.
func (r *run) unsynced(d *place) error {
	if r.dirty[d.real] != 0 {
		return nil
	}
	info, err := rootfs.StatFile(d.f)
	r.dirty[d.real] = info.Dev
	return err
}

// sync makes the directories durable: a few of one file system each by itself,
// and many by syncing it whole.
func (r *run) sync() error {
	byDevice := map[uint64][]string{}
	for p, dev := range r.dirty {
		byDevice[dev] = append(byDevice[dev], p)
	}
	var errs []error
	for _, paths := range byDevice {
		slices.Sort(paths)
		errs = append(errs, r.syncThese(paths))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("layout: %w", err)
	}
	return nil
}

func (r *run) syncThese(paths []string) error {
	var dirs []*os.File
	for _, p := range paths {
		d, err := r.walk.dir(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was removed with what was in it
		}
		if err != nil {
			return err
		}
		// One more than a few are enough to have the file system synced.
		if dirs = append(dirs, d.f); len(dirs) > atomicfile.Few {
			break
		}
	}
	return atomicfile.Sync(dirs...)
}
