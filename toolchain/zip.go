package toolchain

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/bedplate/bedplate/toolchain/internal/newfile"
	"github.com/klauspost/compress/flate"
	"golang.org/x/sync/errgroup"
)

// unpackZip unpacks a module zip, whose entries are independent, in parallel.
// It gives back the module's h1 hash, which is over the names and contents as
// they stand in the zip.
func unpackZip(ctx context.Context, t *tree, f io.ReaderAt, size int64) (h1 string, err error) {
	z, err := zip.NewReader(f, size)
	if err != nil {
		return "", fmt.Errorf("it is no zip: %w", err)
	}
	z.RegisterDecompressor(zip.Deflate, inflater)
	if len(z.File) == 0 {
		return "", fmt.Errorf("the zip is empty")
	}
	prefix, err := modulePrefixOf(z.File[0].Name)
	if err != nil {
		return "", err
	}
	batches, names, err := plan(t, z.File, prefix)
	if err != nil {
		return "", err
	}
	group, ctx := errgroup.WithContext(ctx)
	todo := make(chan *batch, len(batches))
	for _, b := range batches {
		todo <- b
	}
	close(todo)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			w, block := t.writer(), make([]byte, buffered)
			for b := range todo {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err := b.unpack(w, block); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	return hash1(t.files, names), nil
}

// inflaters are used again: each has a window of 32 KiB and its tables.
var inflaters sync.Pool

type pooledInflater struct{ io.ReadCloser }

func inflater(r io.Reader) io.ReadCloser {
	if z, ok := inflaters.Get().(io.ReadCloser); ok {
		if err := z.(flate.Resetter).Reset(r, nil); err == nil {
			return pooledInflater{z}
		}
	}
	return pooledInflater{flate.NewReader(r)}
}

func (z pooledInflater) Close() error {
	err := z.ReadCloser.Close()
	inflaters.Put(z.ReadCloser)
	return err
}

func modulePrefixOf(name string) (string, error) {
	prefix, _, ok := strings.Cut(name, "/")
	rest, _, ok2 := strings.Cut(strings.TrimPrefix(name, prefix+"/"), "/")
	prefix += "/" + rest + "/"
	if !ok || !ok2 || !strings.HasPrefix(prefix, moduleName+"@"+modulePrefix+"go") {
		return "", fmt.Errorf("entry %q is not of the module %s", name, moduleName)
	}
	return prefix, nil
}

// batch is the files of one directory.
type batch struct {
	dir   string
	files []*zip.File
	names []string // in the tree
}

// plan checks every entry and makes the directories. names leads from a name in
// the tree to the one in the zip.
func plan(t *tree, files []*zip.File, prefix string) (batches []*batch, names map[string]string, err error) {
	names = make(map[string]string, len(files))
	byDir := map[string]*batch{}
	for _, f := range files {
		name, err := entryName(f.Name, prefix)
		switch {
		case err != nil:
			return nil, nil, err
		case strings.HasSuffix(f.Name, "/"):
			// The proxies' zips have none; one that has is still no harm.
			continue
		case name == "" || !f.Mode().IsRegular():
			return nil, nil, fmt.Errorf("entry %q is no file; a module zip has nothing else", f.Name)
		}
		// A nested go.mod would make another module of what is below it, so the
		// zip has it by another name; the go command undoes that after unpacking.
		if path.Base(name) == "_go.mod" {
			name = path.Join(path.Dir(name), "go.mod")
		}
		if names[name] != "" {
			return nil, nil, fmt.Errorf("entries %q and %q are the same file", names[name], f.Name)
		}
		names[name] = f.Name
		if err := t.reserve(name, int64(min(f.UncompressedSize64, maxTree+1))); err != nil {
			return nil, nil, err
		}
		dir := path.Dir(name)
		b := byDir[dir]
		if b == nil {
			if err := t.mkdir(dir); err != nil {
				return nil, nil, err
			}
			b = &batch{dir: dir}
			byDir[dir] = b
			batches = append(batches, b)
		}
		b.files, b.names = append(b.files, f), append(b.names, name)
	}
	return batches, names, nil
}

func (b *batch) unpack(w *writer, block []byte) (err error) {
	dir, err := w.t.top.Open(b.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	for i, f := range b.files {
		if err := unpackFile(w, dir, f, b.names[i], block); err != nil {
			return fmt.Errorf("%s: %w", b.names[i], err)
		}
	}
	return nil
}

func unpackFile(w *writer, dir newfile.Dir, f *zip.File, name string, block []byte) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	exec, size := executable(name), int64(f.UncompressedSize64)
	if err := w.begin(dir, name, exec); err != nil {
		return err
	}
	return w.end(name, exec, size, w.copy(name, size, r, block))
}

// executable are the files that have to be, by the go command's own list: a
// module zip has no modes.
func executable(name string) bool {
	dir, base := path.Split(name)
	wrapper, _ := path.Match("go_?*_?*_exec", base)
	return dir == "bin/" || strings.HasPrefix(dir, "pkg/tool/") || strings.HasPrefix(dir, "lib/") && wrapper
}

// hash1 is golang.org/x/mod/sumdb/dirhash.Hash1, from hashes that are known.
func hash1(files []hashedFile, names map[string]string) string {
	lines := make([]string, 0, len(files))
	for _, f := range files {
		lines = append(lines, names[f.Path]+"\n"+f.SHA256)
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, l := range lines {
		name, sum, _ := strings.Cut(l, "\n")
		fmt.Fprintf(h, "%s  %s\n", sum, name)
	}
	return "h1:" + base64.StdEncoding.EncodeToString(h.Sum(nil))
}
