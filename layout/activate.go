package layout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/internal/versiondir"
)

// remembered is how many activations are kept on record.
const remembered = 100

// Activate makes a release the current one, and remembers the one that was.
// Whoever reads through the link meanwhile finds the old release or the new one.
// It changes nothing if the release is current already.
func (r Releases) Activate(ctx context.Context, id string) (changes []bedplate.Change, err error) {
	err = r.locked(ctx, func(s *shelf) error {
		if has, err := s.store.Has(id); err != nil || !has {
			return errors.Join(err, fmt.Errorf("activate %q: %w; List has those that are staged", id, fs.ErrNotExist))
		}
		if _, err := s.release(id); err != nil {
			return fmt.Errorf("activate %q: %w", id, err)
		}
		changes, err = s.activate(id)
		return err
	})
	return changes, err
}

func (s *shelf) activate(id string) ([]bedplate.Change, error) {
	current, err := s.store.Current()
	if err != nil || current == id {
		return nil, err
	}
	history, err := s.history()
	if err != nil {
		return nil, err
	}
	// The history is written first and read only as far as the link agrees, so
	// the two need no common commit.
	history = until(history, current)
	if versiondir.Valid(current) && !slices.Contains(history, current) { // a link of others' may lead anywhere
		history = append(history, current)
	}
	history = append(history, id)
	history = history[max(0, len(history)-remembered):]
	if _, err := atomicfile.WriteAt(s.store.Dir(), historyName, []byte(strings.Join(history, "\n")+"\n"), atomicfile.Options{}); err != nil {
		return nil, err
	}
	return s.use(current, id)
}

func (s *shelf) use(from, to string) ([]bedplate.Change, error) {
	if _, err := s.store.Use(to); err != nil {
		return nil, err
	}
	return []bedplate.Change{s.switched(from, to)}, nil
}

func (s *shelf) switched(from, to string) bedplate.Change {
	if from == "" {
		return s.change(bedplate.OpCreate, "symlink", versiondir.CurrentLink, "→ "+to)
	}
	return s.change(bedplate.OpUpdate, "symlink", versiondir.CurrentLink, from+" → "+to)
}

// Rollback makes the release current that was before the current one. Done
// again, it goes back one more. Without one, the error matches ErrNoPrevious.
func (r Releases) Rollback(ctx context.Context) (changes []bedplate.Change, err error) {
	err = r.locked(ctx, func(s *shelf) error {
		current, previous, err := s.active()
		if err != nil {
			return err
		}
		changes, err = s.use(current, previous)
		return err
	})
	return changes, err
}

// Prune removes releases: all but the newest keep, the current one and the one
// to roll back to. It also clears what killed makers left.
func (r Releases) Prune(ctx context.Context, keep int) (changes []bedplate.Change, err error) {
	if keep < 0 {
		return nil, fmt.Errorf("layout: releases %s: keep %d; want 0 or more", printable(r.Dir), keep)
	}
	err = r.locked(ctx, func(s *shelf) error {
		all, err := s.list()
		if err != nil {
			return err
		}
		for i, rel := range all {
			if i < keep || rel.Current || rel.Previous {
				continue
			}
			if err := s.store.Remove(ctx, rel.ID); err != nil {
				return err
			}
			changes = append(changes, s.change(bedplate.OpDelete, "directory", rel.ID, ""))
		}
		return s.sweep()
	})
	return changes, err
}

// sweep clears stagings that no process is at work on: removing a version that
// was never published does just that. The context has ended already, so a lock
// that is held is not waited for.
func (s *shelf) sweep() error {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	names, err := rootfs.OpenDirAt(s.store.Dir(), ".")
	if err != nil {
		return err
	}
	defer names.Close()
	entries, err := names.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		ext := path.Ext(e)
		if !strings.HasPrefix(e, ".") || ext != ".new" && ext != ".old" {
			continue
		}
		err := s.store.Remove(ended, strings.TrimSuffix(e[1:], ext))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, context.Canceled) && !errors.Is(err, versiondir.ErrInUse) {
			return err
		}
	}
	return nil
}

// Verify reads every file of a release and compares it with the manifest, both
// ways: what is changed, missing, or too much is an error.
func (r Releases) Verify(ctx context.Context, id string) error {
	return r.with(func(s *shelf) error {
		rel, err := s.release(id)
		if err != nil {
			return err
		}
		dir, err := rootfs.OpenDirAt(s.store.Dir(), id)
		if err != nil {
			return err
		}
		defer dir.Close()
		return differences(ctx, dir, rel)
	})
}

func differences(ctx context.Context, dir *os.File, rel Release) error {
	have, err := manifestOf(ctx, stagedContents{dir}, "", nil)
	if err != nil {
		return err
	}
	wanted := map[string]ManifestFile{}
	for _, f := range rel.Manifest.Files {
		f.Go = ""
		wanted[f.Path] = f
	}
	var errs []error
	if id := rel.Manifest.ID(); id != rel.ID {
		errs = append(errs, fmt.Errorf("the manifest is that of %s", id))
	}
	for _, f := range have.Files {
		switch want, ok := wanted[f.Path]; {
		case !ok:
			errs = append(errs, fmt.Errorf("%s is not in the manifest", printable(f.Path)))
		case f != want:
			errs = append(errs, fmt.Errorf("%s is not what the manifest says", printable(f.Path)))
		}
		delete(wanted, f.Path)
	}
	missing := make([]string, 0, len(wanted))
	for p := range wanted {
		missing = append(missing, p)
	}
	slices.Sort(missing)
	for _, p := range missing {
		errs = append(errs, fmt.Errorf("%s is missing", printable(p)))
	}
	return errors.Join(errs...)
}

// stagedContents is the contents of a release that is published.
type stagedContents struct{ *os.File }

func (c stagedContents) each(visit func(ManifestFile, io.Reader) error) error {
	return eachIn(c.File, "", visit)
}

func eachIn(dir *os.File, above string, visit func(ManifestFile, io.Reader) error) error {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if above == "" && name == ManifestName {
			continue
		}
		if err := visitAt(dir, name, path.Join(above, name), visit); err != nil {
			return err
		}
	}
	return nil
}

func visitAt(dir *os.File, name, p string, visit func(ManifestFile, io.Reader) error) error {
	info, err := rootfs.LstatAt(dir, name)
	if err != nil {
		return err
	}
	f := ManifestFile{Path: p, Kind: kindOf(info.Mode)}
	if f.Kind == "symlink" {
		if f.Target, err = atomicfile.Readlinkat(dir, name); err != nil {
			return err
		}
	}
	if f.Kind != "file" && f.Kind != "directory" {
		return visit(f, nil)
	}
	open, err := rootfs.OpenAt(dir, name, 0)
	if err != nil {
		return err
	}
	defer open.Close()
	if f.Kind == "directory" {
		if err := visit(f, nil); err != nil {
			return err
		}
		return eachIn(open, p, visit)
	}
	f.Executable = info.Mode&0o111 != 0
	return visit(f, open)
}

func readAt(dir *os.File, name string) ([]byte, error) {
	f, err := rootfs.OpenAt(dir, name, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

func readManifest(dir *os.File) (Manifest, error) {
	b, err := readAt(dir, ManifestName)
	if err != nil {
		return Manifest{}, err
	}
	return ParseManifest(b)
}
