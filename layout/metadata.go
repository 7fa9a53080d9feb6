package layout

import (
	"io/fs"
	"os"
	"strconv"

	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// onDisk is the mode that the file has after the run. A recorded one keeps what
// the next run needs, and leaves out what would act for the wrong owner.
func (r *run) onDisk(it *item) fs.FileMode {
	if r.record == nil {
		return it.mode
	}
	mode := it.mode &^ (fs.ModeSetuid | fs.ModeSetgid)
	if it.dir != nil {
		return mode | 0o700
	}
	return mode | 0o400
}

func (r *run) options(it *item) atomicfile.Options {
	o := atomicfile.Options{Mode: r.onDisk(it)}
	if r.record == nil {
		o.Owner = atomicfile.Own(it.uid, it.gid)
	}
	return o
}

// access tells mode and owner of an entry that is made.
func (r *run) access(it *item) string {
	s := octal(it.mode) + " " + it.owner + ":" + it.group
	if r.record != nil {
		s += " (recorded)"
	}
	return s
}

// drift tells what differs in mode and owner, from → to.
func (r *run) drift(it *item, info rootfs.Info) []string {
	var parts []string
	if have, want := info.Mode&modeBits, r.onDisk(it); have != want {
		parts = append(parts, "mode "+octal(have)+" → "+octal(want))
	}
	if r.record != nil {
		if from, to, differs := r.record.drift(it.path); differs {
			parts = append(parts, "recorded "+from+" → "+to)
		}
		return parts
	}
	if it.pending != "" || info.UID != it.uid || info.GID != it.gid {
		parts = append(parts, "owner "+owner(info.UID)+":"+owner(info.GID)+" → "+it.owner+":"+it.group)
	}
	return parts
}

// owner shows an id as a number: what it is called may change before the plan
// is carried out.
func owner(id int) string {
	if id == 0 {
		return "root"
	}
	return strconv.Itoa(id)
}

// adjust sets owner and mode of an open file. Rights that go are taken first,
// and setuid comes last: chown(2) clears it.
func (r *run) adjust(f *os.File, it *item, info rootfs.Info) error {
	want := r.onDisk(it)
	have := info.Mode & modeBits
	chown := r.record == nil && (info.UID != it.uid || info.GID != it.gid)
	if chown {
		if narrow := have & want; narrow != have {
			if err := f.Chmod(narrow); err != nil {
				return err
			}
			have = narrow
		}
		if err := f.Chown(it.uid, it.gid); err != nil {
			return err
		}
	}
	if have != want || chown && want&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
		return f.Chmod(want)
	}
	return nil
}

// foreign says whether the file is somebody's who is neither its wanted owner
// nor, where owners are recorded, the caller.
func (r *run) foreign(it *item, info rootfs.Info) bool {
	if r.record != nil {
		return info.UID != os.Geteuid()
	}
	return info.UID != it.uid
}

// occupied refuses what is no such thing as it should be.
func occupied(it *item, info rootfs.Info) error {
	return &EntryError{it.path, occupiedError{kindOf(info.Mode), it.kind()}}
}

type occupiedError struct{ have, want string }

func (e occupiedError) Error() string {
	return "it is a " + e.have + ", not a " + e.want + "; remove it first, or name another path"
}

func (e occupiedError) Is(target error) bool { return target == ErrOccupied }
