package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/passwd"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// planner compares what is wanted with a database, and applies each step that it
// finds to that copy: the next one sees it, and the files' backend writes it.
type planner struct {
	ctx     context.Context
	set     Set
	root    *rootfs.Root
	db      *database
	wide    directory // who else there is
	order   order     // and who is asked first
	reads   bool      // what counts is the answer, not what the files say
	backend Backend
	record  bool     // ids are left to the first boot
	created []string // directories that were made

	uids, gids ranges
	fixed      map[idKind]map[ID]bool // ids that the set asks for
	taken      map[ID]bool            // ids that are known not to be free
	steps      []step
	errs       []error
	unmet      []error // why Ensure could not go on where Plan may
	later      int     // how many ids the first boot allocates
}

// action is what a step does.
type action int

const (
	addGroup action = iota
	removeGroup
	addUser
	changeUser
	removeUser
	repairGroup
)

// step is one change with all that a backend has to know.
type step struct {
	action  action
	change  bedplate.Change
	user    passwd.User // as it is to be
	group   passwd.Group
	primary string       // the name of the user's group
	fields  []field      // what differs of an existing user
	join    []string     // groups that the user is not yet in
	lock    bool         // the password is to be locked
	sub     passwd.Range // the subordinate ids to add; Count 0: none
	subTo   []string     // the files that lack them
	own     bool         // the group is made for the user of the same name
	orphan  bool         // the shadow file has no entry of the user
	leave   bool         // the user is listed in its own primary group
}

type field string

const (
	fieldGroup   field = "group"
	fieldComment field = "comment"
	fieldHome    field = "home"
	fieldShell   field = "shell"
)

// errChanged: the files got an entry after they were read.
var errChanged = errors.New("others change accounts all the time")

// plan finds the steps. The errors are all that it found, at once. Accounts that
// somebody makes meanwhile are no directory service's: then it looks again.
func (p *planner) plan() (steps []step, err error) {
	for range attempts {
		if steps, err = p.once(); !errors.Is(err, errChanged) {
			break
		}
		if err := p.reload(); err != nil {
			return nil, err
		}
	}
	return steps, err
}

func (p *planner) once() ([]step, error) {
	var err error
	if p.uids, err = readRanges(p.root, userIDs); err != nil {
		return nil, err
	}
	if p.gids, err = readRanges(p.root, groupIDs); err != nil {
		return nil, err
	}
	p.fixed, p.taken = map[idKind]map[ID]bool{userIDs: {}, groupIDs: {}}, map[ID]bool{}
	for _, u := range p.set.Users {
		p.fixed[userIDs][u.UID] = true
		if u.UID != 0 && !p.uids.fits(u.UID) {
			p.errs = append(p.errs, &FieldError{"user", u.Name, "UID", fmt.Sprint(u.UID), "outside of the system's range, " + p.uids.String()})
		}
	}
	for _, g := range p.set.Groups {
		p.fixed[groupIDs][g.GID] = true
		if g.GID != 0 && !p.gids.fits(g.GID) {
			p.errs = append(p.errs, &FieldError{"group", g.Name, "GID", fmt.Sprint(g.GID), "outside of the system's range, " + p.gids.String()})
		}
	}
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	for _, g := range p.set.Groups {
		if !g.Absent {
			p.wantGroup(g, false, 0)
		}
	}
	for _, u := range p.set.Users {
		if u.Absent {
			p.dropUser(u)
		} else {
			p.wantUser(u)
		}
	}
	for _, g := range p.set.Groups { // after the users in them
		if g.Absent {
			p.dropGroup(g)
		}
	}
	return p.steps, errors.Join(p.errs...)
}

func (p *planner) fail(err error) { p.errs = append(p.errs, err) }

func (p *planner) conflict(kind, name, field, have, want, fix string) {
	p.fail(&ConflictError{kind, name, field, have, want, fix})
}

// add notes a step, and does it to the copy.
func (p *planner) add(s step) {
	kind, name := "user", s.user.Name
	if s.action == addGroup || s.action == removeGroup || s.action == repairGroup {
		kind, name = "group", s.group.Name
	}
	s.change.Kind, s.change.Target = kind, name
	s.change.Detail += ", " + p.backend.done()
	switch s.action {
	case addGroup:
		s.change.Op = bedplate.OpCreate
		p.db.addGroup(s.group)
	case removeGroup:
		s.change.Op = bedplate.OpDelete
		p.db.removeGroup(name)
	case addUser:
		s.change.Op = bedplate.OpCreate
		p.db.addUser(s.user)
	case changeUser:
		s.change.Op = bedplate.OpUpdate
		p.db.changeUser(s.user)
	case removeUser:
		s.change.Op = bedplate.OpDelete
		p.db.removeUser(name)
	case repairGroup:
		s.change.Op = bedplate.OpUpdate
		p.db.shadowGroup(name)
	}
	if s.orphan {
		p.db.shadowUser(name)
	}
	if s.leave {
		p.db.leave(name, s.primary)
	}
	if s.lock {
		p.db.lock(name)
	}
	for _, g := range s.join {
		p.db.join(name, g)
	}
	if s.sub.Count > 0 {
		p.db.addRange(s.sub)
	}
	if s.action == removeUser || s.action == removeGroup {
		p.taken = map[ID]bool{}
	}
	p.steps = append(p.steps, s)
}

// wantGroup sees to it that a group exists, and gives it. own: it is made for
// the user of its name, and prefer is that user's id.
func (p *planner) wantGroup(want Group, own bool, prefer ID) (passwd.Group, bool) {
	failed := len(p.errs)
	g, local, found := p.findGroup(want.Name)
	if len(p.errs) > failed {
		return g, false
	}
	if found {
		switch {
		case !local && lent(g.GID):
			p.conflict("group", g.Name, "gid", fmt.Sprintf("%d, lent to a running unit with DynamicUser=", g.GID), "an id of its own", "stop the unit, or leave its group to systemd")
			return g, false
		case want.GID != 0 && g.GID != uint32(want.GID):
			p.conflict("group", g.Name, "gid", fmt.Sprint(g.GID), fmt.Sprint(want.GID), "its files would lose their group: leave GID out, or change it by hand (groupmod, find -gid)")
			return g, false
		case !p.gids.adoptable(ID(g.GID)):
			p.conflict("group", g.Name, "gid", fmt.Sprint(g.GID), "a system group's", "an ordinary group has the name; choose another")
			return g, false
		}
		if local && !p.record && p.db.unshadowedGroup(g) {
			p.add(step{action: repairGroup, group: g, change: bedplate.Change{Detail: "no entry in gshadow → locked"}})
		}
		return g, true
	}
	if p.db.groups().Mentions(want.Name) {
		p.conflict("group", want.Name, "name", "a malformed line of this name in "+passwd.GroupFile, "a group", "repair or remove the line (grpck)")
		return g, false
	}
	id := want.GID
	var err error
	if id == 0 {
		id, err = p.allocate(groupIDs, p.gids, prefer)
	} else {
		var owner string
		// With an error, it may be this very group, made since the files were read.
		if owner, err = p.owner(groupIDs, id); err == nil && owner != "" {
			p.conflict("group", want.Name, "gid", fmt.Sprintf("%d of group %s", id, owner), fmt.Sprint(id), "choose another, or leave GID out")
			return g, false
		}
	}
	if err != nil {
		p.fail(err)
		return g, false
	}
	g = passwd.Group{Name: want.Name, GID: uint32(id)}
	p.add(step{action: addGroup, group: g, own: own, change: bedplate.Change{Detail: "gid " + number(id)}})
	return g, true
}

func (p *planner) dropGroup(want Group) {
	g, local, found := p.findGroup(want.Name)
	switch {
	case !found:
		return
	case !local:
		p.conflict("group", g.Name, "name", "a group of a directory service", "none", "remove it there")
		return
	case !p.gids.adoptable(ID(g.GID)) || g.GID == 0:
		p.conflict("group", g.Name, "gid", fmt.Sprint(g.GID), "a system group's", "an ordinary group has the name; remove it by hand if you mean it")
		return
	case !p.db.private(passwd.Group{GID: g.GID}, ""):
		p.conflict("group", g.Name, "gid", "the primary group of a user", "no group", "remove its users, too")
		return
	}
	p.add(step{action: removeGroup, group: g, change: bedplate.Change{Detail: fmt.Sprintf("gid %d", g.GID)}})
}
