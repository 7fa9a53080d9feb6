package passwd

import (
	"iter"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// Secret is a password field. It prints as dots, so that a hash can't slip into
// a message.
type Secret string

func (s Secret) String() string { return "•••" }

// GoString is String: %#v shows no more than %v.
func (s Secret) GoString() string { return "•••" }

// Locked says whether no password can match: crypt(3) never gives a result that
// begins with "!" or "*".
func (s Secret) Locked() bool {
	return strings.HasPrefix(string(s), "!") || strings.HasPrefix(string(s), "*")
}

// Lock makes it match no password, as usermod -L does; what was there comes
// back when the mark is taken away.
func (s Secret) Lock() Secret {
	if s.Locked() {
		return s
	}
	return "!" + s
}

// Elsewhere says whether passwd's field refers to the shadow file.
func (s Secret) Elsewhere() bool { return s == "x" }

// User is an entry of passwd(5).
type User struct {
	Name     string
	Password Secret
	UID, GID uint32
	Comment  string
	Home     string
	Shell    string
}

func parseUser(line string) (User, bool) {
	f, ok := fields(line)
	if !ok || len(f) < 7 || f[0] == "" {
		return User{}, false
	}
	uid, uidErr := strconv.ParseUint(f[2], 10, 32)
	gid, gidErr := strconv.ParseUint(f[3], 10, 32)
	if uidErr != nil || gidErr != nil {
		return User{}, false
	}
	// glibc takes the rest of the line as the shell, colons included.
	return User{f[0], Secret(f[1]), uint32(uid), uint32(gid), f[4], f[5], strings.Join(f[6:], ":")}, true
}

func (u User) line() string {
	return strings.Join([]string{u.Name, string(u.Password), decimal(u.UID), decimal(u.GID), u.Comment, u.Home, u.Shell}, ":")
}

// Users gives the entries in their order.
func (t *Table) Users() iter.Seq[User] { return entries(t, parseUser) }

// User finds an entry; where a name is there twice, the first counts.
func (t *Table) User(name string) (User, bool) {
	_, u, ok := find(t, parseUser, func(u User) bool { return u.Name == name })
	return u, ok
}

// UserID finds the first entry with an id.
func (t *Table) UserID(uid uint32) (User, bool) {
	_, u, ok := find(t, parseUser, func(u User) bool { return u.UID == uid })
	return u, ok
}

// SetUser replaces the entry of this name, or adds it.
func (t *Table) SetUser(u User) {
	old, _, _ := find(t, parseUser, func(o User) bool { return o.Name == u.Name })
	t.set(old, u.line())
}

// LookupUser finds a user in a root's files.
func LookupUser(root *rootfs.Root, name string) (User, bool, error) {
	t, err := Read(root, UserFile)
	if err != nil {
		return User{}, false, err
	}
	u, ok := t.User(name)
	return u, ok, nil
}

// LookupUserID finds a user by id in a root's files.
func LookupUserID(root *rootfs.Root, uid uint32) (User, bool, error) {
	t, err := Read(root, UserFile)
	if err != nil {
		return User{}, false, err
	}
	u, ok := t.UserID(uid)
	return u, ok, nil
}

func entries[T any](t *Table, parse func(string) (T, bool)) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, l := range t.lines {
			if v, ok := parse(l); ok && !yield(v) {
				return
			}
		}
	}
}

func find[T any](t *Table, parse func(string) (T, bool), is func(T) bool) (line string, v T, ok bool) {
	for _, l := range t.lines {
		if v, ok := parse(l); ok && is(v) {
			return l, v, true
		}
	}
	return "", v, false
}

func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
