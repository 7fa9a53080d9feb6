// Package acl reads POSIX access control lists (acl(5)) as the kernel keeps
// them, without the C library's help.
package acl

import (
	"encoding/binary"
	"fmt"
)

// Tag says whom an entry is about.
type Tag uint16

// The tags, as linux/posix_acl.h numbers them.
const (
	Owner       Tag = 0x01
	User        Tag = 0x02
	OwningGroup Tag = 0x04
	Group       Tag = 0x08
	Mask        Tag = 0x10
	Other       Tag = 0x20
)

// Entry grants rights: 4 read, 2 write, 1 execute or search.
type Entry struct {
	Tag    Tag
	Rights uint16
	ID     uint32 // of User and Group
}

// List is a file's list. A file without one has only its mode.
type List []Entry

const (
	version   = 2
	headSize  = 4
	entrySize = 8
)

// Parse reads the value of system.posix_acl_access (linux/posix_acl_xattr.h).
func Parse(b []byte) (List, error) {
	if len(b) < headSize || binary.LittleEndian.Uint32(b) != version || (len(b)-headSize)%entrySize != 0 {
		return nil, fmt.Errorf("acl: %d bytes that are no list of version %d", len(b), version)
	}
	var l List
	for b = b[headSize:]; len(b) > 0; b = b[entrySize:] {
		e := Entry{Tag(binary.LittleEndian.Uint16(b)), binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint32(b[4:])}
		switch e.Tag {
		case Owner, User, OwningGroup, Group, Mask, Other:
		default:
			return nil, fmt.Errorf("acl: an entry of the unknown kind %#x", uint16(e.Tag))
		}
		if e.Rights > 7 {
			return nil, fmt.Errorf("acl: the unknown rights %#x", e.Rights)
		}
		l = append(l, e)
	}
	return l, nil
}

// Bytes is the value that Parse reads.
func (l List) Bytes() []byte {
	b := binary.LittleEndian.AppendUint32(nil, version)
	for _, e := range l {
		b = binary.LittleEndian.AppendUint16(b, uint16(e.Tag))
		b = binary.LittleEndian.AppendUint16(b, e.Rights)
		b = binary.LittleEndian.AppendUint32(b, e.ID)
	}
	return b
}

// Masked gives the rights of an entry that the mask leaves.
func (l List) Masked(e Entry) uint16 {
	if e.Tag == Owner || e.Tag == Other {
		return e.Rights
	}
	for _, m := range l {
		if m.Tag == Mask {
			return e.Rights & m.Rights
		}
	}
	return e.Rights
}
