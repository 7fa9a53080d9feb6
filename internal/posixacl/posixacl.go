// Package posixacl knows access control lists as Linux keeps them in the
// attributes system.posix_acl_access and system.posix_acl_default: acl(5), and
// the kernel's include/uapi/linux/posix_acl_xattr.h.
package posixacl

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The attributes.
const (
	Access  = "system.posix_acl_access"
	Default = "system.posix_acl_default"
)

// Tag says whom an entry is about.
type Tag uint16

// The tags, in the order in which the kernel wants them.
const (
	Owner       Tag = 0x01
	User        Tag = 0x02
	OwningGroup Tag = 0x04
	Group       Tag = 0x08
	Mask        Tag = 0x10
	Other       Tag = 0x20
)

// Entry is one of a list. ID is a User's or Group's.
type Entry struct {
	Tag  Tag
	Perm uint16 // as in a mode: 4, 2, 1
	ID   uint32
}

const (
	version = 2
	none    = ^uint32(0) // the id of an entry that has none
	length  = 8
)

// New gives the list of a mode and the rights of others beside it: the mask is
// what any of them has, so that none is cut.
func New(mode uint32, others []Entry) []Entry {
	list := []Entry{{Tag: Owner, Perm: uint16(mode >> 6 & 7)}, {Tag: OwningGroup, Perm: uint16(mode >> 3 & 7)}, {Tag: Other, Perm: uint16(mode & 7)}}
	mask := list[1].Perm
	for _, e := range others {
		mask |= e.Perm
	}
	list = append(append(list, others...), Entry{Tag: Mask, Perm: mask})
	order(list)
	return list
}

// Encode gives the attribute's value.
func Encode(list []Entry) []byte {
	b := binary.LittleEndian.AppendUint32(nil, version)
	for _, e := range list {
		id := none
		if e.Tag == User || e.Tag == Group {
			id = e.ID
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(e.Tag))
		b = binary.LittleEndian.AppendUint16(b, e.Perm)
		b = binary.LittleEndian.AppendUint32(b, id)
	}
	return b
}

// Decode reads an attribute's value, and sorts it as New does.
func Decode(b []byte) ([]Entry, error) {
	if len(b) < 4 || binary.LittleEndian.Uint32(b) != version || (len(b)-4)%length != 0 {
		return nil, errors.New("posixacl: the attribute is not of version 2")
	}
	var list []Entry
	for b = b[4:]; len(b) > 0; b = b[length:] {
		e := Entry{Tag(binary.LittleEndian.Uint16(b)), binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint32(b[4:])}
		if names[e.Tag] == "" || e.Perm > 7 {
			return nil, fmt.Errorf("posixacl: tag %#x with rights %#o is none", uint16(e.Tag), e.Perm)
		}
		if e.Tag != User && e.Tag != Group {
			e.ID = 0
		}
		list = append(list, e)
	}
	order(list)
	return list, nil
}

func order(list []Entry) {
	slices.SortStableFunc(list, func(a, b Entry) int { return cmp.Or(cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.ID, b.ID)) })
}

var names = map[Tag]string{Owner: "u", User: "u", OwningGroup: "g", Group: "g", Mask: "m", Other: "o"}

// Text gives an entry in the short form of acl(5), with who for its user or group.
func (e Entry) Text(who string) string { return names[e.Tag] + ":" + who + ":" + Rights(e.Perm) }

// Rights gives rights as "rwx".
func Rights(perm uint16) string {
	b := []byte("rwx")
	for i := range b {
		if perm&(4>>i) == 0 {
			b[i] = '-'
		}
	}
	return string(b)
}

// ParseEntry reads the short form, or the long one with whole words. who is ""
// for the owner, the owning group, the mask and others.
func ParseEntry(s string) (e Entry, who string, err error) {
	bad := fmt.Errorf("posixacl: %q is no entry of acl(5)", s)
	part := strings.Split(s, ":")
	if len(part) == 2 && (part[0] == "m" || part[0] == "mask" || part[0] == "o" || part[0] == "other") {
		part = []string{part[0], "", part[1]}
	}
	if len(part) != 3 {
		return e, "", bad
	}
	who = part[1]
	switch part[0] {
	case "u", "user":
		e.Tag = Owner
	case "g", "group":
		e.Tag = OwningGroup
	case "m", "mask":
		e.Tag = Mask
	case "o", "other":
		e.Tag = Other
	default:
		return e, "", bad
	}
	if who != "" {
		if e.Tag != Owner && e.Tag != OwningGroup {
			return e, "", bad
		}
		e.Tag <<= 1
	}
	if part[2] == "" || len(part[2]) > 3 {
		return e, "", bad
	}
	for _, c := range part[2] {
		i := strings.IndexRune("xwr", c)
		switch {
		case c == '-':
		case i < 0 || e.Perm&(1<<i) != 0:
			return e, "", bad
		default:
			e.Perm |= 1 << i
		}
	}
	return e, who, nil
}
