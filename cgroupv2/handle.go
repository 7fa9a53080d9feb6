package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// Handle is a cgroup held open, for limits that follow a load: about twice as fast as
// Set, which looks anew every time whose the cgroup is and opens its files.
// Several goroutines may share one.
type Handle struct {
	mu   sync.Mutex
	tree *cgfs.Tree // nil: closed
	own  owner
	root string
	rel  string
}

// Open opens an existing cgroup: one below a delegated one where systemd runs, else
// it is a ManagedError. It is this cgroup and no later one of the same name that the
// Handle then stands for. The caller closes it.
func Open(path string) (_ *Handle, err error) {
	tree, rel, err := at(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tree.Close())
		}
	}()
	h := &Handle{tree: tree, own: owned(tree), rel: rel}
	if h.root, err = h.own.ours(rel, Limits{}.setProperty); err != nil {
		return nil, err
	}
	if err := tree.Hold(rel); err != nil {
		return nil, fmt.Errorf("cgroupv2: %w", err)
	}
	return h, nil
}

// Set is the function Set: validated, in order, nothing written that is equal, read
// back. It is fs.ErrNotExist once the cgroup was removed, and fs.ErrClosed after
// Close.
func (h *Handle) Set(l Limits) error {
	l, err := l.here()
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tree == nil {
		return fmt.Errorf("cgroupv2: %s: %w", cgfs.Host(h.rel), fs.ErrClosed)
	}
	todo, err := h.own.planBelow(h.root, h.rel, l, false)
	if err != nil {
		return err
	}
	_, err = h.own.do(todo)
	return err
}

// Close lets go of the cgroup, which stays as it is.
func (h *Handle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tree == nil {
		return fmt.Errorf("cgroupv2: %s: %w", cgfs.Host(h.rel), fs.ErrClosed)
	}
	err := h.tree.Close()
	h.tree = nil
	if err != nil {
		return fmt.Errorf("cgroupv2: %w", err)
	}
	return nil
}
