package unit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
)

const unitMode fs.FileMode = 0o644

// add takes a step that changes what systemd reads.
func (p *preparation) add(op bedplate.Op, kind, target, detail string, do func() error) {
	p.reread = true
	p.steps = append(p.steps, step{bedplate.Change{Op: op, Kind: kind, Target: target, Detail: detail}, func(context.Context) error {
		if err := do(); err != nil {
			return fmt.Errorf("unit: %w", err)
		}
		return nil
	}, false})
}

// files compares the files of the Set.
func (p *preparation) files() error {
	var errs []error
	for _, w := range p.wanted {
		errs = append(errs, p.file(w))
	}
	return errors.Join(errs...)
}

func (p *preparation) file(w wanted) error {
	info, err := p.root.Lstat(w.path)
	if missing(err) {
		if err := p.directoriesOf(w.path); err != nil {
			return err
		}
		p.write(bedplate.OpCreate, w, "")
		return nil
	}
	if err != nil {
		return fmt.Errorf("unit: %w", err)
	}
	if !info.Mode.IsRegular() {
		return p.occupied(w.path, info, w.unit)
	}
	old, err := p.root.ReadFile(w.path)
	if err != nil {
		return fmt.Errorf("unit: %w", err)
	}
	switch {
	case !bytes.Equal(old, w.data):
		p.write(bedplate.OpUpdate, w, difference(w.unit, old, w.data))
	case info.Mode.Perm() != unitMode:
		p.write(bedplate.OpUpdate, w, fmt.Sprintf("mode %04o → %04o", info.Mode.Perm(), unitMode))
	case p.ownsFiles() && (info.UID != 0 || info.GID != 0):
		// Whoever owns a unit's file can have systemd run anything as root.
		p.write(bedplate.OpUpdate, w, fmt.Sprintf("owner %d:%d → 0:0", info.UID, info.GID))
	default:
		if info.ModTime.After(p.written[w.unit]) {
			p.written[w.unit] = info.ModTime
		}
	}
	return nil
}

// uid is whose manager it is.
func (p *preparation) uid() int {
	if p.set.Manager.User {
		return os.Geteuid()
	}
	return 0
}

// ownsFiles says whether unit files are made root's: by root, but not a user's own.
func (p *preparation) ownsFiles() bool {
	return os.Geteuid() == 0 && !(p.set.Manager.User && p.set.Root == "")
}

func (p *preparation) write(op bedplate.Op, w wanted, detail string) {
	p.touched[w.unit] = true
	o := atomicfile.Options{Mode: unitMode}
	if p.ownsFiles() {
		o.Owner = atomicfile.Own(0, 0)
	}
	p.add(op, "file", w.path, detail, func() error {
		_, err := p.root.WriteFile(w.path, w.data, o)
		return err
	})
}

// directoriesOf makes the directories above a file or link, as changes of their own.
func (p *preparation) directoriesOf(name string) error {
	dir := path.Dir(name)
	if p.made[dir] || dir == "/" && !p.root.Missing() {
		return nil
	}
	if dir == "/" {
		p.made[dir] = true
		p.add(bedplate.OpCreate, "directory", dir, "", p.root.Make)
		return nil
	}
	info, err := p.root.Stat(dir)
	switch {
	case err == nil && info.Mode.IsDir():
		p.made[dir] = true
		return nil
	case err == nil:
		return p.occupied(dir, info, "")
	case !missing(err):
		return fmt.Errorf("unit: %w", err)
	}
	if _, err := p.root.Lstat(dir); err == nil {
		return &OccupiedError{p.root.Host(dir), "a symlink to nowhere"}
	}
	if err := p.directoriesOf(dir); err != nil {
		return err
	}
	p.made[dir] = true
	p.add(bedplate.OpCreate, "directory", dir, "", func() error {
		if err := p.root.Mkdir(dir, 0o755); !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil // made by somebody else meanwhile
	})
	return nil
}

// occupied explains what is in the way.
func (p *preparation) occupied(name string, info rootfs.Info, unit string) error {
	found := "a " + info.Mode.Type().String()
	switch {
	case info.Mode.IsRegular():
		found = "a file"
	case info.Mode.IsDir():
		found = "a directory"
	case info.Mode&fs.ModeSymlink != 0:
		to, err := p.root.Readlink(name)
		if err != nil {
			return fmt.Errorf("unit: %w", err)
		}
		if to == "/dev/null" && unit != "" {
			return &MaskedError{unit, p.root.Host(name)}
		}
		found = "a symlink to " + to
	}
	return &OccupiedError{p.root.Host(name), found}
}

// removals takes away the files of absent units and drop-ins, and masks.
func (p *preparation) removals() error {
	for _, name := range p.set.Absent {
		if _, err := p.remove(path.Join(p.dir, name)); err != nil {
			return err
		}
		if err := p.unlink(name, nil); err != nil {
			return err
		}
	}
	if err := p.removeDropIns(); err != nil {
		return err
	}
	for _, name := range p.set.Mask {
		if err := p.point(link{path.Join(p.dir, name), "/dev/null"}); err != nil {
			return err
		}
	}
	return nil
}

// remove takes away a file or symlink, and says whether there is one.
func (p *preparation) remove(at string) (bool, error) {
	info, err := p.root.Lstat(at)
	switch {
	case missing(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("unit: %w", err)
	case info.Mode.IsDir():
		return false, p.occupied(at, info, "")
	}
	kind := "file"
	if info.Mode&fs.ModeSymlink != 0 {
		kind = "symlink"
	}
	p.add(bedplate.OpDelete, kind, at, "", func() error { return p.root.Remove(at) })
	return true, nil
}

// removeDropIns takes away drop-ins, and the directories that are empty then.
func (p *preparation) removeDropIns() error {
	going := map[string]int{}
	for _, d := range p.set.AbsentDropIns {
		at := path.Join(p.dir, d.UnitName())
		there, err := p.remove(at)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		p.touched[d.Unit] = true
		dir := path.Dir(at)
		going[dir]++
		entries, err := p.root.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("unit: %w", err)
		}
		if info, err := p.root.Lstat(dir); err != nil || !info.Mode.IsDir() || len(entries) > going[dir] || p.made[dir] {
			continue // a link's target is somebody else's
		}
		p.add(bedplate.OpDelete, "directory", dir, "", func() error {
			if err := p.root.Remove(dir); !errors.Is(err, syscall.ENOTEMPTY) {
				return err
			}
			return nil // somebody put another one there meanwhile
		})
	}
	return nil
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
