package account

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/account/internal/acl"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// Identity is what the kernel knows of a process when it decides about files.
type Identity struct {
	UID, GID ID
	Groups   []ID // supplementary ones
}

// IdentityOf is what a user's processes have: the groups are those of the root's
// files and, on this machine, those that initgroups(3) finds.
func IdentityOf(ctx context.Context, root, user string) (Identity, error) {
	p, err := reader(ctx, root)
	if err != nil {
		return Identity{}, err
	}
	defer p.root.Close()
	return p.identity(user)
}

func (p *planner) identity(user string) (Identity, error) {
	u, _, found := p.findUser(user)
	if !found {
		return Identity{}, p.unknown("user", user)
	}
	id := Identity{UID: ID(u.UID), GID: ID(u.GID)}
	for g := range p.db.groups().Groups() {
		if slices.Contains(g.Members, user) {
			id.Groups = append(id.Groups, ID(g.GID))
		}
	}
	if p.root.Machine() {
		more, err := initgroups(p.ctx, user)
		if err != nil {
			return Identity{}, err
		}
		id.Groups = append(id.Groups, more...)
	}
	slices.Sort(id.Groups)
	id.Groups = slices.Compact(id.Groups)
	return id, nil
}

// The rights that the kernel asks for, as in a mode's last three bits.
const (
	mayWrite  = 2
	maySearch = 1
)

// node is a file as the access check sees it.
type node struct {
	rootfs.Info
	list func() (acl.List, error)
}

func nodeAt(dir *os.File, name string) (node, error) {
	info, err := rootfs.LstatAt(dir, name)
	return node{info, func() (acl.List, error) { return acl.At(dir, name) }}, err
}

// grants says whether the kernel would let this identity have the rights, and
// through what (acl(5), "access check algorithm"). A file's owner has all: he
// can change the mode.
func (id Identity) grants(n node, rights uint16) (by string, ok bool, err error) {
	mode := uint16(n.Mode.Perm())
	switch {
	case id.UID == 0:
		return "root", true, nil
	case n.UID == int(id.UID):
		return "owner", true, nil
	case mode>>3&rights != rights && mode&rights != rights:
		// With a list, too: the group's bits are then its mask.
		return "", false, nil
	}
	var list acl.List
	if mode&0o070 != 0 { // else the kernel does not look at the list (fs/namei.c, acl_permission_check)
		if list, err = n.list(); err != nil {
			return "", false, err
		}
	}
	if list == nil {
		list = acl.List{{Tag: acl.OwningGroup, Rights: mode >> 3 & 7}, {Tag: acl.Other, Rights: mode & 7}}
	}
	return id.listed(list, ID(n.GID), rights)
}

func (id Identity) listed(list acl.List, owning ID, rights uint16) (by string, ok bool, err error) {
	for _, e := range list {
		if e.Tag == acl.User && ID(e.ID) == id.UID {
			return "access control list", list.Masked(e)&rights == rights, nil
		}
	}
	member := false
	for _, e := range list {
		gid := owning
		switch e.Tag {
		case acl.OwningGroup:
			by = fmt.Sprintf("group %d", gid)
		case acl.Group:
			gid = ID(e.ID)
			by = fmt.Sprintf("access control list, group %d", gid)
		default:
			continue
		}
		if gid != id.GID && !slices.Contains(id.Groups, gid) {
			continue
		}
		if member = true; list.Masked(e)&rights == rights {
			return by, true, nil
		}
	}
	if member {
		return "", false, nil
	}
	for _, e := range list {
		if e.Tag == acl.Other {
			return "everybody", e.Rights&rights == rights, nil
		}
	}
	return "", false, nil
}

// Way is one way in which somebody can change what a path leads to.
type Way struct {
	// Path is what he can write, all links resolved.
	Path string
	// Entry is what he can put there, remove or replace, if Path is a directory;
	// "" stands for any entry.
	Entry string
	// By says what gives him the right: "owner", "group 33", "everybody", or an
	// entry of the access control list.
	By string
}

func (w Way) String() string {
	if w.Entry != "" {
		return fmt.Sprintf("can replace %s in %s (%s)", w.Entry, w.Path, w.By)
	}
	return fmt.Sprintf("can write %s (%s)", w.Path, w.By)
}

// Writable lists the ways in which an identity can change what a path leads to:
// by writing the file, by adding to the directory, or by replacing a part of the
// way there, of links' targets too. None: it can't. What is missing counts as
// what may be put there.
//
// Mode bits, the sticky bit, groups and POSIX access control lists decide, as in
// path_resolution(7) and acl(5). Capabilities, security modules, read-only
// mounts and immutable files are not considered: some of them hold for one
// process and not for the next.
func (id Identity) Writable(root, path string) ([]Way, error) {
	r, err := rootfs.Open(root)
	if err != nil {
		return nil, fmt.Errorf("account: root: %w", err)
	}
	defer r.Close()
	end, err := newTrail(r, id).follow("/", path)
	if err != nil {
		return nil, fmt.Errorf("account: %s: %w", r.Host(path), err)
	}
	return end.ways, nil
}

// kernels says whether a path is the kernel's, with no file of anybody behind it.
func kernels(path string) bool {
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}

// sticky says whether a directory keeps an identity from replacing an entry that
// exists and is not its own.
func (id Identity) sticky(dir, entry rootfs.Info) bool {
	return dir.Mode&fs.ModeSticky != 0 && id.UID != 0 && dir.UID != int(id.UID) && entry.UID != int(id.UID)
}
