package goenv

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
)

// write writes the archive beside its final name.
func write(ctx context.Context, name string, dir *os.Root, man manifest) (sum string, size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return "", 0, fmt.Errorf("goenv: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("goenv: bundle: %w", err), f.Close(), os.Remove(f.Name()))
		}
	}()
	h := sha256.New()
	counted := &counter{w: io.MultiWriter(f, h)}
	w := tar.NewWriter(counted)
	text, err := json.MarshalIndent(man, "", " ")
	if err != nil {
		return "", 0, err
	}
	add := func(name string, size int64, content io.Reader) error {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, Typeflag: tar.TypeReg, Format: tar.FormatPAX}); err != nil {
			return err
		}
		_, err := io.Copy(w, content)
		return err
	}
	if err := add(manifestName, int64(len(text)), bytes.NewReader(text)); err != nil {
		return "", 0, err
	}
	for _, file := range man.Files {
		if ctx.Err() != nil {
			return "", 0, context.Cause(ctx)
		}
		in, err := dir.Open(file.Path)
		if err != nil {
			return "", 0, err
		}
		err = add(file.Path, file.Size, in)
		if err := errors.Join(err, in.Close()); err != nil {
			return "", 0, err
		}
	}
	if err := errors.Join(w.Close(), f.Chmod(0o644), f.Sync()); err != nil {
		return "", 0, err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), counted.n, f.Close()
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

func digest(r io.Reader) (sum string, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// readManifest reads the first file of an archive.
func readManifest(r *tar.Reader) (text []byte, m manifest, err error) {
	h, err := r.Next()
	if err != nil {
		return nil, m, err
	}
	if h.Name != manifestName || h.Typeflag != tar.TypeReg || h.Size > maxManifest {
		return nil, m, fmt.Errorf("it begins with %q and not with %s", h.Name, manifestName)
	}
	if text, err = io.ReadAll(r); err != nil {
		return nil, m, err
	}
	m, err = parseManifest(text)
	return text, m, err
}

// extract unpacks the next file, which has to be the wanted one.
func extract(dir *os.Root, r *tar.Reader, want manifestFile) error {
	h, err := r.Next()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	if h.Name != want.Path || h.Typeflag != tar.TypeReg || h.Size != want.Size {
		return fmt.Errorf("%q with %d bytes stands in its place", h.Name, h.Size)
	}
	if err := dir.MkdirAll(path.Dir(want.Path), 0o755); err != nil {
		return err
	}
	f, err := dir.OpenFile(want.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	sum, _, err := digest(io.TeeReader(r, f))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if sum != want.SHA256 {
		return errors.New("its content is not what the manifest says")
	}
	return nil
}
