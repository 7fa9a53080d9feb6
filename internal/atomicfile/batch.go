package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Batch writes many files as WriteFromAt writes one, but syncs them together:
// all are written under their temporary names, then made durable, and only then
// get their names. A sync for each costs many times the rest.
type Batch struct{ files []prepared }

type prepared struct {
	dir       *os.File
	name, tmp string
	f         *os.File
}

// Few files are synced one by one: syncing a whole file system waits for what
// other processes wrote, too.
const Few = 8

// Len is how many files wait to be published.
func (b *Batch) Len() int { return len(b.files) }

// Write prepares a file. dir must stay open until Publish or Discard.
func (b *Batch) Write(dir *os.File, name string, src io.Reader, size int64, o Options) error {
	p, err := prepare(dir, name, src, size, o)
	if err != nil {
		return pathError("write", dir, name, err)
	}
	b.files = append(b.files, p)
	return nil
}

func prepare(dir *os.File, name string, src io.Reader, size int64, o Options) (p prepared, err error) {
	p = prepared{dir, name, temporary(name), nil}
	if p.f, err = create(dir, p.tmp); err != nil {
		return p, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.discard())
		}
	}()
	n, err := io.Copy(p.f, src)
	if err != nil {
		return p, err
	}
	if n != size {
		return p, fmt.Errorf("content of %d bytes became %d while it was copied: %w", size, n, io.ErrUnexpectedEOF)
	}
	if err := own(p.f, o); err != nil {
		return p, err
	}
	if err := p.inherit(); err != nil || o.Finish == nil {
		return p, err
	}
	return p, o.Finish(p.f)
}

// inherit takes over what belongs to the name rather than to the content.
func (p prepared) inherit() error {
	old, err := openRegular(p.dir, p.name)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer old.Close()
	return keepLabel(old, p.f)
}

// publish gives the file its name, or removes it.
func (p prepared) publish() error {
	dir := int(p.dir.Fd())
	if err := unix.Renameat(dir, p.tmp, dir, p.name); err != nil {
		return errors.Join(err, p.discard())
	}
	return p.f.Close()
}

func (p prepared) discard() error {
	return errors.Join(unix.Unlinkat(int(p.dir.Fd()), p.tmp, 0), p.f.Close())
}

// Publish makes the files durable and gives them their names, in the order in
// which they were written. It returns how many have theirs; the others are
// removed. The directories are left for the caller to sync.
func (b *Batch) Publish() (int, error) {
	if err := b.sync(); err != nil {
		return 0, errors.Join(err, b.Discard())
	}
	for i, p := range b.files {
		if err := p.publish(); err != nil {
			b.files = b.files[i+1:]
			return i, errors.Join(pathError("write", p.dir, p.name, err), b.Discard())
		}
	}
	n := len(b.files)
	b.files = nil
	return n, nil
}

// Discard removes what was prepared.
func (b *Batch) Discard() error {
	var errs []error
	for _, p := range b.files {
		errs = append(errs, p.discard())
	}
	b.files = nil
	return errors.Join(errs...)
}

func (b *Batch) sync() error {
	files := make([]*os.File, len(b.files))
	for i, p := range b.files {
		files[i] = p.f
	}
	return Sync(files...)
}

// Sync makes files or directories durable: a few one by one, and many by
// syncing each file system that one is on.
func Sync(files ...*os.File) error {
	if len(files) <= Few {
		for _, f := range files {
			if err := f.Sync(); err != nil {
				return err
			}
		}
		return nil
	}
	synced := map[uint64]bool{}
	for _, f := range files {
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil {
			return &os.PathError{Op: "stat", Path: f.Name(), Err: err}
		}
		if dev := uint64(st.Dev); !synced[dev] {
			if err := syncFS(f); err != nil {
				return &os.PathError{Op: "sync the file system of", Path: f.Name(), Err: err}
			}
			synced[dev] = true
		}
	}
	return nil
}
