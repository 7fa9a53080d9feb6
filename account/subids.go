package account

import (
	"fmt"
	"slices"

	"github.com/bedplate/bedplate/internal/passwd"
)

// addRange gives a user the ids of a range, in both files.
func (d *database) addRange(r passwd.Range) {
	for _, file := range []string{passwd.SubUIDFile, passwd.SubGIDFile} {
		if !slices.ContainsFunc(d.tables[file].Ranges(), func(o passwd.Range) bool { return o.Name == r.Name }) {
			d.tables[file].AddRange(r)
			d.exists[file] = true
		}
	}
}

// freeRange finds subordinate ids that nobody has, as useradd does: behind all
// that are given, from 100,000 (login.defs' SUB_UID_MIN) on.
func (d *database) freeRange(name string) (passwd.Range, error) {
	const first, count = 100000, 65536
	start := uint64(first)
	missing := false
	for _, file := range []string{passwd.SubUIDFile, passwd.SubGIDFile} {
		own := false
		for _, r := range d.tables[file].Ranges() {
			start = max(start, r.End())
			own = own || r.Name == name
		}
		missing = missing || !own
	}
	switch {
	case !missing:
		return passwd.Range{}, nil
	case start+count > 1<<32-1:
		return passwd.Range{}, fmt.Errorf("account: user %s: no subordinate ids are left; remove unused ranges from %s and %s", name, passwd.SubUIDFile, passwd.SubGIDFile)
	}
	return passwd.Range{Name: name, Start: uint32(start), Count: count}, nil
}
