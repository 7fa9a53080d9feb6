package transaction

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/lockfile"
	"github.com/bedplate/bedplate/internal/rootfs"
)

const (
	journalName = "journal.json"
	lockName    = "lock"
	imagePrefix = "image-"
)

// journal is the open directory of a transaction. It is begun while the file
// journal.json exists, whose removal is what commits.
type journal struct {
	tx    Tx
	dir   *os.File
	lock  *lockfile.Lock
	root  *rootfs.Root
	state state
}

// state is what journal.json holds.
type state struct {
	Root  string   `json:"root"`
	Steps []record `json:"steps"`
}

// record is one step: what it planned, and what was there before.
type record struct {
	Name    string            `json:"name"`
	Changes []bedplate.Change `json:"changes"`
	Images  []image           `json:"images"`
}

func (tx Tx) open(ctx context.Context) (_ *journal, err error) {
	if !filepath.IsAbs(tx.Dir) {
		return nil, fmt.Errorf("transaction: Dir %q is not absolute", tx.Dir)
	}
	if err := os.MkdirAll(tx.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("transaction: %w", err)
	}
	j := &journal{tx: tx}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("transaction: %w", err), j.close())
		}
	}()
	if j.dir, err = os.Open(tx.Dir); err != nil {
		return nil, err
	}
	info, err := rootfs.StatFile(j.dir)
	if err != nil {
		return nil, err
	}
	if info.UID != os.Geteuid() || info.Mode.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s is of user %d and mode %#o; it must be the caller's own, and 0700", tx.Dir, info.UID, info.Mode.Perm())
	}
	if j.lock, err = lockfile.Acquire(ctx, j.dir, lockName); err != nil {
		return nil, err
	}
	j.root, err = rootfs.Open(tx.Root)
	return j, err
}

func (j *journal) close() error {
	var errs []error
	if j.root != nil {
		errs = append(errs, j.root.Close())
	}
	if j.lock != nil {
		errs = append(errs, j.lock.Release())
	}
	if j.dir != nil {
		errs = append(errs, j.dir.Close())
	}
	return errors.Join(errs...)
}

// read says whether a transaction is begun.
func (j *journal) read() (begun bool, err error) {
	b, err := j.content(journalName)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		j.state, err = parse(b)
	}
	if err == nil && j.state.Root != j.tx.Root {
		err = fmt.Errorf("it is of the root %q, and not of %q", j.state.Root, j.tx.Root)
	}
	if err != nil {
		return true, fmt.Errorf("transaction: %s/%s: %w", j.tx.Dir, journalName, err)
	}
	return true, nil
}

func (j *journal) content(name string) ([]byte, error) {
	f, err := rootfs.OpenAt(j.dir, name, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// parse reads a journal, and refuses one that this package does not write.
func parse(b []byte) (state, error) {
	var s state
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return state{}, err
	}
	for _, r := range s.Steps {
		for _, i := range r.Images {
			if err := i.check(); err != nil {
				return state{}, err
			}
		}
	}
	return s, nil
}

// begin plans all steps, keeps what is there, and writes the journal last.
func (j *journal) begin(ctx context.Context, steps []bedplate.Step) error {
	if err := j.clear(); err != nil {
		return err
	}
	j.state = state{Root: j.tx.Root}
	seen := map[string]bool{}
	var errs []error
	for _, s := range steps {
		planned, err := s.Plan(ctx)
		if err != nil {
			return fmt.Errorf("transaction: %s: %w", s.Name, err)
		}
		r := record{Name: s.Name}
		_, reverts := s.Resource.(Reverter)
		for _, c := range planned {
			c.Step = s.Name
			r.Changes = append(r.Changes, c)
			if !isFile(c) {
				if !reverts {
					errs = append(errs, &IrreversibleError{c, "it is no file, and its step no Reverter; do it outside of the transaction"})
				}
				continue
			}
			if seen[c.Target] {
				continue
			}
			seen[c.Target] = true
			i, err := j.capture(c)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			r.Images = append(r.Images, i)
		}
		j.state.Steps = append(j.state.Steps, r)
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, j.clear())
	}
	b, err := json.MarshalIndent(j.state, "", "\t")
	if err != nil {
		return fmt.Errorf("transaction: %w", err)
	}
	if _, err := atomicfile.WriteAt(j.dir, journalName, b, atomicfile.Options{Mode: 0o600}); err != nil {
		return errors.Join(fmt.Errorf("transaction: %w", err), j.abandon())
	}
	return nil
}

// abandon takes back a journal of which nobody can say whether it is durable,
// and the images only if that is certain.
func (j *journal) abandon() error {
	if err := rootfs.UnlinkAt(j.dir, journalName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("transaction: %w", err)
	}
	if err := j.dir.Sync(); err != nil {
		return fmt.Errorf("transaction: %w", err)
	}
	return j.clear()
}

// covers says whether a change that was made can be taken back.
func (j *journal) covers(c bedplate.Change) bool {
	return slices.ContainsFunc(j.state.Steps, func(r record) bool {
		return slices.ContainsFunc(r.Changes, func(p bedplate.Change) bool { return p.Kind == c.Kind && p.Target == c.Target })
	})
}

// end commits.
func (j *journal) end() error {
	err := rootfs.UnlinkAt(j.dir, journalName)
	if err == nil {
		err = j.dir.Sync()
	}
	if err != nil {
		return fmt.Errorf("transaction: %w", err)
	}
	return j.clear()
}

// clear removes images that no journal speaks of.
func (j *journal) clear() error {
	entries, err := os.ReadDir(j.tx.Dir)
	if err != nil {
		return fmt.Errorf("transaction: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), imagePrefix) && !atomicfile.IsTemporary(e.Name()) {
			continue
		}
		if err := rootfs.UnlinkAt(j.dir, e.Name()); err != nil {
			return fmt.Errorf("transaction: %w", err)
		}
	}
	return nil
}

// keep stores a file's content, and gives the name that it is kept under.
func (j *journal) keep(src *os.File, size int64) (string, error) {
	n := 0
	for _, r := range j.state.Steps {
		n += len(r.Images)
	}
	for ; ; n++ {
		name := imagePrefix + strconv.Itoa(n)
		if _, err := rootfs.LstatAt(j.dir, name); err == nil {
			continue
		}
		_, err := atomicfile.WriteFromAt(j.dir, name, src, size, atomicfile.Options{Mode: 0o600})
		return name, err
	}
}
