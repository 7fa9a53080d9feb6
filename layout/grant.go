package layout

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/posixacl"
)

// Rights are what a Grant allows, as a digit of a mode: 4 reads, 2 writes, and 1
// runs a file or enters a directory.
type Rights uint8

// Grant gives one user or group rights beside those of the Mode (acl(5)). No
// mask cuts them: it is always wide enough.
type Grant struct {
	// User is a user's name or number.
	User string
	// Group is a group's name or number. Either is set, not both.
	Group string
	// Rights may be 0, which shuts a user out whom the Mode would let in.
	Rights Rights
}

func (g Grant) who() string {
	if g.User != "" {
		return "user " + g.User
	}
	return "group " + g.Group
}

func checkGrants(grants []Grant) error {
	if len(grants) == 0 {
		return nil
	}
	seen := map[string]bool{}
	for _, g := range grants {
		switch {
		case (g.User == "") == (g.Group == ""):
			return fmt.Errorf("a grant is for user %q and group %q; set one of the two", g.User, g.Group)
		case g.Rights > 7:
			return fmt.Errorf("the grant for %s has rights %#o; want 0 to 7", g.who(), uint8(g.Rights))
		case seen[g.who()]:
			return fmt.Errorf("there are two grants for %s; keep one", g.who())
		}
		seen[g.who()] = true
		if err := checkOwner(g.User, g.Group); err != nil {
			return err
		}
	}
	return nil
}

// capability is the attribute of capabilities(7) that files give.
const capability = "security.capability"

func checkAttributes(attributes map[string]string) error {
	if len(attributes) == 0 {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		space, rest, _ := strings.Cut(name, ".")
		switch {
		case !slices.Contains([]string{"user", "trusted", "security"}, space) || rest == "" || len(name) > 255 || strings.Trim(rest, nameBytes) != "":
			return fmt.Errorf("%q is no name of an attribute that can be set; want user.NAME, trusted.NAME or security.NAME, and Grants for rights", name)
		case len(attributes[name]) > 64<<10:
			return fmt.Errorf("attribute %s has %d bytes; 65536 is the most", name, len(attributes[name]))
		}
	}
	return nil
}

const nameBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@/+"

// extras are what few entries ask for. A nil list is left alone.
type extras struct {
	access, inherited []grant
	attributes        map[string]string
	names             []string // of the attributes, sorted
}

// grant is a Grant with the id that its name has.
type grant struct {
	posixacl.Entry
	name string
	ok   bool // the name has an id
}

func newExtras(access, inherited []Grant, attributes map[string]string) *extras {
	if access == nil && inherited == nil && len(attributes) == 0 {
		return nil
	}
	return &extras{newGrants(access), newGrants(inherited), attributes, slices.Sorted(maps.Keys(attributes))}
}

func newGrants(grants []Grant) []grant {
	if grants == nil {
		return nil
	}
	list := make([]grant, len(grants))
	for i, g := range grants {
		list[i] = grant{posixacl.Entry{Tag: posixacl.User, Perm: uint16(g.Rights)}, g.User, false}
		if g.Group != "" {
			list[i].Tag, list[i].name = posixacl.Group, g.Group
		}
	}
	slices.SortFunc(list, func(a, b grant) int { return strings.Compare(a.text(), b.text()) })
	return list
}

func (g grant) text() string { return g.Text(g.name) }

// grants says whether the entry has an access control list.
func (e *extras) grants() bool { return e != nil && len(e.access) > 0 }

// String tells what is asked for, behind mode and owner.
func (e *extras) String() string {
	if e == nil {
		return ""
	}
	var b strings.Builder
	for _, part := range []struct {
		title string
		list  []grant
	}{{"", e.access}, {"inherited ", e.inherited}} {
		for _, g := range part.list {
			b.WriteString(", " + part.title + g.text())
		}
	}
	for _, name := range e.names {
		b.WriteString(", " + name)
	}
	return b.String()
}

// resolveGrants finds the ids of users and groups.
func (r *run) resolveGrants(it *item) error {
	var errs []error
	for _, list := range [][]grant{it.extras.access, it.extras.inherited} {
		for i := range list {
			g := &list[i]
			kind, known, find := "user ", &r.owners.users, userID
			if g.Tag == posixacl.Group {
				kind, known, find = "group ", &r.owners.groups, groupID
			}
			found, err := r.lookup(known, g.name, find)
			errs = append(errs, err)
			if g.ID, g.ok = uint32(found.number), found.ok; !g.ok && it.pending == "" {
				it.pending = kind + g.name
			}
		}
	}
	return errors.Join(errs...)
}
