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
		return it.shown()
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
		if it.extras != nil {
			o.Finish = func(f *os.File) error { return extend(f, it) }
		}
	}
	return o
}

// access tells mode and owner of an entry that is made.
func (r *run) access(it *item) string {
	s := octal(it.mode) + " " + it.owner + ":" + it.group + it.extras.String()
	if r.record != nil {
		s += " (recorded)"
	}
	return s
}

// drift tells what differs in owner, mode and what else is asked for, from → to.
func (r *run) drift(d *place, it *item, info rootfs.Info) (parts []string, err error) {
	have, want := info.Mode&modeBits, r.onDisk(it)
	if r.record == nil && it.extras.grants() {
		// What is shown for the group is the list's mask; the list is compared.
		have, want = have&^0o070, want&^0o070
	}
	if have != want {
		parts = append(parts, "mode "+octal(have)+" → "+octal(want))
	}
	if r.record != nil {
		return append(parts, r.record.drift(it)...), nil
	}
	if it.unowned || info.UID != it.uid || info.GID != it.gid {
		parts = append(parts, "owner "+owner(info.UID)+":"+owner(info.GID)+" → "+it.owner+":"+it.group)
	}
	if it.extras == nil {
		return parts, nil
	}
	more, err := extraDrift(d, it)
	return append(parts, more...), err
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
	if r.record == nil && it.extras != nil {
		if err := extend(f, it); err != nil {
			return err
		}
		now, err := rootfs.StatFile(f)
		if err != nil {
			return err
		}
		have = now.Mode & modeBits
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
		return info.UID != r.uid
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
