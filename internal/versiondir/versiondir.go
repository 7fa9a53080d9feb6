// Package versiondir keeps trees side by side in one directory, each published
// whole or not at all, with a link "current" to one of them.
//
//	DIR/1.2.3/          published
//	DIR/current         → 1.2.3, switched by rename
//	DIR/.1.2.3.new      staged, by the process that holds the lock
//	DIR/.1.2.3.old      on its way out
//	DIR/.1.2.3.lock     while it is made or removed
//
// What a killed process left is cleared by the next that takes its lock.
package versiondir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/lockfile"
	"golang.org/x/sys/unix"
)

// CurrentLink is the name of the link.
const CurrentLink = "current"

// ErrInUse is matched when the tree that "current" leads to is to be removed.
var ErrInUse = errors.New("it is the current one")

// Store is an open directory of versions.
type Store struct{ dir *os.File }

// Open takes over an open directory.
func Open(dir *os.File) *Store { return &Store{dir} }

// Close closes the directory.
func (s *Store) Close() error { return s.dir.Close() }

// Dir is the open directory.
func (s *Store) Dir() *os.File { return s.dir }

// valid refuses names that would be something else here.
func valid(name string) error {
	if name == "" || name == CurrentLink || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/\x00\n") || len(name) > 200 {
		return fmt.Errorf("versiondir: %q can't be the name of a version: no slash, no leading dot, not %q, at most 200 bytes", name, CurrentLink)
	}
	return nil
}

// Valid says whether a version can have this name.
func Valid(name string) bool { return valid(name) == nil }

func staged(name string) string   { return "." + name + ".new" }
func leaving(name string) string  { return "." + name + ".old" }
func lockName(name string) string { return "." + name + ".lock" }

// Has says whether a version is published.
func (s *Store) Has(name string) (bool, error) {
	if err := valid(name); err != nil {
		return false, err
	}
	var st unix.Stat_t
	err := unix.Fstatat(int(s.dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, s.pathError("stat", name, err)
	}
	return st.Mode&unix.S_IFMT == unix.S_IFDIR, nil
}

// List gives the published versions, sorted as text.
func (s *Store) List() ([]string, error) {
	root, err := openRoot(s.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && valid(e.Name()) == nil {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Current is the version that the link leads to; "" without a link.
func (s *Store) Current() (string, error) {
	target, err := atomicfile.Readlinkat(s.dir, CurrentLink)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if errors.Is(err, unix.EINVAL) {
		err = errors.New("it is no symlink; move it away")
	}
	if err != nil {
		return "", s.pathError("readlink", CurrentLink, err)
	}
	return strings.TrimSuffix(target, "/"), nil
}

// Use makes a published version current, atomically, and says whether that
// changed anything.
func (s *Store) Use(name string) (bool, error) {
	has, err := s.Has(name)
	if err != nil {
		return false, err
	}
	if !has {
		return false, s.pathError("use", name, fs.ErrNotExist)
	}
	o, err := atomicfile.SymlinkAt(s.dir, name, CurrentLink)
	return o != atomicfile.Unchanged, err
}

// Remove removes a version: out of sight by one rename, then file by file. The
// current one is refused. A version that is absent is fs.ErrNotExist.
func (s *Store) Remove(ctx context.Context, name string) (err error) {
	if err := valid(name); err != nil {
		return err
	}
	lock, err := lockfile.Acquire(ctx, s.dir, lockName(name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Remove(s.dir)) }()
	switch current, err := s.Current(); {
	case err != nil:
		return err
	case current == name:
		return s.pathError("remove", name, ErrInUse)
	}
	if err := s.sweep(name); err != nil {
		return err
	}
	if err := unix.Renameat(int(s.dir.Fd()), name, int(s.dir.Fd()), leaving(name)); err != nil {
		return s.pathError("remove", name, err)
	}
	return s.sweep(name)
}

// sweep clears what was staged or on its way out. The caller holds the lock.
func (s *Store) sweep(name string) error {
	root, err := openRoot(s.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return errors.Join(removeAll(root, staged(name)), removeAll(root, leaving(name)))
}

// heal clears what killed processes left of other versions. A lock that is held
// has a living owner, who is left alone.
func (s *Store) heal(except string) error {
	root, err := openRoot(s.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	now, cancel := context.WithCancel(context.Background())
	cancel() // try once, never wait
	var errs []error
	for _, e := range entries {
		name, found := left(e)
		if !found || name == except {
			continue
		}
		lock, err := lockfile.Acquire(now, s.dir, lockName(name))
		switch {
		case errors.Is(err, context.Canceled):
		case err != nil:
			errs = append(errs, err)
		default:
			errs = append(errs, s.sweep(name), lock.Remove(s.dir))
		}
	}
	return errors.Join(errs...)
}

// left says of which version something is left.
func left(e fs.DirEntry) (string, bool) {
	name := strings.TrimPrefix(e.Name(), ".")
	if name = strings.TrimSuffix(name, path.Ext(name)); valid(name) != nil {
		return "", false
	}
	if e.IsDir() {
		return name, e.Name() == staged(name) || e.Name() == leaving(name)
	}
	return name, e.Type().IsRegular() && e.Name() == lockName(name)
}

// removeAll also gets into directories that an archive or a release made
// read-only, which an ordinary user could not empty.
func removeAll(root *os.Root, name string) error {
	err := root.RemoveAll(name)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	walk := fs.WalkDir(root.FS(), name, func(p string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			return root.Chmod(p, 0o700)
		}
		return err
	})
	return errors.Join(walk, root.RemoveAll(name))
}

func (s *Store) pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: path.Join(s.dir.Name(), name), Err: err}
}
