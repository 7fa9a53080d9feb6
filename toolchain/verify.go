package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/bedplate/bedplate/internal/rootfs"
	"golang.org/x/sync/errgroup"
)

// Verify hashes every file again and compares it with the receipt. What is
// changed, missing or extra is an *AlteredError.
func (i Installation) Verify(ctx context.Context) error {
	root, err := rootfs.Open(i.root)
	if err != nil {
		return wrap(err)
	}
	defer root.Close()
	r, err := i.receipt(root)
	if err != nil {
		return err
	}
	tree, err := os.OpenRoot(i.GOROOT)
	if err != nil {
		return wrap(err)
	}
	defer tree.Close()
	diffs, err := compare(ctx, tree, r.Files)
	if err != nil {
		return wrap(err)
	}
	if len(diffs) > 0 {
		return &AlteredError{i.GOROOT, diffs}
	}
	return nil
}

// compare gives the differences between a tree and a receipt, sorted. A
// directory at a time goes to a worker, which opens its files from it: a path from
// the top costs the kernel a lookup for each part of it, eleven thousand times.
func compare(ctx context.Context, tree *os.Root, files []hashedFile) ([]Difference, error) {
	c := comparison{known: make(map[string]*seenFile, len(files))}
	for _, f := range files {
		c.known[f.Path] = &seenFile{hashedFile: f}
	}
	dirs := []string{"."}
	err := fs.WalkDir(tree.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && p != "." {
			dirs = append(dirs, p)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			h, block := sha256.New(), make([]byte, 256<<10)
			for n := next.Add(1) - 1; n < int64(len(dirs)); n = next.Add(1) - 1 {
				if err := c.directory(ctx, tree, dirs[n], h, block); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, f := range c.known {
		if !f.seen {
			c.report(f.Path, "missing")
		}
	}
	slices.SortFunc(c.diffs, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	return c.diffs, nil
}

type comparison struct {
	known map[string]*seenFile
	mu    sync.Mutex
	diffs []Difference
}

// seenFile is a file of the receipt. Its directory is one worker's.
type seenFile struct {
	hashedFile
	seen bool
}

func (c *comparison) report(path, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.diffs = append(c.diffs, Difference{path, what})
}

func (c *comparison) directory(ctx context.Context, tree *os.Root, name string, h hash.Hash, block []byte) error {
	dir, err := tree.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		p := path.Join(name, e.Name())
		f, ok := c.known[p]
		if !ok {
			c.report(p, "extra")
			continue
		}
		f.seen = true
		same := e.Type().IsRegular()
		if same {
			if same, err = f.is(dir, e.Name(), h, block); err != nil {
				return err
			}
		}
		if !same {
			c.report(p, "changed")
		}
	}
	return nil
}

// is compares a file of an open directory with what it was.
func (f hashedFile) is(dir *os.File, name string, h hash.Hash, block []byte) (bool, error) {
	file, err := rootfs.OpenAt(dir, name, os.O_RDONLY)
	if err != nil {
		return false, err
	}
	defer file.Close()
	info, err := rootfs.StatFile(file)
	if err != nil {
		return false, err
	}
	if !info.Mode.IsRegular() || info.Size != f.Size || (info.Mode.Perm()&0o111 != 0) != f.Exec {
		return false, nil
	}
	// What others may write, or runs as somebody else, was not installed so.
	if info.Mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 || info.Mode.Perm()&0o022 != 0 {
		return false, nil
	}
	h.Reset()
	for read := int64(0); ; {
		n, err := file.Read(block)
		h.Write(block[:n]) //nolint:errcheck // a hash takes all
		if read += int64(n); errors.Is(err, io.EOF) || err == nil && read == f.Size {
			break
		}
		if err != nil {
			return false, err
		}
	}
	var sum [sha256.Size]byte
	return hex.EncodeToString(h.Sum(sum[:0])) == f.SHA256, nil
}

// Repair verifies the installation and, if it was altered or its receipt is
// missing or damaged, installs it again from the source beside itself and
// exchanges the two at once.
func (i Installation) Repair(ctx context.Context, source Source) error {
	err := i.Verify(ctx)
	var altered *AlteredError
	if !errors.As(err, &altered) && !errors.Is(err, ErrNoReceipt) && !errors.Is(err, errReceipt) {
		return err
	}
	sdk := SDK{Version: string(i.Version), Source: source, Dir: i.dir, Root: i.root, Platform: i.Platform, AllowEndOfLife: true}
	j, err := sdk.survey(ctx)
	if err != nil {
		return err
	}
	defer j.close()
	store, err := j.versions()
	if err != nil {
		return wrap(err)
	}
	defer store.Close()
	staging, err := store.Restage(ctx, j.name)
	if err != nil {
		return wrap(err)
	}
	if err := j.fill(ctx, store, staging); err != nil {
		return wrap(errors.Join(err, staging.Discard()))
	}
	if err := staging.Publish(); err != nil {
		return wrap(err)
	}
	return i.Verify(ctx)
}
