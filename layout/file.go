package layout

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/rootfs"
)

func (r *run) file(it *item) error {
	d, err := r.holder(it.path)
	if err != nil {
		return err
	}
	info, ok, err := look(d, it)
	if err != nil {
		return err
	}
	if !ok {
		return r.createFile(d, it)
	}
	if !info.Mode.IsRegular() {
		return occupied(it, info)
	}
	same := it.file.CreateOnly
	if !same {
		if same, err = r.holds(d, it, info); err != nil {
			return err
		}
	}
	drift, err := r.drift(d, it, info)
	if err != nil {
		return err
	}
	if same && len(drift) == 0 {
		return nil
	}
	if info.Nlink > 1 && (r.foreign(it, info) || it.file.CreateOnly) {
		return fmt.Errorf("%w (%d names, owner %s); remove the name that should not be", ErrShared, info.Nlink, owner(info.UID))
	}
	if !same {
		change, err := r.contentChange(d, it, info)
		if err != nil {
			return err
		}
		drift = append([]string{change}, drift...)
	}
	if r.acting {
		// A new inode where the content differs, or where the inode has other
		// names whose mode is not ours to change.
		do := r.adjustFile
		if !same || info.Nlink > 1 {
			do = r.write
		}
		if err := do(d, it); err != nil {
			return err
		}
	}
	r.changed(bedplate.OpUpdate, it, strings.Join(drift, ", "))
	return nil
}

func (r *run) createFile(d *place, it *item) error {
	src, size, err := open(it.file)
	if err != nil {
		return err
	}
	if err := src.Close(); err != nil {
		return err
	}
	if r.acting {
		if err := r.write(d, it); err != nil {
			return err
		}
	}
	detail := r.access(it)
	if !it.file.Secret {
		detail += fmt.Sprintf(", %d bytes", size)
	}
	r.changed(bedplate.OpCreate, it, detail)
	return nil
}

// write puts the file into the batch; the change that the caller then adds is
// taken back if the file is not published.
func (r *run) write(d *place, it *item) (err error) {
	src, size, err := open(it.file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if err := r.batch.Write(d.f, it.base, pinned(it.file, src), size, r.options(it)); err != nil {
		return err
	}
	r.batched = append(r.batched, len(r.changes))
	return r.unsynced(d)
}

// adjustFile works on what it has open: the name may lead elsewhere by now.
func (r *run) adjustFile(d *place, it *item) error {
	f, err := rootfs.OpenAt(d.f, it.base, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := rootfs.StatFile(f)
	switch {
	case err != nil:
		return err
	case !info.Mode.IsRegular():
		return occupied(it, info)
	case info.Nlink > 1:
		return fmt.Errorf("%w; it was replaced while it was looked at", ErrShared)
	}
	return r.adjust(f, it, info)
}

// errSecret stands for the errors of a secret's source, which may quote it.
var errSecret = errors.New("the source of the secret can't be read; its error is withheld, since it may show the secret")

// open opens a file's content.
func open(f *File) (io.ReadSeekCloser, int64, error) {
	if f.Source == nil {
		return inline(f.Content), int64(len(f.Content)), nil
	}
	src, size, err := f.Source.Open()
	if err != nil && f.Secret {
		return nil, 0, errSecret
	}
	if err != nil {
		return nil, 0, fmt.Errorf("its source: %w", err)
	}
	return src, size, nil
}

// holds says whether the file has its wanted content.
func (r *run) holds(d *place, it *item, info rootfs.Info) (bool, error) {
	switch {
	case it.file.SHA256 != "":
		sum, err := digestAt(d, it)
		return err == nil && strings.EqualFold(sum, it.file.SHA256), err
	case it.file.Source == nil:
		if info.Size != int64(len(it.file.Content)) {
			return false, nil
		}
		return rootfs.HoldsAt(d.f, it.base, it.file.Content, r.buffer(0, info.Size))
	}
	src, size, err := open(it.file)
	if err != nil {
		return false, err
	}
	defer src.Close()
	if info.Size != size {
		return false, nil
	}
	f, err := rootfs.OpenAt(d.f, it.base, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return r.equal(f, src, size)
}

// block is how much of a file is compared at a time.
const block = 128 << 10

// buffer gives one that is large enough for size bytes and the end behind them.
func (r *run) buffer(i int, size int64) []byte {
	if want := min(block, max(size+1, 4<<10)); int64(len(r.buf[i])) < want {
		r.buf[i] = make([]byte, want)
	}
	return r.buf[i]
}

func (r *run) equal(a, b io.Reader, size int64) (bool, error) {
	bufA, bufB := r.buffer(0, size), r.buffer(1, size)
	bufA, bufB = bufA[:min(len(bufA), len(bufB))], bufB[:min(len(bufA), len(bufB))]
	for {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return false, err
			}
		}
		if !bytes.Equal(bufA[:n], bufB[:m]) {
			return false, nil
		}
		if errA != nil || errB != nil {
			return (errA == nil) == (errB == nil), nil
		}
	}
}

func digestAt(d *place, it *item) (string, error) {
	f, err := rootfs.OpenAt(d.f, it.base, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return digest(f)
}
