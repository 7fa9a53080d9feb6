package transaction

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bedplate/bedplate"
)

// Tx is where a transaction is kept, and how it tells what it does.
type Tx struct {
	// Dir is an absolute directory of this machine, made if missing, for the
	// journal and what it puts back: root's secrets among them, so it is 0700.
	// Transactions of the same Dir wait for each other.
	Dir string
	// Root is the Root of all steps; "" is this machine.
	Root string
	// Progress, if set, is called with each change that was made or taken back.
	Progress func(bedplate.Change)
}

// Reverter is a Resource whose changes are more than files.
type Reverter interface {
	bedplate.Resource
	// Revert takes back changes of these, some of which may not have been made:
	// after the files of the step were put back, and after a crash perhaps by
	// another process, or for the second time.
	Revert(ctx context.Context, changes []bedplate.Change) error
}

// ErrUnfinished is matched where a journal is there of a transaction that was
// killed: Recover comes first.
var ErrUnfinished = errors.New("a transaction was not finished; recover it first")

// IrreversibleError is a planned change that could not be taken back.
type IrreversibleError struct {
	Change bedplate.Change // with its Step
	Reason string
}

func (e *IrreversibleError) Error() string {
	return fmt.Sprintf("transaction: %s: %s", e.Change, e.Reason)
}

// RevertedError is why the steps were taken back.
type RevertedError struct{ Err error }

func (e *RevertedError) Error() string {
	return fmt.Sprintf("transaction: taken back, since %v", e.Err)
}

// Unwrap gives the step's error.
func (e *RevertedError) Unwrap() error { return e.Err }

// Apply ensures each step in order. If one fails, all that was done is taken
// back: the error is then a *RevertedError, and no changes are returned. An
// error of taking back is joined to it; the journal stays for Recover, and the
// changes are returned.
func (tx Tx) Apply(ctx context.Context, steps ...bedplate.Step) (changes []bedplate.Change, err error) {
	if err := named(steps); err != nil {
		return nil, err
	}
	j, err := tx.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	switch begun, err := j.read(); {
	case err != nil:
		return nil, err
	case begun:
		return nil, fmt.Errorf("transaction: %s: %w", tx.Dir, ErrUnfinished)
	}
	if err := j.begin(ctx, steps); err != nil {
		return nil, err
	}
	changes, err = tx.run(ctx, j, steps)
	if err == nil {
		return changes, j.end()
	}
	if _, back := j.revert(context.WithoutCancel(ctx), steps); back != nil {
		return changes, errors.Join(&RevertedError{err}, back)
	}
	return nil, &RevertedError{err}
}

func (tx Tx) run(ctx context.Context, j *journal, steps []bedplate.Step) (all []bedplate.Change, err error) {
	for _, s := range steps {
		if err := ctx.Err(); err != nil {
			return all, fmt.Errorf("%s: not begun: %w", s.Name, err)
		}
		changes, err := s.Ensure(ctx)
		for _, c := range changes {
			c.Step = s.Name
			all = append(all, c)
			tx.tell(c)
			if !j.covers(c) {
				err = errors.Join(err, fmt.Errorf("%s was not planned, and can't be taken back", c))
			}
		}
		if err != nil {
			return all, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return all, nil
}

// Recover takes back a transaction that was killed; without one it does nothing.
// Of the steps, those that are Reverters must be there under the same names.
func (tx Tx) Recover(ctx context.Context, steps ...bedplate.Step) (changes []bedplate.Change, err error) {
	if err := named(steps); err != nil {
		return nil, err
	}
	j, err := tx.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	if begun, err := j.read(); err != nil || !begun {
		return nil, errors.Join(err, j.clear())
	}
	return j.revert(ctx, steps)
}

func (tx Tx) tell(c bedplate.Change) {
	if tx.Progress != nil {
		tx.Progress(c)
	}
}

// named refuses steps that a journal could not tell apart.
func named(steps []bedplate.Step) error {
	for i, s := range steps {
		switch {
		case s.Resource == nil:
			return fmt.Errorf("transaction: step %d (%q) has no resource; set Step.Resource", i+1, s.Name)
		case s.Name == "" || slices.ContainsFunc(steps[:i], func(o bedplate.Step) bool { return o.Name == s.Name }):
			return fmt.Errorf("transaction: step %d is called %q; give each a name of its own", i+1, s.Name)
		}
	}
	return nil
}

// isFile says whether a change is of what an image can hold.
func isFile(c bedplate.Change) bool {
	return (c.Kind == "file" || c.Kind == "symlink" || c.Kind == "directory") && c.Op != bedplate.OpRun && strings.HasPrefix(c.Target, "/")
}
