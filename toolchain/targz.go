package toolchain

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// buffered files are handed to the writers whole; larger ones in pieces.
const buffered = 256 << 10

// maxPadding is what may follow a tar's end: tar fills up its last block.
const maxPadding = 1 << 20

// unpackTarGz unpacks an official archive as it comes in: one goroutine inflates,
// two write. Its reader ends with the context, so that a writer that fails need
// not wait for the network.
func unpackTarGz(ctx context.Context, t *tree, open func(context.Context) io.Reader) error {
	group, ctx := errgroup.WithContext(ctx)
	z, err := gzip.NewReader(bufio.NewReaderSize(open(ctx), buffered))
	if err != nil {
		return fmt.Errorf("it is no .tar.gz: %w", err)
	}
	defer z.Close()
	p := &packer{ctx: ctx, jobs: make(chan job, slabs), free: make(chan []byte, slabs)}
	for range slabs {
		p.free <- make([]byte, slabSize)
	}
	for range 2 {
		group.Go(func() error { return p.write(t) })
	}
	group.Go(func() error {
		defer close(p.jobs)
		if err := readTar(t, tar.NewReader(z), p); err != nil {
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

// slabs are the buffers between the goroutine that inflates and those that
// write. Each takes two small files or more: the fewer are handed over, the
// seldomer a goroutine has to be woken.
const (
	slabs    = 8
	slabSize = 2 * buffered
)

// packer hands files to the writers: small ones many at a time, so that the
// goroutines seldom wait for each other, and large ones piece by piece.
type packer struct {
	ctx  context.Context //nolint:containedctx // of one unpackTarGz
	jobs chan job
	free chan []byte

	slab []byte // being filled
	used int
	now  []packed
}

// job is a slab with small files, or a large file whose pieces come by a channel.
type job struct {
	slab  []byte
	files []packed
	large <-chan piece
}

type packed struct {
	name    string
	exec    bool
	size    int64
	content []byte // of a small file: a part of the slab
}

type piece struct {
	slab []byte
	used int
}

// small takes a file of at most a slab's size.
func (p *packer) small(f packed, content io.Reader) error {
	if p.slab == nil || p.used+int(f.size) > len(p.slab) {
		if err := p.flush(); err != nil {
			return err
		}
		var err error
		if p.slab, err = p.take(); err != nil {
			return err
		}
	}
	f.content = p.slab[p.used : p.used+int(f.size)]
	if _, err := io.ReadFull(content, f.content); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	p.used += int(f.size)
	p.now = append(p.now, f)
	return nil
}

// large takes a file of any size.
func (p *packer) large(f packed, content io.Reader) error {
	if err := p.flush(); err != nil {
		return err
	}
	pieces := make(chan piece, 2) // never closed: an error reaches the writer by the context
	if err := p.send(job{files: []packed{f}, large: pieces}); err != nil {
		return err
	}
	for left := f.size; left > 0; {
		slab, err := p.take()
		if err != nil {
			return err
		}
		n, err := io.ReadFull(content, slab[:min(left, int64(len(slab)))])
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		left -= int64(n)
		select {
		case pieces <- piece{slab, n}:
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
	}
	return nil
}

func (p *packer) flush() error {
	if p.slab == nil {
		return nil
	}
	j := job{slab: p.slab, files: p.now}
	p.slab, p.used, p.now = nil, 0, nil
	return p.send(j)
}

func (p *packer) send(j job) error {
	select {
	case p.jobs <- j:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

func (p *packer) take() ([]byte, error) {
	select {
	case slab := <-p.free:
		return slab, nil
	case <-p.ctx.Done():
		return nil, p.ctx.Err()
	}
}

// write is a writer's work, until there are no more jobs.
func (p *packer) write(t *tree) (err error) {
	w, dirs := t.writer(), directories{top: t.top}
	defer func() { err = errors.Join(err, dirs.close()) }()
	for j := range p.jobs {
		if p.ctx.Err() != nil {
			return p.ctx.Err()
		}
		for _, f := range j.files {
			dir, err := dirs.of(f.name)
			if err != nil {
				return err
			}
			if err := w.begin(dir, f.name, f.exec); err != nil {
				return err
			}
			if j.large != nil {
				err = p.pieces(w, f, j.large)
			} else {
				_, err = w.Write(f.content)
			}
			if err := w.end(f.name, f.exec, f.size, err); err != nil {
				return err
			}
		}
		if j.slab != nil {
			p.free <- j.slab
		}
	}
	return nil
}

func (p *packer) pieces(w io.Writer, f packed, pieces <-chan piece) error {
	for left := f.size; left > 0; {
		select {
		case piece := <-pieces:
			if _, err := w.Write(piece.slab[:piece.used]); err != nil {
				return err
			}
			left -= int64(piece.used)
			p.free <- piece.slab
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
	}
	return nil
}

func readTar(t *tree, archive *tar.Reader, p *packer) error {
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return p.flush()
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
			err = readFile(t, archive, packed{name: name, exec: h.FileInfo().Mode()&0o111 != 0, size: h.Size}, p)
		}
		if err != nil {
			return err
		}
	}
}

func readFile(t *tree, archive io.Reader, f packed, p *packer) error {
	if err := t.reserve(f.name, f.size); err != nil {
		return err
	}
	if err := t.mkdir(path.Dir(f.name)); err != nil {
		return err
	}
	if f.size > buffered {
		return p.large(f, archive)
	}
	return p.small(f, archive)
}
