package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/verify"
)

// WriteAudit holds where a user can change nothing at or below these paths: not
// a file, not a directory's entries, and no directory on the way there, through
// which all of it could be replaced. Permission bits decide (what a sandbox takes
// away besides is not counted, access control lists are not read); links are not
// followed. Paths in except, and what is below them, may be written.
func WriteAudit(root, user string, paths, except []string) verify.Check {
	return verify.Check{
		Name: "write audit/" + user, Tags: []string{Deep, "account", "path"},
		Look: func(ctx context.Context) verify.Finding {
			r, err := rootfs.Open(root)
			if err != nil {
				return verify.CouldNotLook(err)
			}
			defer r.Close()
			db, err := readAccounts(r)
			if err != nil {
				return verify.CouldNotLook(err)
			}
			u, ok := db.user(user)
			if !ok {
				return verify.CouldNotLook(fmt.Errorf("there is no user %s", user))
			}
			a := audit{ctx: ctx, root: r, uid: u.uid, gids: db.memberships(u), except: except}
			for _, p := range paths {
				if !path.IsAbs(p) {
					return verify.CouldNotLook(fmt.Errorf("%q is no absolute path", p))
				}
				if err := a.above(path.Clean(p)); err != nil {
					return verify.CouldNotLook(err)
				}
				if err := a.below(path.Clean(p)); err != nil {
					return verify.CouldNotLook(err)
				}
			}
			if len(a.writable) == 0 {
				return verify.Passed(fmt.Sprintf("%d files and directories, none that %s can write", a.seen, user))
			}
			slices.Sort(a.writable)
			more := ""
			if n := len(a.writable); n > 10 {
				more = fmt.Sprintf(", and %d more", n-10)
			}
			return verify.Finding{
				Status: verify.Fail, Wanted: "nothing that " + user + " can write", Observed: fmt.Sprintf("%d of %d", len(a.writable), a.seen),
				Cause: strings.Join(slices.Compact(a.writable)[:min(10, len(slices.Compact(a.writable)))], ", ") + more, Remedy: "give them to root, without write permission for others",
			}
		},
	}
}

type audit struct {
	ctx      context.Context
	root     *rootfs.Root
	uid      int
	gids     []int
	except   []string
	writable []string
	seen     int
}

// may says whether the user can write by the bits: those of the first class that
// fits decide, as in path_resolution(7). An owner can give itself the bits.
func (a *audit) may(info rootfs.Info) bool {
	switch {
	case a.uid == 0, info.UID == a.uid:
		return true
	case slices.Contains(a.gids, info.GID):
		return info.Mode.Perm()&0o020 != 0
	}
	return info.Mode.Perm()&0o002 != 0
}

// above looks at the directories that lead to a path. A sticky one lets nobody
// replace what belongs to others.
func (a *audit) above(p string) error {
	for dir := path.Dir(p); ; dir = path.Dir(dir) {
		info, err := a.root.Stat(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		a.seen++
		if a.may(info) && (info.Mode&fs.ModeSticky == 0 || info.UID == a.uid) {
			a.writable = append(a.writable, dir+" (on the way to "+p+")")
		}
		if dir == "/" {
			return nil
		}
	}
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
	if info.Mode.Type() != fs.ModeSymlink && a.may(info) { // a link's own bits mean nothing
		a.writable = append(a.writable, p)
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
