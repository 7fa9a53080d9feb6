package layout

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate/internal/posixacl"
	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/internal/xattr"
)

// shown is the mode as stat(2) shows it: with an access control list, its mask
// stands where the group's rights are otherwise.
func (it *item) shown() fs.FileMode {
	mode := it.mode
	if it.extras.grants() {
		for _, g := range it.extras.access {
			mode |= fs.FileMode(g.Perm) << 3
		}
	}
	return mode
}

// acl gives the whole list, and its text with names. It is nil without grants.
func (it *item) acl(grants []grant) (list []posixacl.Entry, text string) {
	if len(grants) == 0 {
		return nil, "none"
	}
	entries := make([]posixacl.Entry, len(grants))
	for i, g := range grants {
		entries[i] = g.Entry
	}
	list = posixacl.New(uint32(it.mode.Perm()), entries)
	var parts []string
	for _, e := range list {
		switch e.Tag {
		case posixacl.User, posixacl.Group:
		default:
			parts = append(parts, e.Text(""))
		}
		// Those with names follow the one without, in the order of their names.
		for _, g := range grants {
			if e.Tag<<1 == g.Tag && (e.Tag == posixacl.Owner || e.Tag == posixacl.OwningGroup) {
				parts = append(parts, g.text())
			}
		}
	}
	return list, strings.Join(parts, ",")
}

func idText(list []posixacl.Entry) string {
	parts := make([]string, len(list))
	for i, e := range list {
		who := ""
		if e.Tag == posixacl.User || e.Tag == posixacl.Group {
			who = owner(int(e.ID))
		}
		parts[i] = e.Text(who)
	}
	return strings.Join(parts, ",")
}

// acls gives each list that is asked for.
func (it *item) acls(visit func(attribute, title string, grants []grant) error) error {
	for _, l := range []struct {
		attribute, title string
		grants           []grant
	}{{posixacl.Access, "rights", it.extras.access}, {posixacl.Default, "inherited rights", it.extras.inherited}} {
		if l.grants == nil {
			continue
		}
		if err := visit(l.attribute, l.title, l.grants); err != nil {
			return err
		}
	}
	return nil
}

// extraDrift tells what differs in rights and attributes.
func extraDrift(d *place, it *item) (parts []string, err error) {
	flag := 0
	if it.dir != nil {
		flag = syscall.O_DIRECTORY
	}
	f, err := rootfs.OpenAt(d.f, it.base, flag)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	err = it.acls(func(attribute, title string, grants []grant) error {
		have, err := readACL(f, attribute)
		if err != nil {
			return err
		}
		want, text := it.acl(grants)
		if unknown := slices.ContainsFunc(grants, func(g grant) bool { return !g.ok }); !unknown && slices.Equal(have, want) {
			return nil
		}
		from := "none"
		if have != nil {
			from = idText(have)
		}
		parts = append(parts, title+" "+from+" → "+text)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range it.extras.names {
		have, ok, err := xattr.Get(f, name)
		if err != nil {
			return nil, err
		}
		if !ok || string(have) != it.extras.attributes[name] {
			parts = append(parts, "attribute "+name)
		}
	}
	return parts, nil
}

func readACL(f *os.File, attribute string) ([]posixacl.Entry, error) {
	b, ok, err := xattr.Get(f, attribute)
	if err != nil || !ok {
		return nil, err
	}
	return posixacl.Decode(b)
}

// extend gives an open file the rights and attributes that are asked for.
func extend(f *os.File, it *item) error {
	err := it.acls(func(attribute, _ string, grants []grant) error {
		have, err := readACL(f, attribute)
		want, _ := it.acl(grants)
		switch {
		case err != nil || slices.Equal(have, want):
			return err
		case want == nil:
			return xattr.Remove(f, attribute)
		}
		return xattr.Set(f, attribute, posixacl.Encode(want))
	})
	if err != nil {
		return err
	}
	for _, name := range it.extras.names {
		value := it.extras.attributes[name]
		have, ok, err := xattr.Get(f, name)
		if err != nil {
			return err
		}
		if ok && string(have) == value {
			continue
		}
		if err := xattr.Set(f, name, []byte(value)); err != nil {
			return err
		}
	}
	return nil
}
