package layout

import (
	"errors"
	"path"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/rootfs"
)

func (r *run) directory(it *item) error {
	d, err := r.holder(it.path)
	if err != nil {
		return err
	}
	info, ok, err := look(d, it)
	if err != nil {
		return err
	}
	if !ok {
		_, err := r.makeDirectory(it, d)
		return err
	}
	if !info.Mode.IsDir() {
		return occupied(it, info)
	}
	drift, err := r.drift(d, it, info)
	if err != nil {
		return err
	}
	if len(drift) > 0 {
		if r.acting {
			if err := r.adjustDirectory(d, it); err != nil {
				return err
			}
		}
		r.changed(bedplate.OpUpdate, it, strings.Join(drift, ", "))
	}
	if len(it.dir.Purge) > 0 {
		return r.purge(it)
	}
	return nil
}

func (r *run) adjustDirectory(d *place, it *item) error {
	f, err := rootfs.OpenDirAt(d.f, it.base)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := rootfs.StatFile(f)
	if err != nil {
		return err
	}
	return r.adjust(f, it, info)
}

// makeDirectory makes a directory in up, which is nil if up itself would only
// be made.
func (r *run) makeDirectory(it *item, up *place) (_ *place, err error) {
	if !r.acting {
		r.made[it.path] = true
		r.changed(bedplate.OpCreate, it, r.access(it))
		return nil, nil
	}
	f, err := rootfs.MkdirAt(up.f, it.base)
	if err != nil {
		return nil, err
	}
	d := &place{f, path.Join(up.real, it.base)}
	defer func() {
		if err != nil { // nothing is in it yet
			err = errors.Join(err, f.Close(), rootfs.RmdirAt(up.f, it.base))
		}
	}()
	// The owner and group of a new directory depend on its parent's mode, so
	// nothing is taken for granted.
	info, err := rootfs.StatFile(f)
	if err != nil {
		return nil, err
	}
	if err := r.adjust(f, it, info); err != nil {
		return nil, err
	}
	if err := r.unsynced(up); err != nil {
		return nil, err
	}
	r.walk.dirs[d.real] = d
	r.changed(bedplate.OpCreate, it, r.access(it))
	return d, nil
}
