package layout

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/bedplate/bedplate/internal/posixacl"
	"github.com/bedplate/bedplate/internal/tmpfiles"
)

// extraLines says in tmpfiles.d(5) what is asked for beside owner and mode. Lists
// of rights are written whole, and systemd-tmpfiles sets the mode after them or
// before them, by version and type: so the line that sets it has the mask for
// the group's rights, which changes nothing then.
func (it *item) extraLines() (lines []tmpfiles.Line, err error) {
	if it.extras == nil {
		return nil, nil
	}
	var rights []string
	if len(it.extras.access) > 0 {
		_, text := it.acl(it.extras.access)
		rights = append(rights, text)
	}
	if len(it.extras.inherited) > 0 {
		_, text := it.acl(it.extras.inherited)
		rights = append(rights, "d:"+strings.ReplaceAll(text, ",", ",d:"))
	}
	if len(rights) > 0 {
		lines = append(lines, tmpfiles.Line{Type: "a", Path: tmpfiles.Literal("a", it.path), Argument: strings.Join(rights, ",")})
	}
	if len(it.extras.names) > 0 {
		words := make([]string, len(it.extras.names))
		for i, name := range it.extras.names {
			words[i] = name + "=" + it.extras.attributes[name]
		}
		argument, err := tmpfiles.JoinWords(words)
		if errors.Is(err, tmpfiles.ErrNUL) {
			return nil, errors.New("an attribute has a NUL byte, which tmpfiles.d(5) has no way to write; leave it to an Ensure that applies owners")
		}
		if err != nil {
			return nil, err
		}
		lines = append(lines, tmpfiles.Line{Type: "t", Path: tmpfiles.Literal("t", it.path), Argument: argument})
	}
	return lines, nil
}

// said is what the lines of types a and t say of one path.
type said struct {
	grants, inherited []Grant
	attributes        map[string]string
	base              [2]map[posixacl.Tag]uint16 // the entries without names: of the access list, and of the inherited one
}

// extend adds what was said to the entry that another line makes.
func (s *said) extend(e Entry) (Entry, error) {
	mode := func(m uint32) uint32 {
		if bits, ok := s.base[0][posixacl.OwningGroup]; ok {
			return m&^0o070 | uint32(bits)<<3
		}
		return m
	}
	check := func(m uint32, e Entry) (Entry, error) {
		for _, base := range s.base {
			if len(base) > 0 && m&0o777 != uint32(base[posixacl.Owner])<<6|uint32(base[posixacl.OwningGroup])<<3|uint32(base[posixacl.Other]) {
				return nil, fmt.Errorf("the rights of owner, group and others are not those of mode %04o", m)
			}
		}
		return e, checkEntry(e)
	}
	switch v := e.(type) {
	case Dir:
		v.Grants, v.Inherited, v.Attributes, v.Mode = s.grants, s.inherited, s.attributes, DirMode(mode(uint32(v.Mode.or(0o755))))
		return check(uint32(v.Mode), v)
	case File:
		if s.inherited != nil {
			return nil, errors.New("a file has nothing that is inherited")
		}
		v.Grants, v.Attributes, v.Mode = s.grants, s.attributes, FileMode(mode(uint32(v.Mode.or(0o644))))
		_, v.Privileged = s.attributes[capability]
		v.Privileged = v.Privileged || v.Mode&0o6000 != 0
		return check(uint32(v.Mode), v)
	}
	return nil, errors.New("only directories and files have rights and attributes")
}

// read takes a line of type a or t.
func (s *said) read(l tmpfiles.Line) error {
	if l.Type == "t" {
		words, err := tmpfiles.Words(l.Argument)
		if err != nil {
			return err
		}
		for _, w := range words {
			name, value, ok := strings.Cut(w, "=")
			if !ok || s.attributes[name] != "" {
				return fmt.Errorf("%q is no attribute, or there are two of it", w)
			}
			if s.attributes == nil {
				s.attributes = map[string]string{}
			}
			s.attributes[name] = value
		}
		return nil
	}
	s.base = [2]map[posixacl.Tag]uint16{{}, {}}
	for part := range strings.SplitSeq(strings.ReplaceAll(l.Argument, "%%", "%"), ",") {
		rest, inherited := strings.CutPrefix(part, "d:")
		if !inherited {
			rest, inherited = strings.CutPrefix(part, "default:")
		}
		e, who, err := posixacl.ParseEntry(rest)
		if err != nil {
			return err
		}
		g := Grant{Rights: Rights(e.Perm)}
		switch e.Tag {
		case posixacl.User:
			g.User = who
		case posixacl.Group:
			g.Group = who
		default:
			base := s.base[0]
			if inherited {
				base = s.base[1]
			}
			base[e.Tag] = e.Perm
			continue
		}
		if inherited {
			s.inherited = append(s.inherited, g)
		} else {
			s.grants = append(s.grants, g)
		}
	}
	return cmp.Or(complete(s.base[0], s.grants), complete(s.base[1], s.inherited))
}

// complete refuses a list that an entry can't say: one without entries for the
// owner, the group and others depends on what is there, and a narrower mask
// takes back what it grants.
func complete(base map[posixacl.Tag]uint16, grants []Grant) error {
	if len(base) == 0 && len(grants) == 0 {
		return nil
	}
	mask := base[posixacl.OwningGroup]
	for _, g := range grants {
		mask |= uint16(g.Rights)
	}
	for _, tag := range []posixacl.Tag{posixacl.Owner, posixacl.OwningGroup, posixacl.Other, posixacl.Mask} {
		if _, ok := base[tag]; !ok {
			return errors.New("the rights are not a whole list: u::, g::, m:: and o:: are to be said")
		}
	}
	if base[posixacl.Mask] != mask || len(grants) == 0 {
		return errors.New("the rights' mask is not what they add up to")
	}
	return nil
}
