package layout

import (
	"io/fs"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
)

func (r *run) symlink(it *item) error {
	d, err := r.holder(it.path)
	if err != nil {
		return err
	}
	info, ok, err := look(d, it)
	if err != nil {
		return err
	}
	if ok && info.Mode.Type() != fs.ModeSymlink {
		return occupied(it, info)
	}
	op, detail := bedplate.OpUpdate, ""
	if ok {
		if detail, err = r.linkDrift(d, it, info); err != nil || detail == "" {
			return err
		}
	} else {
		op, detail = bedplate.OpCreate, "→ "+printable(it.link.Target)
	}
	if r.acting {
		outcome, old, err := atomicfile.RelinkAt(d.f, it.link.Target, it.base)
		if err != nil {
			return err
		}
		if old != nil {
			r.retired = append(r.retired, old)
		}
		if outcome != atomicfile.Unchanged {
			if err := r.unsynced(d); err != nil {
				return err
			}
		}
		if r.ownsLinks() { // in a setgid directory even a new one is not root's group's
			if err := rootfs.LchownAt(d.f, it.base, 0, 0); err != nil {
				return err
			}
		}
	}
	r.changed(op, it, detail)
	return nil
}

// ownsLinks: root's links are root's. Another caller's are what they become.
func (r *run) ownsLinks() bool { return r.record == nil && r.uid == 0 }

func (r *run) linkDrift(d *place, it *item, info rootfs.Info) (string, error) {
	target, err := atomicfile.Readlinkat(d.f, it.base)
	if err != nil {
		return "", err
	}
	var parts []string
	if target != it.link.Target {
		parts = append(parts, printable(target)+" → "+printable(it.link.Target))
	}
	if r.ownsLinks() && (info.UID != 0 || info.GID != 0) {
		parts = append(parts, "owner "+owner(info.UID)+":"+owner(info.GID)+" → root:root")
	}
	return strings.Join(parts, ", "), nil
}
