package layout

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Spooled is a tar archive that came as a stream, as Contents.
type Spooled struct {
	Contents
	f *os.File
}

// Spool takes in a tar archive, compressed with gzip or not, from a stream such
// as the body of an HTTP response or a pipe, to its end. It is kept in a file
// without a name in dir ("" is os.TempDir), which Close frees, as does the end
// of the process. If digest is not "", the stream's SHA-256, in hex, must be it: an
// error for another one matches ErrContent.
func Spool(stream io.Reader, dir, digest string) (_ *Spooled, err error) {
	f, err := os.CreateTemp(dir, ".release-")
	if err != nil {
		return nil, fmt.Errorf("layout: spool: %w", err)
	}
	if err := errors.Join(os.Remove(f.Name()), spool(f, stream, digest)); err != nil {
		return nil, errors.Join(fmt.Errorf("layout: spool: %w", err), f.Close())
	}
	return &Spooled{Tar(f), f}, nil
}

func spool(f *os.File, stream io.Reader, want string) error {
	h := sha256.New()
	w := bufio.NewWriterSize(f, block)
	if _, err := io.Copy(io.MultiWriter(w, h), stream); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); want != "" && !strings.EqualFold(got, want) {
		return fmt.Errorf("%w: it is %s, wanted %s", ErrContent, got, want)
	}
	return nil
}

// Close frees what was kept.
func (s *Spooled) Close() error { return s.f.Close() }
