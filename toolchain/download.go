package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

// Phase is what an installation is doing.
type Phase string

// The phases.
const (
	Downloading Phase = "download"
	Unpacking   Phase = "unpack"
)

// Progress tells how far a phase is. Done and Total are bytes; Total is zero
// where it is not known.
type Progress struct {
	Phase       Phase
	Name        string // of the artifact
	Done, Total int64
	// Rate is bytes per second since the phase began, what an earlier run left
	// not counted. Zero: too early to say.
	Rate int64
}

// maxArtifact bounds a download whose size nobody promised.
const maxArtifact = 1 << 30

// attempts without progress before a download is given up, and what counts as
// progress: a server that cuts after each byte is not asked for ever.
const (
	attempts = 5
	progress = 16 << 10
)

// spool is a file that is being downloaded and can be read meanwhile.
type spool struct {
	f      *os.File
	sum    hash.Hash
	report func(int64)

	mu   sync.Mutex
	more *sync.Cond
	n    int64 // bytes that are there
	lost bool  // bytes were read that turned out to be of another object
	done bool
	err  error
}

func newSpool(f *os.File, report func(int64)) *spool {
	s := &spool{f: f, sum: sha256.New(), report: report}
	s.more = sync.NewCond(&s.mu)
	return s
}

// errChanged ends the reading of an object that was replaced at its source; the
// installation begins again.
var errChanged = errors.New("the file changed at its source while it was downloaded")

// fill downloads into the file until the artifact is whole, going on where a
// cut left off, and hashes on the way. state and f's first have bytes are what
// an earlier process left. begin sees each body before it is read.
func (s *spool) fill(ctx context.Context, a Artifact, have int64, state string, begin func(Content) error) error {
	if a.Size > 0 && have > a.Size {
		have = 0 // it is of something else
	}
	if err := s.rehash(have); err != nil {
		return s.finish(err)
	}
	for failures := 0; ; {
		before := s.length()
		err := s.once(ctx, a, &state, begin)
		switch {
		case err == nil:
			return s.finish(nil)
		case ctx.Err() != nil:
			return s.finish(context.Cause(ctx))
		case s.length() >= before+progress:
			failures = 0
		default:
			failures++
		}
		if !temporary(err) || failures >= attempts {
			return s.finish(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(backoff(failures)):
		}
	}
}

// backoff doubles from 50 ms, with jitter so that a fleet does not come back as one.
func backoff(failures int) time.Duration {
	d := 50 * time.Millisecond << failures
	return d/2 + rand.N(d)
}

// once makes one request and takes what it gives.
func (s *spool) once(ctx context.Context, a Artifact, state *string, begin func(Content) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	have := s.length()
	c, err := a.Fetch(ctx, have, *state)
	if err != nil {
		return err
	}
	if c.Offset != have {
		if err := s.restart(); err != nil {
			return errors.Join(err, c.Body.Close())
		}
	}
	defer c.Body.Close()
	*state = c.State
	if err := begin(c); err != nil {
		return err
	}
	limit := int64(maxArtifact)
	if a.Size > 0 {
		limit = a.Size
	}
	idle := time.AfterFunc(stall, func() { cancel(errStalled) })
	defer idle.Stop()
	for block := make([]byte, 256<<10); ; {
		n, err := c.Body.Read(block)
		if n > 0 {
			idle.Reset(stall)
			if s.length()+int64(n) > limit {
				return fmt.Errorf("it is larger than %d bytes; that is not what was promised", limit)
			}
			if err := s.append(block[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF) && a.Size > 0 && s.length() < a.Size:
			return fmt.Errorf("it ends after %d of %d bytes: %w", s.length(), a.Size, io.ErrUnexpectedEOF)
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(context.Cause(ctx), errStalled):
			return errStalled
		case err != nil:
			// A cut body is net/http's plain error: it may go on.
			return &cutError{s.length(), err}
		}
	}
}

// cutError is a body that ended before its end.
type cutError struct {
	at  int64
	err error
}

func (e *cutError) Error() string {
	return fmt.Sprintf("the download was cut after %d bytes: %v", e.at, e.err)
}

func (e *cutError) Unwrap() []error { return []error{e.err, io.ErrUnexpectedEOF} }

func (s *spool) append(b []byte) error {
	if _, err := s.f.WriteAt(b, s.length()); err != nil {
		return err
	}
	s.sum.Write(b)
	s.mu.Lock()
	s.n += int64(len(b))
	n := s.n
	s.mu.Unlock()
	s.more.Broadcast()
	s.report(n)
	return nil
}

// restart drops everything: the object is another one now.
func (s *spool) restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = s.lost || s.n > 0
	s.n = 0
	s.sum.Reset()
	return s.f.Truncate(0)
}

// rehash takes over what an earlier process downloaded.
func (s *spool) rehash(have int64) error {
	if have == 0 {
		return s.f.Truncate(0)
	}
	if _, err := io.Copy(s.sum, io.NewSectionReader(s.f, 0, have)); err != nil {
		s.sum.Reset()
		return errors.Join(err, s.f.Truncate(0))
	}
	s.mu.Lock()
	s.n = have
	s.mu.Unlock()
	s.more.Broadcast()
	return nil
}

// restarted says that bytes were dropped which a reader may have had.
func (s *spool) restarted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

func (s *spool) length() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

func (s *spool) finish(err error) error {
	s.mu.Lock()
	s.done, s.err = true, err
	s.mu.Unlock()
	s.more.Broadcast()
	return err
}

// digest is the SHA-256 of the whole file, once it is whole.
func (s *spool) digest() string { return hex.EncodeToString(s.sum.Sum(nil)) }

// reader reads from the beginning, waiting for what is not there yet as long as
// ctx allows.
func (s *spool) reader(ctx context.Context) io.Reader {
	context.AfterFunc(ctx, func() {
		s.mu.Lock() // or a reader between its look and its wait would miss it
		defer s.mu.Unlock()
		s.more.Broadcast()
	})
	return &spoolReader{ctx: ctx, s: s}
}

type spoolReader struct {
	ctx context.Context //nolint:containedctx // io.Reader has none
	s   *spool
	off int64
}

func (r *spoolReader) Read(b []byte) (int, error) {
	r.s.mu.Lock()
	for r.off >= r.s.n && !r.s.done && !r.s.lost && r.ctx.Err() == nil {
		r.s.more.Wait()
	}
	there, done, err, lost := r.s.n-r.off, r.s.done, r.s.err, r.s.lost
	r.s.mu.Unlock()
	switch {
	case lost:
		return 0, errChanged
	case there > 0:
		n, err := r.s.f.ReadAt(b[:min(int64(len(b)), there)], r.off)
		r.off += int64(n)
		if n > 0 {
			err = nil
		}
		return n, err
	case err != nil:
		return 0, err
	case done:
		return 0, io.EOF
	}
	return 0, context.Cause(r.ctx)
}
