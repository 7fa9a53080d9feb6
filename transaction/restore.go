package transaction

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"syscall"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/internal/xattr"
)

// revert puts everything back, the last step first, and then ends the journal.
// What can't be put back does not keep the rest from it; the journal then stays.
func (j *journal) revert(ctx context.Context, steps []bedplate.Step) (all []bedplate.Change, err error) {
	var errs []error
	for _, r := range slices.Backward(j.state.Steps) {
		for _, i := range slices.Backward(r.Images) {
			c, err := j.restore(i)
			if err != nil {
				errs = append(errs, fmt.Errorf("transaction: put back %s: %w", i.Path, err))
			}
			if c.Op != "" {
				c.Step = r.Name
				all = append(all, c)
				j.tx.tell(c)
			}
		}
		errs = append(errs, j.revertStep(ctx, r, steps))
	}
	if err := errors.Join(errs...); err != nil {
		return all, err
	}
	return all, j.end()
}

// revertStep lets the step take back what is no file.
func (j *journal) revertStep(ctx context.Context, r record, steps []bedplate.Step) error {
	if !slices.ContainsFunc(r.Changes, func(c bedplate.Change) bool { return !isFile(c) }) {
		return nil
	}
	i := slices.IndexFunc(steps, func(s bedplate.Step) bool { return s.Name == r.Name })
	if i < 0 {
		return fmt.Errorf("transaction: step %q is not among those given, and it alone can take back its changes", r.Name)
	}
	reverter, ok := steps[i].Resource.(Reverter)
	if !ok {
		return fmt.Errorf("transaction: step %q is no Reverter any more, and it alone can take back its changes", r.Name)
	}
	if err := reverter.Revert(ctx, slices.Clone(r.Changes)); err != nil {
		return fmt.Errorf("transaction: take back %s: %w", r.Name, err)
	}
	return nil
}

// restore puts back one image. The change's Op is empty if it is in place.
func (j *journal) restore(i image) (c bedplate.Change, err error) {
	dir, base, err := j.root.Parent(i.Path)
	if i.Kind == "" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	defer dir.Close()
	if err := atomicfile.ClearAt(dir, base); err != nil {
		return c, err
	}
	info, err := rootfs.LstatAt(dir, base)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	if exists && kindOf(info.Mode) != i.Kind {
		if err := remove(dir, base, info); err != nil {
			return c, err
		}
		exists = false
		c = bedplate.Change{Op: bedplate.OpDelete, Kind: kindOf(info.Mode), Target: i.Path, Detail: "taken back"}
	}
	if i.Kind == "" {
		return c, syncIf(c, dir)
	}
	changed := false
	switch i.Kind {
	case "symlink":
		changed, err = i.link(dir, base)
	case "file":
		changed, err = j.file(i, dir, base, exists)
	case "directory":
		changed, err = i.directory(dir, base, exists)
	}
	if changed {
		c = bedplate.Change{Op: bedplate.OpUpdate, Kind: i.Kind, Target: i.Path, Detail: "put back"}
		if !exists {
			c.Op = bedplate.OpCreate
		}
	}
	return c, errors.Join(err, syncIf(c, dir))
}

func syncIf(c bedplate.Change, dir *os.File) error {
	if c.Op == "" {
		return nil
	}
	return dir.Sync()
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "file"
	case m.IsDir():
		return "directory"
	case m.Type() == fs.ModeSymlink:
		return "symlink"
	}
	return "special file"
}

// remove removes what is there instead, with all that is in it: it came after
// the transaction began.
func remove(dir *os.File, base string, info rootfs.Info) error {
	if !info.Mode.IsDir() {
		return rootfs.UnlinkAt(dir, base)
	}
	f, err := rootfs.OpenDirAt(dir, base)
	if err != nil {
		return err
	}
	defer f.Close()
	if os.Geteuid() != 0 { // a release is read-only, to its owner too
		if err := f.Chmod(0o700); err != nil {
			return err
		}
	}
	names, err := f.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, n := range names {
		in, err := rootfs.LstatAt(f, n)
		if err != nil {
			return err
		}
		if in.Dev != info.Dev {
			return fmt.Errorf("%s is on another file system; unmount it first", path.Join(base, n))
		}
		if err := remove(f, n, in); err != nil {
			return err
		}
	}
	return rootfs.RmdirAt(dir, base)
}

func (i image) link(dir *os.File, base string) (bool, error) {
	outcome, err := atomicfile.SymlinkAt(dir, i.Target, base)
	if err != nil {
		return false, err
	}
	info, err := rootfs.LstatAt(dir, base)
	if err != nil || info.UID == i.UID && info.GID == i.GID {
		return outcome != atomicfile.Unchanged, err
	}
	return true, rootfs.LchownAt(dir, base, i.UID, i.GID)
}

func (j *journal) file(i image, dir *os.File, base string, exists bool) (bool, error) {
	kept, err := rootfs.OpenAt(j.dir, i.Content, 0)
	if err != nil {
		return false, err
	}
	defer kept.Close()
	if exists {
		same, err := i.holds(dir, base, kept)
		if err != nil || same {
			return false, err
		}
	}
	info, err := rootfs.StatFile(kept)
	if err != nil {
		return false, err
	}
	if _, err := kept.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	var b atomicfile.Batch
	o := atomicfile.Options{Mode: i.Mode, Owner: atomicfile.Own(i.UID, i.GID), Finish: i.adorn}
	if err := b.Write(dir, base, kept, info.Size, o); err != nil {
		return false, err
	}
	_, err = b.Publish()
	return err == nil, err
}

// holds says whether the file is what it was.
func (i image) holds(dir *os.File, base string, kept *os.File) (bool, error) {
	f, err := rootfs.OpenAt(dir, base, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if same, err := i.wears(f); err != nil || !same {
		return false, err
	}
	return equal(f, kept)
}

func equal(a, b io.Reader) (bool, error) {
	bufA, bufB := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return false, err
			}
		}
		if !bytes.Equal(bufA[:n], bufB[:m]) {
			return false, nil
		}
		if errA != nil || errB != nil {
			return (errA == nil) == (errB == nil), nil
		}
	}
}

func (i image) directory(dir *os.File, base string, exists bool) (bool, error) {
	open := rootfs.OpenDirAt
	if !exists {
		open = rootfs.MkdirAt
	}
	f, err := open(dir, base)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if same, err := i.wears(f); err != nil || same {
		return !exists, err
	}
	if err := f.Chown(i.UID, i.GID); err != nil {
		return !exists, err
	}
	return true, i.adorn(f)
}

// wears says whether owner, mode and attributes are what they were.
func (i image) wears(f *os.File) (bool, error) {
	info, err := rootfs.StatFile(f)
	if err != nil || info.UID != i.UID || info.GID != i.GID || info.Mode&modeBits != i.Mode {
		return false, err
	}
	have, err := read(f)
	return maps.EqualFunc(have, i.Attributes, bytes.Equal), err
}

// adorn gives a file the mode and attributes that it had.
func (i image) adorn(f *os.File) error {
	have, err := read(f)
	if err != nil {
		return err
	}
	for name := range have {
		// A security module's context can't be taken off, only changed.
		if _, ok := i.Attributes[name]; ok || name == "security.selinux" {
			continue
		}
		if err := xattr.Remove(f, name); err != nil {
			return err
		}
	}
	for name, value := range i.Attributes {
		if now, ok := have[name]; ok && bytes.Equal(now, value) {
			continue
		}
		if err := xattr.Set(f, name, value); err != nil {
			return err
		}
	}
	return f.Chmod(i.Mode)
}
