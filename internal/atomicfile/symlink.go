package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// SymlinkAt makes name in dir a symlink to target, atomically: a reader sees
// the old link or the new one, never none. Anything but a symlink in its place
// is refused.
func SymlinkAt(dir *os.File, target, name string) (Outcome, error) {
	outcome, old, err := RelinkAt(dir, target, name)
	if err != nil || outcome == Unchanged {
		return outcome, err
	}
	if err := errors.Join(dir.Sync(), Retire(old)); err != nil {
		return Unchanged, pathError("sync", dir, name, err)
	}
	return outcome, nil
}

// RelinkAt is SymlinkAt without its end: the link that was replaced, nil if there
// was none, is for Retire, and the directory for a sync.
func RelinkAt(dir *os.File, target, name string) (outcome Outcome, old *os.File, err error) {
	outcome = Updated
	switch have, err := Readlinkat(dir, name); {
	case errors.Is(err, fs.ErrNotExist):
		outcome = Created
	case errors.Is(err, unix.EINVAL):
		return Unchanged, nil, pathError("link", dir, name, fmt.Errorf("it exists and is no symlink: %w", ErrIrregular))
	case err != nil:
		return Unchanged, nil, pathError("read link", dir, name, err)
	case have == target:
		return Unchanged, nil, nil
	}
	if outcome == Updated {
		if old, err = hold(dir, name); err != nil {
			return Unchanged, nil, pathError("open", dir, name, err)
		}
	}
	if err := relink(int(dir.Fd()), target, name); err != nil {
		return Unchanged, nil, errors.Join(pathError("link", dir, name, err), Retire(old))
	}
	return outcome, old, nil
}

// ClearAt removes what a killed writer of the file or link called name left in
// dir. What a living one is at work on stays.
func ClearAt(dir *os.File, name string) error {
	dirfd := int(dir.Fd())
	if err := clear(dirfd, temporary(name)); err != nil && !errors.Is(err, ErrBusy) {
		return pathError("clear", dir, temporary(name), err)
	}
	tmp := temporary(name + "→")
	if _, err := Readlinkat(dir, tmp); err != nil {
		return nil // there is none
	}
	if err := unix.Unlinkat(dirfd, tmp, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return pathError("clear", dir, tmp, err)
	}
	return nil
}

// Retire lets go of links that were replaced, when no lookup can be in them any
// more. ext4 empties the text of a short link the moment that its last name and
// descriptor are gone (ext4_evict_inode), while the kernel's lookup reads it
// without a lock: an empty link then leads to the directory that it is in. Seen
// once in some thousand switches on Linux 6.12, with a reader on each processor.
func Retire(old ...*os.File) error {
	var errs []error
	waited := false
	for _, f := range old {
		if f == nil {
			continue
		}
		if !waited {
			waitForLookups()
			waited = true
		}
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// relink makes a link and renames it. A symlink can't be locked, so one that is
// in the way, a dead writer's or another's at work, is removed; the other then
// finds its own gone, and begins again.
func relink(dirfd int, target, name string) error {
	tmp := temporary(name + "→")
	for range 1000 {
		err := unix.Symlinkat(target, dirfd, tmp)
		if errors.Is(err, unix.EEXIST) {
			if err := unix.Unlinkat(dirfd, tmp, 0); err != nil && !errors.Is(err, unix.ENOENT) {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		err = unix.Renameat(dirfd, tmp, dirfd, name)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return errors.Join(err, unix.Unlinkat(dirfd, tmp, 0))
		}
		return nil
	}
	return ErrBusy
}

// Readlinkat reads a link of any length.
func Readlinkat(dir *os.File, name string) (string, error) {
	var few [256]byte
	for b := few[:]; ; b = make([]byte, 4*len(b)) {
		n, err := unix.Readlinkat(int(dir.Fd()), name, b)
		if err != nil {
			return "", err
		}
		if n < len(b) {
			return string(b[:n]), nil
		}
	}
}
