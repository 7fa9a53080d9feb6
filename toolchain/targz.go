package toolchain

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// buffered files are handed to the writers; larger ones go straight through.
const buffered = 256 << 10

// maxPadding is what may follow a tar's end: tar fills up its last block.
const maxPadding = 1 << 20

// unpackTarGz unpacks an official archive as it comes in: one goroutine inflates,
// two write. Its reader ends with the context, so that a writer that fails need
// not wait for the network.
func unpackTarGz(ctx context.Context, t *tree, open func(context.Context) io.Reader) error {
	group, ctx := errgroup.WithContext(ctx)
	z, err := gzip.NewReader(open(ctx))
	if err != nil {
		return fmt.Errorf("it is no .tar.gz: %w", err)
	}
	defer z.Close()
	jobs := make(chan job, 64)
	for range 2 {
		group.Go(func() error { return writeJobs(ctx, t, jobs) })
	}
	group.Go(func() error {
		defer close(jobs)
		if err := readTar(ctx, t, tar.NewReader(z), jobs); err != nil {
			return err
		}
		// gzip's own checksum comes after the end of the tar.
		n, err := io.CopyN(io.Discard, z, maxPadding+1)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("more than %d bytes follow its end", n-1)
		}
		return err
	})
	return group.Wait()
}

// job is a file whose content is in memory.
type job struct {
	name    string
	exec    bool
	content []byte
}

func writeJobs(ctx context.Context, t *tree, jobs <-chan job) error {
	dirs := directories{root: t.root}
	defer dirs.close()
	for j := range jobs {
		dir, err := dirs.of(j.name)
		if err != nil {
			return err
		}
		if err := t.write(dir, j.name, j.exec, int64(len(j.content)), bytes.NewReader(j.content)); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func readTar(ctx context.Context, t *tree, archive *tar.Reader, jobs chan<- job) error {
	dirs := directories{root: t.root}
	defer dirs.close()
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue // a comment
		}
		name, err := entryName(h.Name, "go/")
		if err != nil {
			return err
		}
		switch {
		case h.Typeflag == tar.TypeDir && name != "":
			err = t.mkdir(name)
		case h.Typeflag == tar.TypeDir:
		case h.Typeflag != tar.TypeReg:
			return fmt.Errorf("entry %q is no file and no directory (type %q); an SDK has no links and no devices", h.Name, h.Typeflag)
		case name == "":
			return fmt.Errorf("entry %q is a file", h.Name)
		case h.FileInfo().Mode()&(os.ModeSetuid|os.ModeSetgid|os.ModeSticky) != 0:
			return fmt.Errorf("entry %q is setuid, setgid or sticky", h.Name)
		default:
			err = readFile(ctx, t, archive, name, h, &dirs, jobs)
		}
		if err != nil {
			return err
		}
	}
}

func readFile(ctx context.Context, t *tree, archive io.Reader, name string, h *tar.Header, dirs *directories, jobs chan<- job) error {
	if err := t.reserve(name, h.Size); err != nil {
		return err
	}
	if err := t.mkdir(path.Dir(name)); err != nil {
		return err
	}
	exec := h.FileInfo().Mode()&0o111 != 0
	if h.Size > buffered {
		dir, err := dirs.of(name)
		if err != nil {
			return err
		}
		return t.write(dir, name, exec, h.Size, archive)
	}
	content := make([]byte, h.Size)
	if _, err := io.ReadFull(archive, content); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	select {
	case jobs <- job{name, exec, content}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// directories keeps the last directory open: an archive's files come directory
// by directory.
type directories struct {
	root *os.Root
	name string
	dir  *os.Root
}

func (d *directories) of(file string) (*os.Root, error) {
	name := path.Dir(file)
	if name == "." {
		return d.root, nil
	}
	if d.dir != nil && d.name == name {
		return d.dir, nil
	}
	d.close()
	dir, err := d.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	d.name, d.dir = name, dir
	return dir, nil
}

func (d *directories) close() {
	if d.dir != nil {
		// Opened for lookups only: there is nothing to lose.
		_ = d.dir.Close()
		d.dir = nil
	}
}
