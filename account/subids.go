package account

import (
	"fmt"
	"slices"

	"github.com/bedplate/bedplate/internal/passwd"
)

// addRange gives a user the ids of a range, in the files that give it none.
func (d *database) addRange(r passwd.Range) {
	for _, file := range d.lacks(r.Name) {
		d.tables[file].AddRange(r)
		d.exists[file] = true
	}
}

// subFiles are those of subordinate ids.
var subFiles = []string{passwd.SubUIDFile, passwd.SubGIDFile}

// lacks says which of the files give a user no range.
func (d *database) lacks(user string) []string {
	return slices.DeleteFunc(slices.Clone(subFiles), func(file string) bool {
		return slices.ContainsFunc(d.tables[file].Ranges(), func(r passwd.Range) bool { return r.Name == user })
	})
}

// freeRange finds subordinate ids that nobody has: those that the user has in
// the other file, or as useradd does what is behind all that are given, from
// 100,000 (login.defs' SUB_UID_MIN) on.
func (d *database) freeRange(user string) (passwd.Range, error) {
	const first, count = 100000, 65536
	lacking := d.lacks(user)
	if len(lacking) == 0 {
		return passwd.Range{}, nil
	}
	start := uint64(first)
	for _, file := range subFiles {
		for _, r := range d.tables[file].Ranges() {
			if r.Name == user && !d.given(lacking[0], r) {
				return r, nil
			}
			start = max(start, r.End())
		}
	}
	if start+count > 1<<32-1 {
		return passwd.Range{}, fmt.Errorf("account: user %s: no subordinate ids are left; remove unused ranges from %s and %s", user, passwd.SubUIDFile, passwd.SubGIDFile)
	}
	return passwd.Range{Name: user, Start: uint32(start), Count: count}, nil
}

// given says whether a file has some ids of a range.
func (d *database) given(file string, r passwd.Range) bool {
	return slices.ContainsFunc(d.tables[file].Ranges(), func(o passwd.Range) bool {
		return uint64(o.Start) < r.End() && uint64(r.Start) < o.End()
	})
}
