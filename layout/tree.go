package layout

import (
	"context"
	"os"

	"github.com/bedplate/bedplate"
)

// Tree is directories, files and links as they should be.
type Tree struct {
	// Root is the directory that all paths are inside of; it is made if missing.
	// "" is this machine.
	Root string
	// Name tells this tree's record of owners from those of other trees in the
	// same Root: it is kept in /etc/tmpfiles.d/bedplate-<Name>.conf. "" is
	// "tree"; trees that share a name share the record, and must not be ensured at
	// the same time.
	Name string
	// Owners says what becomes of owners and modes. Zero is AutoOwners.
	Owners Owners
	// Entries are what the tree consists of, in any order.
	Entries []Entry
}

// Owners says what a Tree does about owners and modes.
type Owners string

const (
	// AutoOwners is RecordOwners under a Root for a process that may not give
	// files away, and ApplyOwners otherwise.
	AutoOwners Owners = ""
	// ApplyOwners gives each file its owner and mode at once. Names are looked
	// up in the Root's own /etc/passwd and /etc/group.
	ApplyOwners Owners = "apply"
	// RecordOwners makes files that belong to the caller, and writes owners and
	// modes down for the first boot. Every change that depends on it says
	// "recorded". Setuid and setgid bits are recorded only; the caller keeps
	// the rights that a further Ensure needs.
	RecordOwners Owners = "record"
)

// Records says whether the tree's owners are recorded rather than applied, by
// this process: what AutoOwners comes to.
func (t Tree) Records() bool {
	if t.Owners == AutoOwners {
		return t.Root != "" && t.Root != "/" && os.Geteuid() != 0
	}
	return t.Owners == RecordOwners
}

// Plan says what Ensure would change, sorted by path. It reads only. An owner
// who does not exist yet makes a pending change. What can't be done at all is
// an error, which names every such entry (see EntryError).
func (t Tree) Plan(ctx context.Context) (_ []bedplate.Change, err error) {
	r, err := t.open()
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, r) }()
	if err := r.plan(ctx); err != nil {
		return nil, err
	}
	return r.changes, nil
}

// Ensure makes the tree as wanted, and says what it changed. It first looks at
// every entry, and touches nothing if one of them can't be as wanted. Killed at
// any point, it leaves each file whole, and the next Ensure goes on.
func (t Tree) Ensure(ctx context.Context) (_ []bedplate.Change, err error) {
	r, err := t.open()
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, r) }()
	if err := r.plan(ctx); err != nil || len(r.changes) == 0 {
		return nil, err
	}
	if err := r.unmet(); err != nil {
		return nil, err
	}
	err = r.apply(ctx)
	return r.changes, err
}
