package layout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/versiondir"
)

// Staging says what is staged, and as what.
type Staging struct {
	// Contents are the release's files.
	Contents Contents
	// Label begins the release's id, for people: a version, usually. "" leaves
	// the digest alone.
	Label string
	// Build is kept in the manifest; see Manifest.
	Build map[string]string
	// ID, if set, is what the release's id must be, as one machine told it the
	// others; contents that come to another one are ErrContent.
	ID string
}

// Stage copies a release in, verifies it, and publishes it read-only and, made
// by root, as root's. It does not make it current. A release that is there
// already, by its id, is returned as it is.
func (r Releases) Stage(ctx context.Context, from Staging) (rel Release, err error) {
	m, err := from.manifest(ctx)
	if err != nil {
		return Release{}, fmt.Errorf("layout: releases %s: %w", printable(r.Dir), err)
	}
	err = r.with(func(s *shelf) error {
		_, rel, err = s.stage(ctx, from, m)
		return err
	})
	return rel, err
}

func (from Staging) manifest(ctx context.Context) (Manifest, error) {
	if from.Contents == nil {
		return Manifest{}, errors.New("there are no Contents to stage")
	}
	if err := checkLabel(from.Label); err != nil {
		return Manifest{}, err
	}
	m, err := manifestOf(ctx, from.Contents, from.Label, from.Build)
	if id := m.ID(); err == nil && from.ID != "" && id != from.ID {
		return Manifest{}, fmt.Errorf("%w: the release is %s, wanted %s", ErrContent, id, from.ID)
	}
	return m, err
}

func (s *shelf) stage(ctx context.Context, from Staging, m Manifest) (made bool, rel Release, err error) {
	id := m.ID()
	has, err := s.store.Has(id)
	if err != nil {
		return false, Release{}, err
	}
	if !has {
		made, err = s.publish(ctx, from, m)
	}
	if err != nil {
		return false, Release{}, fmt.Errorf("stage %s: %w", id, err)
	}
	rel, err = s.release(id)
	return made, rel, err
}

func (s *shelf) publish(ctx context.Context, from Staging, m Manifest) (bool, error) {
	st, err := s.store.Stage(ctx, m.ID())
	if errors.Is(err, versiondir.ErrPublished) {
		return false, nil // by another process, while this one waited
	}
	if err != nil {
		return false, err
	}
	if err := fill(ctx, st.Root, from.Contents, m); err != nil {
		return false, errors.Join(err, st.Discard())
	}
	return true, st.Publish()
}

// fill copies the contents, and takes nothing that the manifest does not have.
func fill(ctx context.Context, root *os.Root, c Contents, m Manifest) error {
	wanted := map[string]*ManifestFile{}
	for i := range m.Files {
		wanted[m.Files[i].Path] = &m.Files[i]
	}
	err := c.each(func(f ManifestFile, content io.Reader) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		want := wanted[f.Path]
		if want == nil {
			return fmt.Errorf("%q appeared while the release was read", f.Path)
		}
		delete(wanted, f.Path)
		if err := put(root, *want, f, content); err != nil {
			return fmt.Errorf("%q: %w", f.Path, err)
		}
		if want.Executable {
			return describe(root, want)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(wanted) > 0 {
		return fmt.Errorf("%d files vanished while the release was read", len(wanted))
	}
	b, err := m.bytes()
	if err != nil {
		return err
	}
	f := ManifestFile{Path: ManifestName, Kind: "file", Size: int64(len(b))}
	if f.SHA256, err = digest(bytes.NewReader(b)); err != nil {
		return err
	}
	if err := put(root, f, f, bytes.NewReader(b)); err != nil {
		return err
	}
	return seal(root, m)
}

var errChanged = errors.New("it changed while the release was read")

func put(root *os.Root, want, f ManifestFile, content io.Reader) error {
	name := f.Path
	f.Size, f.SHA256, want.Go = want.Size, want.SHA256, ""
	if f != want {
		return errChanged
	}
	switch f.Kind {
	case "directory":
		if err := root.Mkdir(name, 0o700); err != nil {
			return err
		}
	case "symlink":
		if err := root.Symlink(f.Target, name); err != nil {
			return err
		}
	default:
		if err := copyFile(root, want, content); err != nil {
			return err
		}
	}
	if os.Geteuid() == 0 {
		return root.Lchown(name, 0, 0)
	}
	return nil
}

func copyFile(root *os.Root, want ManifestFile, content io.Reader) (err error) {
	out, err := root.OpenFile(want.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	sum, err := digest(io.TeeReader(content, out))
	if err != nil {
		return err
	}
	if sum != want.SHA256 {
		return errChanged
	}
	mode := fs.FileMode(0o444)
	if want.Executable {
		mode = 0o555
	}
	return out.Chmod(mode)
}

// describe adds to the manifest how a Go binary was made.
func describe(root *os.Root, f *ManifestFile) error {
	in, err := root.Open(f.Path)
	if err != nil {
		return err
	}
	f.Go = goBuild(in)
	return in.Close()
}

// seal makes the directories read-only, the innermost first.
func seal(root *os.Root, m Manifest) error {
	for _, f := range slices.Backward(m.Files) {
		if f.Kind != "directory" {
			continue
		}
		if err := root.Chmod(f.Path, 0o555); err != nil {
			return err
		}
	}
	if os.Geteuid() == 0 {
		if err := root.Lchown(".", 0, 0); err != nil {
			return err
		}
	}
	return root.Chmod(".", 0o555)
}

// Deployment is a Resource: its release is staged and current.
type Deployment struct {
	Releases Releases
	Staging  Staging
}

// Plan says whether the release would be staged and made current. Where the
// releases' directory does not exist yet, both are pending.
func (d Deployment) Plan(ctx context.Context) ([]bedplate.Change, error) {
	m, err := d.Staging.manifest(ctx)
	if err != nil {
		return nil, fmt.Errorf("layout: releases %s: %w", printable(d.Releases.Dir), err)
	}
	return d.plan(m)
}

func (d Deployment) plan(m Manifest) ([]bedplate.Change, error) {
	id := m.ID()
	s, err := d.Releases.open()
	if errors.Is(err, fs.ErrNotExist) {
		s := &shelf{Releases: d.Releases}
		pending := "directory " + d.Releases.Dir
		staged, switched := s.staged(m), s.switched("", id)
		staged.Pending, switched.Pending = pending, pending
		return []bedplate.Change{staged, switched}, nil
	}
	if err != nil {
		return nil, err
	}
	changes, err := s.plan(m)
	if err := errors.Join(err, s.close()); err != nil {
		return nil, fmt.Errorf("layout: releases %s: %w", printable(d.Releases.Dir), err)
	}
	return changes, nil
}

func (s *shelf) plan(m Manifest) (changes []bedplate.Change, err error) {
	id := m.ID()
	has, err := s.store.Has(id)
	if err != nil {
		return nil, err
	}
	if !has {
		changes = append(changes, s.staged(m))
	}
	current, err := s.store.Current()
	if err == nil && current != id {
		changes = append(changes, s.switched(current, id))
	}
	return changes, err
}

func (s *shelf) staged(m Manifest) bedplate.Change {
	var size int64
	for _, f := range m.Files {
		size += f.Size
	}
	return s.change(bedplate.OpCreate, "directory", m.ID(), fmt.Sprintf("release of %d bytes in %d files", size, len(m.Files)))
}

// Ensure stages the release and makes it current.
func (d Deployment) Ensure(ctx context.Context) (changes []bedplate.Change, err error) {
	m, err := d.Staging.manifest(ctx)
	if err != nil {
		return nil, fmt.Errorf("layout: releases %s: %w", printable(d.Releases.Dir), err)
	}
	planned, err := d.plan(m)
	if err != nil || len(planned) == 0 {
		return nil, err
	}
	err = d.Releases.locked(ctx, func(s *shelf) error {
		made, rel, err := s.stage(ctx, d.Staging, m)
		if err != nil {
			return err
		}
		if made {
			changes = append(changes, s.staged(m))
		}
		switched, err := s.activate(rel.ID)
		changes = append(changes, switched...)
		return err
	})
	return changes, err
}
