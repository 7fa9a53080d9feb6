package layout

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/bedplate/bedplate"
)

// share is how many entries are worth a thread of their own.
const share = 1000

// lookAtAll plans every entry. Nearly all of the time is the kernel's, which can
// look in several places at once: large trees are shared out to the processors.
func (r *run) lookAtAll(ctx context.Context) error {
	n := parts(len(r.items))
	if n < 2 || r.record != nil || r.walk == nil {
		return r.lookAt(ctx, r.items)
	}
	runs := make([]*run, n)
	for i := range runs {
		p, err := r.part()
		if err != nil {
			return errors.Join(err, closeAll(runs[:i]))
		}
		runs[i] = p
	}
	errs := inParts(n, len(r.items), func(part, from, to int) error {
		return runs[part].lookAt(ctx, r.items[from:to])
	})
	for _, p := range runs {
		r.merge(p.changes)
	}
	return errors.Join(append(errs, closeAll(runs))...)
}

// parts is how many there are of so many entries.
func parts(entries int) int { return max(1, min(runtime.GOMAXPROCS(0), entries/share)) }

// inParts does n parts at once, and gives their errors in the entries' order.
func inParts(n, entries int, do func(part, from, to int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := 1; i < n; i++ {
		wg.Go(func() { errs[i] = do(i, i*entries/n, (i+1)*entries/n) })
	}
	errs[0] = do(0, 0, entries/n)
	wg.Wait()
	return errs
}

// lookAt plans some entries, and collects what is impossible.
func (r *run) lookAt(ctx context.Context, items []item) error {
	var errs []error
	for i := range items {
		if items[i].early {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("layout: %w", err)
		}
		if err := r.item(&items[i]); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// part is a run that looks with directories of its own.
func (r *run) part() (*run, error) {
	root, err := r.walk.root.Again()
	if err != nil {
		return nil, fmt.Errorf("layout: %w", err)
	}
	walk, err := newWalker(root)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("layout: %w", err), root.Close())
	}
	return &run{tree: r.tree, items: r.items, walk: walk, uid: r.uid, made: map[string]bool{}}, nil
}

// merge takes over what a part found. A directory that is to be made may have
// been missed by two of them: the first is the one that has its entry.
func (r *run) merge(changes []bedplate.Change) {
	for _, c := range changes {
		if c.Op == bedplate.OpCreate && c.Kind == "directory" {
			if r.made[c.Target] {
				continue
			}
			r.made[c.Target] = true
		}
		r.changes = append(r.changes, c)
	}
}

func closeAll(parts []*run) (err error) {
	for _, p := range parts {
		err = joinClose(err, p)
	}
	return err
}
