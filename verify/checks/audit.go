package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/verify"
)

// WriteAudit holds where a user can change nothing at or below these paths: not
// a file, not a directory's entries, and no directory on the way there, through
// which all of it could be replaced. What decides is in account.Identity: modes,
// groups and access control lists; what a sandbox takes away besides is not
// counted. Links on the way to a path are followed, links below it are not. Paths
// in except, and what is below them, may be written. account.Audit asks the same
// of all that root uses.
func WriteAudit(root, user string, paths, except []string) verify.Check {
	return verify.Check{
		Name: "write audit/" + user, Tags: []string{Deep, "account", "path"},
		Look: func(ctx context.Context) verify.Finding {
			if len(paths) == 0 {
				return verify.CouldNotLook(errNothingWanted)
			}
			r, err := rootfs.Open(root)
			if err != nil {
				return verify.CouldNotLook(err)
			}
			defer r.Close()
			id, err := account.IdentityOf(ctx, root, user)
			if err != nil {
				return verify.CouldNotLook(err)
			}
			a := audit{ctx: ctx, root: r, id: id}
			for _, p := range except {
				a.except = append(a.except, path.Clean(p))
			}
			for _, p := range paths {
				if !path.IsAbs(p) {
					return verify.CouldNotLook(fmt.Errorf("%q is no absolute path", p))
				}
				if err := a.named(path.Clean(p)); err != nil {
					return verify.CouldNotLook(err)
				}
			}
			if len(a.found) == 0 {
				return verify.Passed(fmt.Sprintf("%d files and directories, none that %s can write", a.seen, user))
			}
			slices.Sort(a.found)
			found := slices.Compact(a.found)
			more := ""
			if n := len(found); n > 10 {
				more = fmt.Sprintf(", and %d more", n-10)
			}
			return verify.Finding{
				Status: verify.Fail, Wanted: "nothing that " + user + " can write", Observed: fmt.Sprintf("%d ways in, at %d files and directories", len(found), a.seen),
				Cause: "it " + strings.Join(found[:min(10, len(found))], ", ") + more, Remedy: "give them to root, without write permission for others",
			}
		},
	}
}

type audit struct {
	ctx    context.Context
	root   *rootfs.Root
	id     account.Identity
	except []string
	found  []string
	seen   int
}

// named looks at a path that was asked for, with the way to it, and at what is
// below. What is missing counts as what may be put there.
func (a *audit) named(p string) error {
	if slices.Contains(a.except, p) {
		return nil
	}
	ways, err := a.id.Writable(a.root.Path(), p)
	if err != nil {
		return err
	}
	for _, w := range ways {
		a.found = append(a.found, w.String())
	}
	return a.below(p)
}

func (a *audit) below(p string) error {
	if a.ctx.Err() != nil {
		return a.ctx.Err()
	}
	if slices.Contains(a.except, p) {
		return nil
	}
	info, err := a.root.Lstat(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	a.seen++
	if a.perhaps(info) {
		ways, err := a.id.Writable(a.root.Path(), p)
		if err != nil {
			return err
		}
		for _, w := range ways {
			if w.Path == p { // what is on the way has been said
				a.found = append(a.found, w.String())
			}
		}
	}
	if !info.Mode.IsDir() {
		return nil
	}
	entries, err := a.root.ReadDir(p)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := a.below(path.Join(p, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// perhaps spares the long way where the mode alone says no: the group's bits are
// the mask of an access control list. A link's own bits mean nothing.
func (a *audit) perhaps(info rootfs.Info) bool {
	return info.Mode.Type() != fs.ModeSymlink && (a.id.UID == 0 || info.UID == int(a.id.UID) || info.Mode.Perm()&0o022 != 0)
}
