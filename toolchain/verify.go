package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

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

// compare gives the differences between a tree and a receipt, sorted.
func compare(ctx context.Context, tree *os.Root, files []hashedFile) (diffs []Difference, err error) {
	known := make(map[string]bool, len(files))
	for _, f := range files {
		known[f.Path] = true
	}
	var mu sync.Mutex
	report := func(path, what string) {
		mu.Lock()
		defer mu.Unlock()
		diffs = append(diffs, Difference{path, what})
	}
	err = fs.WalkDir(tree.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !known[p] {
			report(p, "extra")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() error {
			block := make([]byte, 64<<10)
			for n := w; n < len(files); n += workers {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				what, err := files[n].differs(tree, block)
				if err != nil {
					return err
				}
				if what != "" {
					report(files[n].Path, what)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(diffs, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	return diffs, nil
}

func (f hashedFile) differs(tree *os.Root, block []byte) (string, error) {
	info, err := tree.Lstat(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return "missing", nil
	}
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() != f.Size || (info.Mode().Perm()&0o111 != 0) != f.Exec {
		return "changed", nil
	}
	file, err := tree.Open(f.Path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{file}, block); err != nil {
		return "", err
	}
	if hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return "changed", nil
	}
	return "", nil
}

// Repair verifies the installation and, if it was altered, installs it again
// from the source beside itself and exchanges the two at once.
func (i Installation) Repair(ctx context.Context, source Source) error {
	err := i.Verify(ctx)
	var altered *AlteredError
	if !errors.As(err, &altered) && !errors.Is(err, ErrNoReceipt) {
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
