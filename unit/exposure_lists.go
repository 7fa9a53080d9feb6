package unit

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate/unit/internal/syscalls"
)

// systemCalls merges SystemCallFilter= (systemd.exec(5)).
func (s *scorer) systemCalls() {
	for _, e := range s.file.entries {
		if e.Section != "Service" || e.Key != "SystemCallFilter" {
			continue
		}
		if e.Value == "" {
			s.filter, s.filterAllows = nil, false
			continue
		}
		list, inverted := strings.CutPrefix(e.Value, "~")
		if s.filter == nil {
			s.filter, s.filterAllows = map[string]bool{}, !inverted
			if s.filterAllows {
				s.filterWords("@default", false)
			}
		}
		s.filterWords(list, inverted)
	}
}

func (s *scorer) filterWords(list string, inverted bool) {
	for w := range strings.FieldsSeq(list) {
		name, _, _ := strings.Cut(w, ":")
		if !syscalls.Known(s.version, name) {
			continue
		}
		for _, call := range syscalls.Expand(s.version, name) {
			if inverted != s.filterAllows {
				s.filter[call] = true
			} else {
				delete(s.filter, call)
			}
		}
	}
}

// lets says whether the filter lets any call of a group through, in tenths of
// badness.
func (s *scorer) lets(group string) int {
	if !s.filterAllows && len(s.filter) == 0 {
		return 10
	}
	for _, call := range syscalls.Expand(s.version, group) {
		if syscalls.Native(call) && s.filter[call] == s.filterAllows {
			return 10 - btoi(s.filterAllows)
		}
	}
	return 0
}

// namespaces merges RestrictNamespaces=.
func (s *scorer) namespaces() map[string]bool {
	kinds := []string{"user", "mnt", "ipc", "pid", "cgroup", "net", "uts", "time"}
	fill := func(to bool) map[string]bool {
		m := map[string]bool{}
		for _, k := range kinds {
			m[k] = to
		}
		return m
	}
	set, initial := fill(true), true
	for _, e := range s.file.entries {
		if e.Section != "Service" || e.Key != "RestrictNamespaces" {
			continue
		}
		if v, ok := boolean(e.Value); ok || e.Value == "" {
			set, initial = fill(!v), e.Value == ""
			continue
		}
		list, inverted := strings.CutPrefix(e.Value, "~")
		if initial {
			set, initial = fill(inverted), false
		}
		for w := range strings.FieldsSeq(list) {
			set[w] = !inverted
		}
	}
	return set
}

// families merges RestrictAddressFamilies=, and says of a few whether they are
// open, and whether any other is.
func (s *scorer) families() (open map[string]bool) {
	var listed map[string]bool
	allows := false
	for _, e := range s.file.entries {
		if e.Section != "Service" || e.Key != "RestrictAddressFamilies" {
			continue
		}
		switch {
		case e.Value == "":
			listed, allows = nil, false
			continue
		case e.Value == "none" && s.version >= 249:
			listed, allows = map[string]bool{}, true
			continue
		}
		list, inverted := strings.CutPrefix(e.Value, "~")
		if listed == nil {
			listed, allows = map[string]bool{}, !inverted
		}
		for w := range strings.FieldsSeq(list) {
			if w == "AF_LOCAL" {
				w = "AF_UNIX"
			}
			if inverted != allows {
				listed[w] = true
			} else {
				delete(listed, w)
			}
		}
	}
	open = map[string]bool{}
	for _, group := range []string{"inet", "AF_UNIX", "AF_NETLINK", "AF_PACKET", "other"} {
		open[group] = !allows
	}
	for w := range listed {
		switch w {
		case "AF_INET", "AF_INET6":
			w = "inet"
		case "AF_UNIX", "AF_NETLINK", "AF_PACKET":
		default:
			w = "other"
		}
		open[w] = allows
	}
	return open
}

// addresses is the badness of IPAddressDeny= and IPAddressAllow=.
func (s *scorer) addresses() int {
	if len(s.file.All("Service", "IPIngressFilterPath"))+len(s.file.All("Service", "IPEgressFilterPath")) > 0 {
		return 0
	}
	deny := s.prefixes("IPAddressDeny")
	if !slices.Contains(deny, "0.0.0.0/0") || !slices.Contains(deny, "::/0") {
		return 10
	}
	bad := 0
	for _, a := range s.prefixes("IPAddressAllow") {
		if p, err := netip.ParsePrefix(a); err != nil || !p.Addr().IsLoopback() {
			return 5
		}
		bad = 2
	}
	return bad
}

func (s *scorer) prefixes(key string) (list []string) {
	for _, v := range s.file.All("Service", key) {
		for w := range strings.FieldsSeq(v) {
			switch w {
			case "any":
				list = append(list, "0.0.0.0/0", "::/0")
			case "localhost":
				list = append(list, "127.0.0.0/8", "::1/128")
			case "link-local":
				list = append(list, "169.254.0.0/16", "fe80::/64")
			case "multicast":
				list = append(list, "224.0.0.0/4", "ff00::/8")
			default:
				if a, err := netip.ParseAddr(w); err == nil {
					w = netip.PrefixFrom(a, a.BitLen()).String()
				}
				list = append(list, w)
			}
		}
	}
	return list
}

func (s *scorer) devices() int {
	switch s.words["DevicePolicy"] {
	case "strict", "closed":
		// ProtectClock= needs a device, too.
		if len(s.file.All("Service", "DeviceAllow")) > 0 || s.flags["ProtectClock"] {
			return 5
		}
		return 0
	}
	return 10
}

func (s *scorer) user() int {
	switch u := s.words["User"]; {
	case u == "nobody":
		return 9
	case s.privileged():
		return 10
	}
	return 0
}

func (s *scorer) home() int {
	v := s.words["ProtectHome"]
	if on, ok := boolean(v); ok {
		return 10 * btoi(!on)
	}
	return map[string]int{"read-only": 5, "tmpfs": 1}[v]
}

func (s *scorer) system() int {
	v := s.words["ProtectSystem"]
	if on, ok := boolean(v); ok {
		return 10 - 5*btoi(on)
	}
	return map[string]int{"full": 3, "strict": 0}[v]
}

func (s *scorer) umask() int {
	mask, err := strconv.ParseUint(s.words["UMask"], 8, 32)
	if err != nil {
		return 10
	}
	for _, b := range []struct {
		bit uint64
		bad int
	}{{0o002, 10}, {0o004, 5}, {0o020, 2}, {0o040, 1}} {
		if mask&b.bit == 0 {
			return b.bad
		}
	}
	return 0
}

func (s *scorer) architectures() int {
	set := map[string]bool{}
	for _, v := range s.file.All("Service", "SystemCallArchitectures") {
		for w := range strings.FieldsSeq(v) {
			set[w] = true
		}
	}
	switch {
	case len(set) == 0:
		return 10
	case set["native"]:
		return 0
	}
	return 8
}
