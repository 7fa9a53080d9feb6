package layout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// Diff is how the content of a file differs from what is wanted.
type Diff struct {
	// Path is the file's.
	Path string
	// Unified is the difference of two texts, as diff -u writes it; a file that
	// does not exist is an empty one. "" is for what is no text, larger than
	// 64 KiB, or secret.
	Unified string
	// Summary is one line: what a Change says of the content.
	Summary string
}

// Diff shows what Ensure would change in the content of files, sorted by path,
// for people who want more than Plan's one line. It reads only, and has no
// secret in it.
func (t Tree) Diff(ctx context.Context) (diffs []Diff, err error) {
	r, err := t.open()
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, r) }()
	var errs []error
	for i := range r.items {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("layout: %w", err)
		}
		it := &r.items[i]
		if it.file == nil {
			continue
		}
		d, err := r.diff(it)
		switch {
		case err != nil:
			errs = append(errs, &EntryError{it.path, err})
		case d != nil:
			diffs = append(diffs, *d)
		}
	}
	return diffs, errors.Join(errs...)
}

func (r *run) diff(it *item) (*Diff, error) {
	d, info, ok, err := r.find(it)
	if err != nil {
		return nil, err
	}
	if !ok {
		return r.diffOf(it, nil)
	}
	if !info.Mode.IsRegular() {
		return nil, occupiedError{kindOf(info.Mode), it.kind()}
	}
	if it.file.CreateOnly {
		return nil, nil
	}
	if same, err := r.holds(d, it, info); err != nil || same {
		return nil, err
	}
	summary, err := r.contentChange(d, it, info)
	if err != nil || it.file.Secret || info.Size > readable {
		return &Diff{Path: it.path, Summary: summary}, err
	}
	old, err := readAt(d.f, it.base)
	if err != nil {
		return nil, err
	}
	diff, err := r.diffOf(it, old)
	if diff != nil {
		diff.Summary = summary
	}
	return diff, err
}

// find looks the item up without making anything on the way.
func (r *run) find(it *item) (d *place, info rootfs.Info, ok bool, err error) {
	if r.walk == nil {
		return nil, info, false, nil
	}
	if err := r.walk.trim(enough); err != nil {
		return nil, info, false, err
	}
	d, err = r.walk.dir(it.above)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, info, false, nil
	}
	if err != nil {
		return nil, info, false, err
	}
	info, ok, err = look(d, it)
	return d, info, ok, err
}

func (r *run) diffOf(it *item, old []byte) (*Diff, error) {
	diff := &Diff{Path: it.path, Summary: "content"}
	if it.file.Secret {
		return diff, nil
	}
	src, size, err := open(it.file)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	diff.Summary = fmt.Sprintf("new, %d bytes", size)
	if size > readable {
		return diff, nil
	}
	b, err := io.ReadAll(src)
	if err == nil && text(old) && text(b) {
		diff.Unified = unified(lines(old), lines(b))
	}
	return diff, err
}

// lines splits behind each newline.
func lines(b []byte) (all []string) {
	for l := range bytes.Lines(b) {
		all = append(all, string(l))
	}
	return all
}
