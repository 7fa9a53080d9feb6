package layout

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// readable is how large a text is compared line by line.
const readable = 64 << 10

// contentChange tells how content differs: by lines for text, by size and hash
// for the rest, and not at all for a secret.
func (r *run) contentChange(d *place, it *item, info rootfs.Info) (string, error) {
	if it.file.Secret {
		return "content", nil
	}
	src, size, err := open(it.file)
	if err != nil {
		return "", err
	}
	defer src.Close()
	old, err := rootfs.OpenAt(d.f, it.base, 0)
	if err != nil {
		return "", err
	}
	defer old.Close()
	if info.Size <= readable && size <= readable {
		a, errA := io.ReadAll(io.LimitReader(old, readable))
		b, errB := io.ReadAll(src)
		if err := errors.Join(errA, errB); err != nil {
			return "", err
		}
		if text(a) && text(b) {
			return "content " + lineChange(string(a), string(b)), nil
		}
		old, src := bytes.NewReader(a), bytes.NewReader(b)
		return sizeChange(old, src, info.Size, size)
	}
	return sizeChange(old, src, info.Size, size)
}

func text(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

// lineChange counts the lines that one text has more often than the other.
func lineChange(a, b string) string {
	count := map[string]int{}
	for line := range strings.Lines(a) {
		count[line]--
	}
	for line := range strings.Lines(b) {
		count[line]++
	}
	plus, minus := 0, 0
	for _, n := range count {
		plus += max(n, 0)
		minus += max(-n, 0)
	}
	if plus == 0 && minus == 0 {
		return "lines in another order"
	}
	return fmt.Sprintf("+%d −%d lines", plus, minus)
}

func sizeChange(a, b io.Reader, sizeA, sizeB int64) (string, error) {
	sumA, errA := digest(a)
	sumB, errB := digest(b)
	if err := errors.Join(errA, errB); err != nil {
		return "", err
	}
	return fmt.Sprintf("content %d bytes, sha256 %.12s → %d bytes, sha256 %.12s", sizeA, sumA, sizeB, sumB), nil
}

func digest(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// pinned makes a reader of content that has a SHA256 fail at its end if what was
// read is not it, so that wrong content never gets the file's name.
func pinned(f *File, src io.Reader) io.Reader {
	if f.SHA256 == "" {
		return src
	}
	return &pin{src, sha256.New(), f.SHA256, f.Secret}
}

type pin struct {
	src    io.Reader
	h      hash.Hash
	want   string
	secret bool
}

func (p *pin) Read(b []byte) (int, error) {
	n, err := p.src.Read(b)
	p.h.Write(b[:n])
	if errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(p.h.Sum(nil)); !strings.EqualFold(got, p.want) {
			if p.secret {
				return n, ErrContent
			}
			return n, fmt.Errorf("%w: it is %s, wanted %s", ErrContent, got, p.want)
		}
	}
	return n, err
}
