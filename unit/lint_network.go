package unit

import (
	"fmt"
	"net/netip"
	"strings"
)

// prefixesProblem checks IPAddressAllow= and its kin.
func prefixesProblem(_ *linter, _, value string) string {
	for w := range strings.FieldsSeq(value) {
		if contains(prefixWords, w) {
			continue
		}
		_, errAddress := netip.ParseAddr(w)
		_, errPrefix := netip.ParsePrefix(w)
		if errAddress != nil && errPrefix != nil || strings.Contains(w, "%") {
			return fmt.Sprintf("%q is no address and no network; 10.0.0.0/8, 127.0.0.1, any and localhost are some", w)
		}
	}
	return ""
}

var prefixWords = []string{"any", "localhost", "link-local", "multicast"}

// bindProblem checks SocketBindAllow= and SocketBindDeny=.
func bindProblem(l *linter, _, value string) string {
	rest := value
	for _, words := range [][]string{{"ipv4", "ipv6"}, {"tcp", "udp"}} {
		first, after, more := strings.Cut(rest, ":")
		if contains(words, first) {
			if rest = after; !more {
				return ""
			}
		}
	}
	low, high, isRange := strings.Cut(rest, "-")
	if !isRange {
		high = low
	}
	from, okLow := integer(low)
	to, okHigh := integer(high)
	lowest := int64(1)
	if l.version > 252 {
		lowest = 0
	}
	if rest != "any" && (!okLow || !okHigh || from < lowest || to > 65535 || from > to) {
		return "it is a port, ports from-to or any, behind ipv4: or ipv6:, tcp: or udp: if need be"
	}
	return ""
}

func interfacesProblem(l *linter, key, value string) string {
	list, ok := splitVerbatim(strings.TrimPrefix(value, "~"))
	if key == "BindToDevice" {
		list, ok = []string{value}, true
	}
	if !ok {
		return openQuote
	}
	for _, w := range list {
		p := interfaceProblem(w)
		if n, number := integer(w); number && n >= 0 {
			p = "is a number, no interface's name"
		}
		if key == "BindToDevice" && l.version <= 247 { // which takes more
			p = interfaceProblem(strings.ReplaceAll(strings.ReplaceAll(w, "%", "x"), "0x", "x"))
		}
		if p != "" {
			return fmt.Sprintf("%q %s", w, p)
		}
	}
	return ""
}

// netlinkProblem checks ListenNetlink=: a family and a group.
func netlinkProblem(_ *linter, _, value string) string {
	family, group, two := strings.Cut(value, " ")
	n, number := integer(family)
	if (!number || n < 0 || n > 1<<31-1) && !contains(netlinkFamilies, family) {
		return "it is a family of netlink sockets, such as route or kobject-uevent, and a group"
	}
	if _, ok := integer(strings.TrimSpace(group)); two && !ok {
		return "the group is a number"
	}
	return ""
}

var netlinkFamilies = strings.Fields(`route firewall inet-diag nflog xfrm selinux iscsi audit fib-lookup connector netfilter ip6-fw dnrtmsg
	kobject-uevent generic scsitransport ecryptfs rdma`)

// busProblem checks BusName=.
func busProblem(_ *linter, _, value string) string {
	if specified(value) {
		return ""
	}
	if p := busNameProblem(value); p != "" {
		return "it " + p
	}
	return ""
}

// packetProblem checks ListenSequentialPacket=, which has no ports.
func packetProblem(l *linter, key, value string) string {
	if _, port := integer(value); port {
		return "it is an absolute path or @name"
	}
	return addressProblem(l, key, value)
}

// setsProblem checks NFTSet=: what of the unit, and which set it is put into.
func setsProblem(_ *linter, _, value string) string {
	for w := range strings.FieldsSeq(value) {
		part := strings.Split(w, ":")
		if len(part) != 4 || !contains([]string{"cgroup", "user", "group"}, part[0]) || !contains([]string{"arp", "bridge", "inet", "ip", "ip6", "netdev"}, part[1]) {
			return fmt.Sprintf("%q is not cgroup, user or group, a family, a table and a set, with colons between", w)
		}
	}
	return ""
}
