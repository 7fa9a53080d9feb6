package goenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// IrregularError is a file that is not ours to replace.
type IrregularError struct {
	Path string
	// Why is what it is instead of a file that may be written.
	Why string
}

func (e *IrregularError) Error() string {
	return fmt.Sprintf("goenv: %s %s; nothing was changed", e.Path, e.Why)
}

// target is one file that is edited and otherwise kept.
type target struct {
	root, path string
	mode       fs.FileMode // of a new file
	private    bool        // nobody but the owner may read it
	// edit gives the wanted content, and says in one line what differs. nil is no file.
	edit func(old []byte, exists bool) (content []byte, detail string, err error)
}

// found is what there is, and what it is to become.
type found struct {
	root    *rootfs.Root // nil: the root itself is missing
	content []byte
	options atomicfile.Options
	changes []bedplate.Change
}

func (f *found) close() {
	if f.root != nil {
		_ = f.root.Close() // opened for lookups
	}
}

func (t target) plan() ([]bedplate.Change, error) {
	f, err := t.find()
	if err != nil {
		return nil, err
	}
	f.close()
	return f.changes, nil
}

// find compares; plan and ensure differ only in what they do with it.
func (t target) find() (_ *found, err error) {
	f := &found{options: atomicfile.Options{Mode: t.mode}}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if f.root, err = rootfs.Open(t.root); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("goenv: %w", err)
	}
	old, exists, err := t.read(f)
	if err != nil {
		return nil, err
	}
	var detail string
	if f.content, detail, err = t.edit(old, exists); err != nil {
		return nil, err
	}
	change := bedplate.Change{Op: bedplate.OpUpdate, Kind: "file", Target: t.path, Detail: detail}
	switch open := f.options.Mode&0o077 != 0; {
	case !exists && f.content == nil:
		return f, nil
	case exists && f.content == nil:
		change.Op = bedplate.OpDelete
	case !exists:
		change.Op = bedplate.OpCreate
		if err := t.missing(f); err != nil {
			return nil, err
		}
	case t.private && open:
		change.Detail = join(detail, fmt.Sprintf("mode %04o → %04o", f.options.Mode, f.options.Mode&0o700))
	case bytes.Equal(old, f.content):
		return f, nil
	}
	if t.private {
		f.options.Mode &= 0o700
	}
	if f.root == nil {
		change.Pending = "directory " + t.root
	}
	f.changes = append(f.changes, change)
	return f, nil
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// read reads the file, with the mode and the owner that it keeps. One that is a
// link belongs to whoever manages what it leads to.
func (t target) read(f *found) (old []byte, exists bool, err error) {
	if f.root == nil {
		return nil, false, nil
	}
	info, err := f.root.Lstat(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("goenv: %w", err)
	}
	host := f.root.Host(t.path)
	switch {
	case info.Mode&fs.ModeSymlink != 0:
		to, err := f.root.Readlink(t.path)
		if err != nil {
			return nil, false, fmt.Errorf("goenv: %w", err)
		}
		return nil, false, &IrregularError{host, "is a link to " + to + "; name that file, or replace the link by a file"}
	case !info.Mode.IsRegular():
		return nil, false, &IrregularError{host, "is no regular file"}
	case info.Mode&0o200 == 0:
		return nil, false, &IrregularError{host, "is read-only; chmod u+w it first if it may be edited"}
	case info.Size > maxFile:
		return nil, false, &IrregularError{host, fmt.Sprintf("has %d bytes, over %d", info.Size, maxFile)}
	}
	f.options = atomicfile.Options{Mode: info.Mode &^ fs.ModeType, Owner: atomicfile.Own(info.UID, info.GID)}
	if old, err = f.root.ReadFile(t.path); err != nil {
		return nil, false, fmt.Errorf("goenv: %w", err)
	}
	return old, true, nil
}

// maxFile bounds what is edited: people write these files.
const maxFile = 4 << 20

// missing adds the directories on the way that are not there, outermost first.
func (t target) missing(f *found) error {
	if f.root == nil {
		return nil
	}
	var dirs []string
	for at := path.Dir(t.path); at != "/"; at = path.Dir(at) {
		info, err := f.root.Stat(at)
		if err == nil && !info.Mode.IsDir() {
			return fmt.Errorf("goenv: %s is no directory", f.root.Host(at))
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("goenv: %w", err)
		}
		dirs = append(dirs, at)
	}
	for _, d := range slices.Backward(dirs) {
		f.changes = append(f.changes, bedplate.Change{Op: bedplate.OpCreate, Kind: "directory", Target: d})
	}
	return nil
}

func (t target) ensure(ctx context.Context) (made []bedplate.Change, err error) {
	f, err := t.find()
	if err != nil {
		return nil, err
	}
	defer f.close()
	if len(f.changes) == 0 {
		return nil, ctx.Err()
	}
	if f.root == nil {
		return nil, fmt.Errorf("goenv: root %s: %w", t.root, fs.ErrNotExist)
	}
	for _, c := range f.changes {
		if err := ctx.Err(); err != nil {
			return made, fmt.Errorf("goenv: %w", err)
		}
		switch {
		case c.Kind == "directory":
			if err = f.root.Mkdir(c.Target, 0o755); errors.Is(err, fs.ErrExist) {
				err = nil // by somebody else meanwhile
			}
		case c.Op == bedplate.OpDelete:
			err = f.root.Remove(c.Target)
		default:
			_, err = f.root.WriteFile(c.Target, f.content, f.options)
		}
		if err != nil {
			return made, fmt.Errorf("goenv: %w", err)
		}
		made = append(made, c)
	}
	return made, nil
}

// absolute says what is wrong with a path that a resource is about.
func absolute(field, name string) error {
	if !path.IsAbs(name) || path.Clean(name) != name || name == "/" {
		return fmt.Errorf("goenv: %s=%q must be an absolute, clean path", field, name)
	}
	return nil
}
