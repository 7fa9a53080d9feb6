package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/verify"
)

// accounts are passwd(5) and group(5), read by lines and colons: another road
// than package account's, which keeps what it does not understand.
type accounts struct {
	users  []user
	groups []group
}

type user struct {
	name, home, shell string
	uid, gid          int
}

type group struct {
	name    string
	gid     int
	members []string
}

func readAccounts(r *rootfs.Root) (db accounts, err error) {
	err = eachLine(r, "/etc/passwd", 7, func(f []string) error {
		uid, err := strconv.Atoi(f[2])
		gid, err2 := strconv.Atoi(f[3])
		db.users = append(db.users, user{f[0], f[5], f[6], uid, gid})
		return errors.Join(err, err2)
	})
	if err != nil {
		return db, err
	}
	return db, eachLine(r, "/etc/group", 4, func(f []string) error {
		gid, err := strconv.Atoi(f[2])
		g := group{name: f[0], gid: gid}
		if f[3] != "" {
			g.members = strings.Split(f[3], ",")
		}
		db.groups = append(db.groups, g)
		return err
	})
}

// eachLine gives the fields of each line of a file such as passwd. NIS's "+"
// lines and comments are no accounts.
func eachLine(r *rootfs.Root, file string, fields int, do func([]string) error) error {
	text, err := r.ReadFile(file)
	if err != nil {
		return err
	}
	for n, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.ContainsRune("#+-", rune(line[0])) {
			continue
		}
		f := strings.Split(line, ":")
		if len(f) != fields {
			return fmt.Errorf("%s:%d: %d fields, not %d", r.Host(file), n+1, len(f), fields)
		}
		if err := do(f); err != nil {
			return fmt.Errorf("%s:%d: %w", r.Host(file), n+1, err)
		}
	}
	return nil
}

func (db accounts) user(name string) (user, bool) {
	i := slices.IndexFunc(db.users, func(u user) bool { return u.name == name })
	if i < 0 {
		return user{}, false
	}
	return db.users[i], true
}

func (db accounts) userName(uid int) string {
	if i := slices.IndexFunc(db.users, func(u user) bool { return u.uid == uid }); i >= 0 {
		return db.users[i].name
	}
	return strconv.Itoa(uid)
}

func (db accounts) group(name string) (group, bool) {
	i := slices.IndexFunc(db.groups, func(g group) bool { return g.name == name })
	if i < 0 {
		return group{}, false
	}
	return db.groups[i], true
}

func (db accounts) groupName(gid int) string {
	if i := slices.IndexFunc(db.groups, func(g group) bool { return g.gid == gid }); i >= 0 {
		return db.groups[i].name
	}
	return strconv.Itoa(gid)
}

// memberships are the ids of a user's groups, the primary one first.
func (db accounts) memberships(u user) []int {
	gids := []int{u.gid}
	for _, g := range db.groups {
		if slices.Contains(g.members, u.name) {
			gids = append(gids, g.gid)
		}
	}
	return gids
}

// ofAccounts is a check of the root's account files.
func ofAccounts(root, name string, look func(r *rootfs.Root, db accounts) (verify.Finding, error)) verify.Check {
	return verify.Check{Name: "account/" + name, Tags: []string{Quick, "account"}, Look: func(context.Context) verify.Finding {
		r, err := rootfs.Open(root)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer r.Close()
		db, err := readAccounts(r)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		return found(look(r, db))
	}}
}

// noLogin are shells that let nobody in.
var noLogin = []string{"/usr/sbin/nologin", "/sbin/nologin", "/usr/bin/nologin", "/bin/false", "/usr/bin/false"}

// User holds where a user is as wanted, by the fields that are set: id, primary
// group, further groups, home. Without a Shell wanted, it must be one that lets
// nobody in; and nobody else may have the same id. Its password is
// PasswordLocked's.
func User(root string, wanted account.User) verify.Check {
	return ofAccounts(root, "user/"+wanted.Name, func(_ *rootfs.Root, db accounts) (verify.Finding, error) {
		u, there := db.user(wanted.Name)
		if wanted.Absent || !there {
			f := verify.Equal(map[bool]string{true: "absent", false: "an account"}[wanted.Absent], map[bool]string{true: "an account", false: "absent"}[there])
			return f.Because("/etc/passwd says so", "apply the accounts again"), nil
		}
		var causes []string
		differs := func(what, want, have string) {
			if want != have {
				causes = append(causes, fmt.Sprintf("%s is %s, not %s", what, have, want))
			}
		}
		if wanted.UID != 0 {
			differs("uid", fmt.Sprint(wanted.UID), strconv.Itoa(u.uid))
		}
		primary := wanted.Group
		if primary == "" {
			primary = wanted.Name
		}
		differs("primary group", primary, db.groupName(u.gid))
		for _, name := range wanted.Groups {
			if g, ok := db.group(name); !ok || !slices.Contains(db.memberships(u), g.gid) {
				causes = append(causes, "it is not in group "+name)
			}
		}
		if wanted.Home != "" {
			differs("home", wanted.Home, u.home)
		}
		if wanted.Shell != "" {
			differs("shell", wanted.Shell, u.shell)
		} else if !slices.Contains(noLogin, u.shell) {
			causes = append(causes, "shell "+u.shell+" lets somebody log in")
		}
		if u.uid == 0 {
			causes = append(causes, "it is root")
		}
		for _, other := range db.users {
			if other.uid == u.uid && other.name != u.name {
				causes = append(causes, fmt.Sprintf("%s has the same uid %d", other.name, u.uid))
			}
		}
		f := verify.Finding{Status: verify.Pass, Observed: fmt.Sprintf("uid %d, group %s, home %s, shell %s", u.uid, db.groupName(u.gid), u.home, u.shell)}
		if len(causes) > 0 {
			f.Status, f.Wanted = verify.Fail, "the account as declared"
		}
		return f.Because(strings.Join(causes, "; "), "apply the accounts again"), nil
	})
}

// Group holds where a group exists with the wanted id, if one is set, which no
// other group has.
func Group(root string, wanted account.Group) verify.Check {
	return ofAccounts(root, "group/"+wanted.Name, func(_ *rootfs.Root, db accounts) (verify.Finding, error) {
		g, there := db.group(wanted.Name)
		if wanted.Absent || !there {
			f := verify.Equal(map[bool]string{true: "absent", false: "a group"}[wanted.Absent], map[bool]string{true: "a group", false: "absent"}[there])
			return f.Because("/etc/group says so", "apply the accounts again"), nil
		}
		if wanted.GID != 0 && int(wanted.GID) != g.gid {
			return verify.Equal(fmt.Sprintf("gid %d", wanted.GID), fmt.Sprintf("gid %d", g.gid)).Because("it has another id", "a person has to decide: files belong to ids"), nil
		}
		for _, other := range db.groups {
			if other.gid == g.gid && other.name != g.name {
				return verify.Equal("an id of its own", fmt.Sprintf("gid %d", g.gid)).Because(other.name+" has the same", "a person has to decide"), nil
			}
		}
		return verify.Passed(fmt.Sprintf("gid %d", g.gid)), nil
	})
}

// PasswordLocked holds where no password opens an account. Only root may look.
func PasswordLocked(root, name string) verify.Check {
	return ofAccounts(root, "password/"+name, func(r *rootfs.Root, _ accounts) (verify.Finding, error) {
		var f verify.Finding
		err := eachLine(r, "/etc/shadow", 9, func(fields []string) error {
			if fields[0] != name {
				return nil
			}
			have := "locked"
			switch hash := fields[1]; {
			case hash == "":
				have = "open without a password"
			case hash[0] != '!' && hash[0] != '*':
				have = "a password"
			}
			f = verify.Equal("locked", have).Because("/etc/shadow has no ! or * before it", "usermod -L "+name)
			return nil
		})
		if errors.Is(err, fs.ErrPermission) {
			return f, fmt.Errorf("only root can look: %w", err)
		}
		if err == nil && f.Status == "" {
			return verify.Equal("locked", "no line in /etc/shadow").Because("the account is half there", "apply the accounts again"), nil
		}
		return f, err
	})
}
