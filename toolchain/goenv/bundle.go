package goenv

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/internal/versiondir"
)

// Bundle is a bundle that is to be there unpacked, made by Pack: a module proxy
// made of files, with an SDK and the checksum database's records and tiles. It
// is a bedplate.Resource.
//
// On arrival each file is compared with the manifest, and each module with what
// the checksum database signed, without any network. Only then is it published,
// by one rename.
//
//	modules, err := bundle.Modules()   // the Isolated policy, for an EnvFile
//	toolchain.ModuleProxy{Proxies: modules.Proxy} // and the SDK comes from it
type Bundle struct {
	// Path is the bundle, a file of this machine.
	Path string
	// SHA256 is the hex digest that the file must have. "": the database vouches,
	// and modules that it does not know are refused.
	SHA256 string
	// Dir is where it is unpacked, absolute inside Root.
	Dir string
	// Root is the tree that Dir lies in. "": this machine.
	Root string
	// SumDB is who must have vouched. Zero: the go command's default.
	SumDB SumDB
}

// Modules is the policy by which the unpacked bundle is used.
func (b Bundle) Modules() (Modules, error) {
	m, err := Isolated(path.Join("/", b.Root, b.Dir))
	m.SumDB = b.SumDB
	return m, err
}

// Plan says whether the bundle has to be unpacked.
func (b Bundle) Plan(ctx context.Context) ([]bedplate.Change, error) {
	changes, _, err := b.plan(ctx)
	return changes, err
}

// Ensure unpacks the bundle and proves it, if it is not there.
func (b Bundle) Ensure(ctx context.Context) (made []bedplate.Change, err error) {
	changes, text, err := b.plan(ctx)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	root, err := rootfs.Open(b.Root)
	if err != nil {
		return nil, fmt.Errorf("goenv: %w", err)
	}
	defer root.Close()
	for _, c := range changes {
		if c.Kind == "directory" {
			if err := root.Mkdir(c.Target, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return made, fmt.Errorf("goenv: %w", err)
			}
		} else if err := b.unpack(ctx, root, text, c.Op == bedplate.OpUpdate); err != nil {
			return made, err
		}
		made = append(made, c)
	}
	return made, nil
}

// Verify reads all that was unpacked and proves it again.
func (b Bundle) Verify(ctx context.Context) error {
	text, man, err := b.manifest()
	if err != nil {
		return err
	}
	root, err := rootfs.Open(b.Root)
	if err != nil {
		return fmt.Errorf("goenv: %w", err)
	}
	defer root.Close()
	have, err := root.ReadFile(path.Join(b.Dir, manifestName))
	if err != nil {
		return fmt.Errorf("goenv: %w", err)
	}
	if !bytes.Equal(have, text) {
		return fmt.Errorf("goenv: %s holds another bundle than %s", root.Host(b.Dir), b.Path)
	}
	for _, f := range man.Files {
		in, err := root.Open(path.Join(b.Dir, f.Path))
		if err != nil {
			return fmt.Errorf("goenv: %w", err)
		}
		sum, _, err := digest(in)
		if err := errors.Join(err, in.Close()); err != nil {
			return fmt.Errorf("goenv: %w", err)
		}
		if sum != f.SHA256 {
			return fmt.Errorf("goenv: %s was changed", root.Host(path.Join(b.Dir, f.Path)))
		}
	}
	return nil
}

// plan compares; text is the bundle's manifest.
func (b Bundle) plan(ctx context.Context) (changes []bedplate.Change, text []byte, err error) {
	if err := errors.Join(absolute("Dir", b.Dir), b.SumDB.Validate(), ctx.Err()); err != nil {
		return nil, nil, err
	}
	text, man, err := b.manifest()
	if err != nil {
		return nil, nil, err
	}
	change := bedplate.Change{Op: bedplate.OpCreate, Kind: "bundle", Target: b.Dir, Detail: man.summary()}
	root, err := rootfs.Open(b.Root)
	if errors.Is(err, fs.ErrNotExist) {
		change.Pending = "directory " + b.Root
		return []bedplate.Change{change}, text, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("goenv: %w", err)
	}
	defer root.Close()
	info, err := root.Lstat(b.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f := &found{root: root}
		err := target{path: b.Dir}.missing(f)
		return append(f.changes, change), text, err
	case err != nil:
		return nil, nil, fmt.Errorf("goenv: %w", err)
	case !info.Mode.IsDir():
		return nil, nil, &IrregularError{root.Host(b.Dir), "is no directory"}
	}
	have, err := root.ReadFile(path.Join(b.Dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, &IrregularError{root.Host(b.Dir), "holds something else than a bundle; name another Dir"}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("goenv: %w", err)
	}
	change.Op = bedplate.OpUpdate
	if !bytes.Equal(have, text) {
		return []bedplate.Change{change}, text, nil
	}
	for _, f := range man.Files {
		if info, err := root.Lstat(path.Join(b.Dir, f.Path)); err != nil || !info.Mode.IsRegular() || info.Size != f.Size {
			change.Detail = f.Path + " is not as it was → " + change.Detail
			return []bedplate.Change{change}, text, nil
		}
	}
	return nil, text, nil
}

func (m manifest) summary() string {
	s := fmt.Sprintf("%d modules", len(m.Modules))
	if m.SDK != "" {
		s += ", SDK " + m.SDK
	}
	return s
}

// manifest reads the start of the file.
func (b Bundle) manifest() (text []byte, m manifest, err error) {
	f, err := os.Open(b.Path)
	if err != nil {
		return nil, m, fmt.Errorf("goenv: bundle: %w", err)
	}
	defer f.Close()
	text, m, err = readManifest(tar.NewReader(f))
	if err != nil {
		return nil, m, fmt.Errorf("goenv: %s is no bundle: %w", b.Path, err)
	}
	return text, m, nil
}

// unpack unpacks beside the final name, proves, and publishes.
func (b Bundle) unpack(ctx context.Context, root *rootfs.Root, text []byte, again bool) (err error) {
	in, err := os.Open(b.Path)
	if err != nil {
		return fmt.Errorf("goenv: bundle: %w", err)
	}
	defer in.Close()
	parent, name, err := root.Parent(b.Dir)
	if err != nil {
		return fmt.Errorf("goenv: %w", err)
	}
	store := versiondir.Open(parent)
	defer store.Close()
	stage := store.Stage
	if again {
		stage = store.Restage
	}
	staging, err := stage(ctx, name)
	if err != nil {
		return fmt.Errorf("goenv: %w", err)
	}
	if err := b.fill(ctx, staging.Root, in, text); err != nil {
		return errors.Join(fmt.Errorf("goenv: %s was not unpacked: %w", b.Path, err), staging.Discard())
	}
	if err := staging.Publish(); err != nil {
		return fmt.Errorf("goenv: %w", err)
	}
	return nil
}

// fill writes the files as they are read and hashed once, and proves what is there then.
func (b Bundle) fill(ctx context.Context, dir *os.Root, in io.ReadSeeker, planned []byte) error {
	if b.SHA256 != "" { // first, since what follows believes what it reads a little
		sum, _, err := digest(in)
		if err != nil {
			return err
		}
		if !strings.EqualFold(sum, b.SHA256) {
			return fmt.Errorf("its digest is %s, not %s", sum, b.SHA256)
		}
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	r := tar.NewReader(in)
	text, man, err := readManifest(r)
	if err != nil {
		return err
	}
	if !bytes.Equal(text, planned) {
		return errors.New("it changed while it was read")
	}
	public, err := man.versions()
	if err != nil {
		return err
	}
	if key, err := b.SumDB.VerifierKey(); err != nil {
		return err
	} else if len(public) > 0 && man.Database != key {
		return fmt.Errorf("it was made with the checksum database %q, and %q is the one to believe", man.Database, key)
	}
	if len(man.Private) > 0 && b.SHA256 == "" {
		return &UnvouchedError{man.Private[0], fmt.Sprintf("and %d more are private, and nobody vouches for them; give the bundle's SHA256", len(man.Private)-1)}
	}
	for _, f := range man.Files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := extract(dir, r, f); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	if h, err := r.Next(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = fmt.Errorf("%q is not in its manifest", h.Name)
		}
		return err
	}
	if err := (&records{dir: dir, db: b.SumDB}).prove(ctx, public); err != nil {
		return err
	}
	if err := dir.WriteFile(manifestName, text, 0o644); err != nil {
		return err
	}
	// Whoever builds is seldom who unpacked, and a umask of 077 would lock them out.
	return fs.WalkDir(dir.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if d.IsDir() {
			mode = 0o755
		}
		return dir.Chmod(name, mode)
	})
}
