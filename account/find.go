package account

import (
	"fmt"

	"github.com/bedplate/bedplate/internal/passwd"
)

// findUser looks for a user in the files, and then further. Where the files are
// not what is asked first, another's user of the name is the one that counts.
func (p *planner) findUser(name string) (u passwd.User, local, found bool) {
	u, local = p.db.users().User(name)
	if local && p.settles(passwd.UserFile) {
		return u, true, true
	}
	w, found, err := p.wide.user(p.ctx, name)
	if err == nil && found {
		err = p.changed(passwd.UserFile, name)
	}
	if err != nil {
		p.fail(err)
	}
	if local && (!found || w.UID == u.UID && !p.reads) {
		return u, true, true
	}
	return w, false, found
}

func (p *planner) findGroup(name string) (g passwd.Group, local, found bool) {
	g, local = p.db.groups().Group(name)
	if local && p.settles(passwd.GroupFile) {
		return g, true, true
	}
	w, found, err := p.wide.group(p.ctx, name)
	if err == nil && found {
		err = p.changed(passwd.GroupFile, name)
	}
	if err != nil {
		p.fail(err)
	}
	if local && (!found || w.GID == g.GID && !p.reads) {
		return g, true, true
	}
	return w, false, found
}

// changed tells an account of a directory service from one that was added to the
// files since they were read. Those that this plan adds are in neither.
func (p *planner) changed(file, name string) error {
	now, err := passwd.Read(p.root, file)
	if err != nil {
		return fmt.Errorf("account: %w", err)
	}
	if now.Mentions(name) && !p.db.tables[file].Mentions(name) {
		return fmt.Errorf("account: %s: %w", p.root.Host(file), errChanged)
	}
	return nil
}
