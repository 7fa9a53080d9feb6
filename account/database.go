package account

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/bedplate/bedplate/internal/passwd"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// database is the account files of a root, in memory.
type database struct {
	tables map[string]*passwd.Table
	exists map[string]bool // or is to be made
	hidden error           // why the shadow files could not be read, if so
}

// files in the order in which edits are published: whoever is killed between
// two leaves no user without its group, and none without its lock.
var files = []string{passwd.GroupShadowFile, passwd.GroupFile, passwd.SubUIDFile, passwd.SubGIDFile, passwd.ShadowFile, passwd.UserFile}

// load reads the files; those of shadow only where they are asked for, since not
// everybody may.
func load(root *rootfs.Root) (*database, error) {
	d := &database{map[string]*passwd.Table{}, map[string]bool{}, nil}
	for _, file := range files {
		b, err := root.ReadFile(file)
		switch {
		case errors.Is(err, fs.ErrPermission) && (file == passwd.ShadowFile || file == passwd.GroupShadowFile):
			d.hidden = err
			d.exists[file] = true
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("account: %w", err)
		default:
			d.exists[file] = err == nil
		}
		d.tables[file] = passwd.Parse(b)
	}
	if !d.exists[passwd.UserFile] && !d.exists[passwd.GroupFile] {
		// A fresh root gets the shadow files with the others.
		d.exists[passwd.ShadowFile], d.exists[passwd.GroupShadowFile] = true, true
	}
	d.exists[passwd.UserFile], d.exists[passwd.GroupFile] = true, true
	return d, nil
}

func (d *database) users() *passwd.Table  { return d.tables[passwd.UserFile] }
func (d *database) groups() *passwd.Table { return d.tables[passwd.GroupFile] }

// open says whether a password may open the account. The password itself stays
// in here.
func (d *database) open(u passwd.User) (bool, error) {
	if !u.Password.Elsewhere() {
		return !u.Password.Locked(), nil
	}
	if d.hidden != nil {
		return false, fmt.Errorf("account: user %s: whether it is locked: %w: %w; run as root, or set KeepPassword", u.Name, ErrNoPrivilege, d.hidden)
	}
	s, ok := d.tables[passwd.ShadowFile].Shadow(u.Name)
	return ok && !s.Password.Locked(), nil
}

func (d *database) lock(name string) {
	u, ok := d.users().User(name)
	if !ok {
		return
	}
	if !u.Password.Elsewhere() {
		u.Password = u.Password.Lock()
		d.users().SetUser(u)
		return
	}
	if s, ok := d.tables[passwd.ShadowFile].Shadow(name); ok {
		s.Password = s.Password.Lock()
		d.tables[passwd.ShadowFile].SetShadow(s)
	}
}

// addUser adds a locked user. A shadow entry that a former user of the name left
// behind does not become its password.
func (d *database) addUser(u passwd.User) {
	u.Password = "!*"
	if d.exists[passwd.ShadowFile] {
		u.Password = "x"
		d.tables[passwd.ShadowFile].Delete(u.Name)
		d.tables[passwd.ShadowFile].SetShadow(passwd.Shadow{Name: u.Name, Password: "!*"})
	}
	d.users().SetUser(u)
}

func (d *database) changeUser(u passwd.User) {
	old, _ := d.users().User(u.Name)
	u.Password = old.Password
	d.users().SetUser(u)
}

func (d *database) addGroup(g passwd.Group) {
	g.Password = "!*"
	if d.exists[passwd.GroupShadowFile] {
		g.Password = "x"
		d.tables[passwd.GroupShadowFile].Delete(g.Name)
		d.tables[passwd.GroupShadowFile].SetGroupShadow(passwd.GroupShadow{Name: g.Name, Password: "!*"})
	}
	d.groups().SetGroup(g)
}

func (d *database) join(user, group string) {
	if g, ok := d.groups().Group(group); ok && !slices.Contains(g.Members, user) {
		g.Members = append(slices.Clone(g.Members), user)
		d.groups().SetGroup(g)
	}
	if g, ok := d.tables[passwd.GroupShadowFile].GroupShadow(group); ok && !slices.Contains(g.Members, user) {
		g.Members = append(slices.Clone(g.Members), user)
		d.tables[passwd.GroupShadowFile].SetGroupShadow(g)
	}
}

// halfJoined says whether gshadow does not have a member that group has: a tool
// was killed between the two.
func (d *database) halfJoined(user, group string) bool {
	s, ok := d.tables[passwd.GroupShadowFile].GroupShadow(group)
	return ok && !slices.Contains(s.Members, user)
}

func (d *database) removeGroup(name string) {
	d.groups().Delete(name)
	d.tables[passwd.GroupShadowFile].Delete(name)
}

func (d *database) removeUser(name string) {
	for g := range d.tables[passwd.GroupFile].Clone().Groups() {
		if slices.Contains(g.Members, name) {
			g.Members = without(g.Members, name)
			d.groups().SetGroup(g)
		}
		shadow := d.tables[passwd.GroupShadowFile]
		if s, ok := shadow.GroupShadow(g.Name); ok && (slices.Contains(s.Members, name) || slices.Contains(s.Admins, name)) {
			s.Members, s.Admins = without(s.Members, name), without(s.Admins, name)
			shadow.SetGroupShadow(s)
		}
	}
	for _, file := range []string{passwd.UserFile, passwd.ShadowFile, passwd.SubUIDFile, passwd.SubGIDFile} {
		d.tables[file].Delete(name)
	}
}

// unshadowed says whether a user's password is to be in the shadow file, and
// there is no line of it: a tool was killed between the two.
func (d *database) unshadowed(u passwd.User) bool {
	return d.hidden == nil && d.exists[passwd.ShadowFile] && u.Password.Elsewhere() && !d.tables[passwd.ShadowFile].Mentions(u.Name)
}

func (d *database) unshadowedGroup(g passwd.Group) bool {
	return d.hidden == nil && d.exists[passwd.GroupShadowFile] && g.Password.Elsewhere() && !d.tables[passwd.GroupShadowFile].Mentions(g.Name)
}

func (d *database) shadowUser(name string) {
	d.tables[passwd.ShadowFile].SetShadow(passwd.Shadow{Name: name, Password: "!*"})
}

func (d *database) shadowGroup(name string) {
	g, _ := d.groups().Group(name)
	d.tables[passwd.GroupShadowFile].SetGroupShadow(passwd.GroupShadow{Name: name, Password: "!*", Members: g.Members})
}

// lists says whether a group names a user, in either file.
func (d *database) lists(group, user string) bool {
	g, _ := d.groups().Group(group)
	s, _ := d.tables[passwd.GroupShadowFile].GroupShadow(group)
	return slices.Contains(g.Members, user) || slices.Contains(s.Members, user)
}

func (d *database) leave(user, group string) {
	if g, ok := d.groups().Group(group); ok && slices.Contains(g.Members, user) {
		g.Members = without(g.Members, user)
		d.groups().SetGroup(g)
	}
	if s, ok := d.tables[passwd.GroupShadowFile].GroupShadow(group); ok && slices.Contains(s.Members, user) {
		s.Members = without(s.Members, user)
		d.tables[passwd.GroupShadowFile].SetGroupShadow(s)
	}
}

func without(members []string, user string) []string {
	return slices.DeleteFunc(slices.Clone(members), func(m string) bool { return m == user })
}

// private says whether a group is only a user's own: no one else is in it.
func (d *database) private(g passwd.Group, user string) bool {
	for u := range d.users().Users() {
		if u.GID == g.GID && u.Name != user {
			return false
		}
	}
	return !slices.ContainsFunc(g.Members, func(m string) bool { return m != user })
}
