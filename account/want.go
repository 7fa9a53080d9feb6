package account

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/passwd"
)

func (p *planner) wantUser(want User) {
	failed := len(p.errs)
	u, local, found := p.findUser(want.Name)
	if len(p.errs) > failed {
		return
	}
	if found {
		p.adopt(want, u, local)
	} else {
		p.create(want)
	}
}

// primary finds or plans the user's group.
func (p *planner) primary(want User, prefer ID) (g passwd.Group, pending string, ok bool) {
	if want.Group == "" || want.Group == want.Name {
		g, ok = p.wantGroup(Group{Name: want.Name, GID: p.set.gid(want.Name)}, true, prefer)
		return g, "", ok
	}
	failed := len(p.errs)
	g, _, found := p.findGroup(want.Group)
	if !found && len(p.errs) == failed {
		p.missing(want, want.Group)
		return passwd.Group{Name: want.Group}, "group " + want.Group, true
	}
	return g, "", found
}

// missing is a group that another step may make before this one is ensured.
func (p *planner) missing(want User, group string) {
	p.unmet = append(p.unmet, fmt.Errorf("account: user %s: group %s: %w; add it to the Set's Groups", want.Name, group, ErrUnknown))
}

func (s Set) gid(group string) ID {
	for _, g := range s.Groups {
		if g.Name == group {
			return g.GID
		}
	}
	return 0
}

func (p *planner) create(want User) {
	if p.db.users().Mentions(want.Name) {
		p.conflict("user", want.Name, "name", "a malformed line of this name in "+passwd.UserFile, "a user", "repair or remove the line (pwck)")
		return
	}
	if want.UID != 0 {
		owner, err := p.owner(userIDs, want.UID)
		if err != nil {
			p.fail(err)
			return
		}
		if owner != "" {
			p.conflict("user", want.Name, "uid", fmt.Sprintf("%d of user %s", want.UID, owner), fmt.Sprint(want.UID), "choose another, or leave UID out")
			return
		}
	}
	if !p.homeFree(want, want.UID) {
		return
	}
	group, pending, ok := p.primary(want, want.UID)
	if !ok {
		return
	}
	uid := want.UID
	if uid == 0 {
		var prefer ID
		if group.Name == want.Name {
			prefer = ID(group.GID)
		}
		var err error
		if uid, err = p.allocate(userIDs, p.uids, prefer); err != nil {
			p.fail(err)
			return
		}
	}
	s := step{action: addUser, primary: group.Name, user: passwd.User{
		Name: want.Name, UID: uint32(uid), GID: group.GID, Comment: want.Comment, Home: want.Home, Shell: want.Shell,
	}}
	if s.user.Home == "" {
		s.user.Home = noHome[0]
	}
	if s.user.Shell == "" {
		s.user.Shell = p.noLogin()
	}
	detail := []string{"uid " + number(uid), "group " + group.Name}
	detail = append(detail, p.memberships(want, &s, &pending)...)
	if want.Comment != "" {
		detail = append(detail, "comment "+strconv.Quote(want.Comment))
	}
	detail = append(detail, "home "+show(s.user.Home), "shell "+show(s.user.Shell), "locked")
	detail = append(detail, p.subordinate(want, &s)...)
	s.change = bedplate.Change{Detail: strings.Join(detail, ", "), Pending: pending}
	p.add(s)
}

// adopt compares an account that exists, field by field.
func (p *planner) adopt(want User, u passwd.User, local bool) {
	switch {
	case !local && lent(u.UID):
		p.conflict("user", u.Name, "uid", fmt.Sprintf("%d, lent to a running unit with DynamicUser=", u.UID), "an id of its own", "stop the unit, or leave its user to systemd")
		return
	case want.UID != 0 && u.UID != uint32(want.UID):
		p.conflict("user", u.Name, "uid", fmt.Sprint(u.UID), fmt.Sprint(want.UID), "its files would lose their owner: leave UID out, or change it by hand (usermod -u, find -uid)")
		return
	case !p.uids.adoptable(ID(u.UID)):
		p.conflict("user", u.Name, "uid", fmt.Sprint(u.UID), "a system user's", "an ordinary user has the name; choose another")
		return
	}
	for other := range p.db.users().Users() {
		if other.UID == u.UID && other.Name != u.Name {
			p.conflict("user", u.Name, "uid", fmt.Sprintf("%d, which user %s has, too", u.UID, other.Name), "an id of its own", "give one of the two another by hand")
			return
		}
	}
	group, pending, ok := p.primary(want, ID(u.UID))
	if !ok {
		return
	}
	s := step{action: changeUser, primary: group.Name, user: u}
	var detail []string
	differs := func(f field, have *string, want string) {
		if *have != want {
			detail = append(detail, fmt.Sprintf("%s %s → %s", f, show(*have), show(want)))
			s.fields = append(s.fields, f)
			*have = want
		}
	}
	if pending != "" || u.GID != group.GID {
		detail = append(detail, fmt.Sprintf("group %s → %s", p.groupName(u.GID), group.Name))
		s.fields = append(s.fields, fieldGroup)
		s.user.GID = group.GID
	}
	if want.Comment != "" {
		differs(fieldComment, &s.user.Comment, want.Comment)
	}
	switch {
	case want.Home != "" && want.Home != u.Home:
		if !p.homeFree(want, ID(u.UID)) {
			return
		}
		differs(fieldHome, &s.user.Home, want.Home)
	case want.Home == "" && !slices.Contains(noHome, u.Home):
		differs(fieldHome, &s.user.Home, noHome[0])
	}
	switch {
	case want.Shell != "":
		differs(fieldShell, &s.user.Shell, want.Shell)
	case !p.letsNobodyIn(u.Shell):
		differs(fieldShell, &s.user.Shell, p.noLogin())
	}
	if !want.KeepPassword && local {
		open, err := p.db.open(u)
		if err != nil {
			p.fail(err)
		}
		if s.lock = open; open {
			detail = append(detail, "password open → locked")
		}
	}
	if s.orphan = local && !p.record && p.db.unshadowed(u); s.orphan {
		detail = append(detail, "no entry in shadow → locked")
	}
	// BusyBox's adduser lists the user in its own primary group, which gives no
	// further right. So that all backends give the same account, it goes again.
	if s.leave = p.backend == BusyBox && local && p.db.lists(group.Name, u.Name); s.leave {
		detail = append(detail, "groups − "+group.Name+", its own")
	}
	detail = append(detail, p.memberships(want, &s, &pending)...)
	detail = append(detail, p.subordinate(want, &s)...)
	if len(detail) == 0 {
		return
	}
	if !local {
		p.conflict("user", u.Name, "name", "an account of a directory service, with "+strings.Join(detail, ", "), "a match", "change it there, or ask for what it is")
		return
	}
	s.change = bedplate.Change{Detail: strings.Join(detail, ", "), Pending: pending}
	p.add(s)
}

// memberships finds the groups that a user is not in, and describes them.
func (p *planner) memberships(want User, s *step, pending *string) (detail []string) {
	for _, name := range want.Groups {
		failed := len(p.errs)
		g, local, found := p.findGroup(name)
		switch {
		case len(p.errs) > failed || slices.Contains(s.join, name) || name == s.primary:
			continue
		case !found && p.record: // systemd-sysusers makes the group of such a line
		case !found:
			p.missing(want, name)
			if *pending == "" {
				*pending = "group " + name
			}
		case slices.Contains(g.Members, want.Name):
			if p.record || !local || !p.db.halfJoined(want.Name, name) {
				continue
			}
			s.join = append(s.join, name)
			detail = append(detail, "groups + "+name+" in gshadow")
			continue
		case !local:
			p.conflict("user", want.Name, "groups", "group "+name+" of a directory service without it", name, "add it there")
			continue
		}
		s.join = append(s.join, name)
		detail = append(detail, "groups + "+name)
	}
	return detail
}

func (p *planner) subordinate(want User, s *step) []string {
	if !want.SubIDs {
		return nil
	}
	if p.record {
		p.fail(&FieldError{"user", want.Name, "SubIDs", "true", "sysusers.d has no line for subordinate ids; run as root, or set Backend to Files"})
		return nil
	}
	r, err := p.db.freeRange(want.Name)
	if err != nil {
		p.fail(err)
	}
	if s.sub = r; r.Count == 0 {
		return nil
	}
	s.subTo = p.db.lacks(want.Name)
	return []string{fmt.Sprintf("subordinate ids %d to %d", r.Start, r.End()-1)}
}

func (p *planner) dropUser(want User) {
	failed := len(p.errs)
	u, local, found := p.findUser(want.Name)
	switch {
	case !found || len(p.errs) > failed:
		return
	case !local:
		p.conflict("user", u.Name, "name", "an account of a directory service", "none", "remove it there")
		return
	case !p.uids.adoptable(ID(u.UID)):
		p.conflict("user", u.Name, "uid", fmt.Sprint(u.UID), "a system user's", "an ordinary user has the name; remove it by hand if you mean it")
		return
	}
	if who, err := p.running(ID(u.UID)); err != nil || who != "" {
		if err != nil {
			p.fail(err)
			return
		}
		p.conflict("user", u.Name, "uid", fmt.Sprintf("%d, as which %s runs", u.UID, who), "none", "stop it first")
		return
	}
	p.add(step{action: removeUser, user: u, change: bedplate.Change{Detail: fmt.Sprintf("uid %d", u.UID)}})
	keep := slices.ContainsFunc(p.set.Groups, func(g Group) bool { return g.Name == u.Name })
	if g, ok := p.db.groups().Group(u.Name); ok && !keep && g.GID == u.GID && p.db.private(g, u.Name) {
		p.add(step{action: removeGroup, group: g, own: true, change: bedplate.Change{Detail: fmt.Sprintf("gid %d", g.GID)}})
	}
}

func (p *planner) groupName(gid uint32) string {
	if g, ok := p.db.groups().GroupID(gid); ok {
		return g.Name
	}
	return fmt.Sprint(gid)
}

// show prints a value on one line, whatever it is.
func show(s string) string {
	if q := strconv.Quote(s); s == "" || strings.Contains(s, " ") || q != `"`+s+`"` {
		return q
	}
	return s
}
