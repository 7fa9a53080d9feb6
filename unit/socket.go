package unit

import (
	"cmp"
	"errors"
	"io/fs"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// Socket is a socket unit: systemd listens, and starts the service at the first
// connection.
type Socket struct {
	// Name is the unit's name, with or without ".socket"; "app@" is a template.
	Name string
	// Description is one line for people. "": Name.
	Description string
	// Documentation are URLs.
	Documentation []string
	// Specifiers leaves "%" in the fields of this unit to systemd.
	Specifiers bool
	// Relations to other units.
	Relations Relations
	// Conditions must hold, or it is not started.
	Conditions []Condition
	// Listen are stream sockets: a port ("8080"), an address ("127.0.0.1:8080",
	// "[::1]:8080"), a path ("/run/app.sock") or an abstract name ("@app").
	Listen []string
	// Datagrams are sockets for datagrams, written alike.
	Datagrams []string
	// FDName is how the program knows them. "": the unit's name.
	FDName string
	// Accept starts an instance of the service for each connection, at most
	// MaxConnections at once (zero: 64). It needs a service "app@.service".
	Accept         bool
	MaxConnections int
	// Service is what is started. "": the service of the same name.
	Service string
	// Mode, User and Group are those of a socket in the file system. Zero: 0666, root.
	Mode        fs.FileMode
	User, Group string
	// RemoveOnStop removes sockets from the file system when they are closed.
	RemoveOnStop bool
	// Backlog is how many connections may wait. Zero: systemd's own, which the
	// kernel cuts to net.core.somaxconn.
	Backlog int
	// FreeBind listens on an address that is not configured yet.
	FreeBind bool
	// IPv6Only says whether "[::]:80" means IPv4 too. Zero: as the kernel is set.
	IPv6Only IPv6Only
	// KeepAlive, NoDelay and ReusePort are those of socket(7) and tcp(7).
	KeepAlive, NoDelay, ReusePort bool
	// Interface is the only one it listens on. "": all.
	Interface string
	// WantedBy is what starts it when it is enabled. Nil: sockets.target.
	WantedBy []string
	// NoInstall leaves [Install] out.
	NoInstall bool
	// Extra are directives that have no field here.
	Extra []Directive
}

// IPv6Only says whether a socket for IPv6 takes IPv4 too.
type IPv6Only string

// The ways.
const (
	IPv6Default IPv6Only = ""          // as net.ipv6.bindv6only is set
	IPv6Both    IPv6Only = "both"      // IPv4 too
	IPv6Alone   IPv6Only = "ipv6-only" // IPv6 only
)

// UnitName is the whole name, "app.socket".
func (s Socket) UnitName() string { return full(s.Name, "socket") }

func (s Socket) draft(d *draft) {
	d.specifiers = s.Specifiers
	d.text("Unit", "Description", "Description", cmp.Or(s.Description, s.Name))
	d.documented(s.Documentation)
	s.Relations.draft(d)
	d.conditions(s.Conditions)
	s.listen(d)
	if s.Service != "" {
		d.refuse("Service", s.Service, d.unitProblem(s.Service))
		if !strings.HasSuffix(s.Service, ".service") || s.Accept {
			d.refuse("Service", s.Service, "is no service, or is set together with Accept, which takes the template of the same name")
		}
		d.text("Run", "Service", "Service", s.Service)
	}
	d.mode("Run", "SocketMode", "Mode", s.Mode)
	d.account("Run", "SocketUser", "User", s.User)
	d.account("Run", "SocketGroup", "Group", s.Group)
	d.yes("Run", "RemoveOnStop", s.RemoveOnStop)
	d.number("Run", "Backlog", "Backlog", s.Backlog, 1, 1<<31-1)
	d.yes("Run", "FreeBind", s.FreeBind)
	switch s.IPv6Only {
	case IPv6Default:
	case IPv6Both, IPv6Alone:
		d.raw("Run", "BindIPv6Only", string(s.IPv6Only))
	default:
		d.refuse("IPv6Only", string(s.IPv6Only), "is none of IPv6Both, IPv6Alone")
	}
	d.yes("Run", "KeepAlive", s.KeepAlive)
	d.yes("Run", "NoDelay", s.NoDelay)
	d.yes("Run", "ReusePort", s.ReusePort)
	if s.Interface != "" {
		d.refuse("Interface", s.Interface, interfaceProblem(s.Interface))
		d.text("Run", "BindToDevice", "Interface", s.Interface)
	}
	d.installed(s.WantedBy, "sockets.target", s.NoInstall)
	d.extra("Extra", s.Extra)
}

func (s Socket) listen(d *draft) {
	if len(s.Listen)+len(s.Datagrams) == 0 {
		d.fail(errors.New("unit: Listen is empty; give a port, an address or a path"))
	}
	for i, l := range s.Listen {
		d.refuse(index("Listen", i), l, d.listenProblem(l))
		d.text("Run", "ListenStream", index("Listen", i), l)
	}
	for i, l := range s.Datagrams {
		d.refuse(index("Datagrams", i), l, d.listenProblem(l))
		d.text("Run", "ListenDatagram", index("Datagrams", i), l)
	}
	if s.FDName != "" {
		if len(s.FDName) > 255 || strings.ContainsFunc(s.FDName, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' }) {
			d.refuse("FDName", s.FDName, "is no name of a descriptor; it is printable ASCII without a colon")
		}
		d.text("Run", "FileDescriptorName", "FDName", s.FDName)
	}
	d.yes("Run", "Accept", s.Accept)
	if s.MaxConnections != 0 && !s.Accept {
		d.fail(errors.New("unit: MaxConnections without Accept"))
	}
	d.number("Run", "MaxConnections", "MaxConnections", s.MaxConnections, 1, 1<<31-1)
}

// longestSocket is what sockaddr_un takes, unix(7).
const longestSocket = 107

func (d *draft) listenProblem(l string) string {
	const bad = "is nothing to listen on; write a port (8080), an address (127.0.0.1:8080, [::1]:8080), an absolute path or @name"
	switch {
	case d.specifiers && strings.Contains(l, "%"):
		return ""
	case strings.HasPrefix(l, "/"):
		if path.Clean(l) != l || len(l) > longestSocket {
			return "is no socket's path; it is clean and has at most 107 bytes"
		}
		return ""
	case strings.HasPrefix(l, "@"):
		if len(l) < 2 || len(l) > longestSocket {
			return bad
		}
		return ""
	case !strings.Contains(l, ":"):
		if p, err := strconv.ParseUint(l, 10, 16); err != nil || p == 0 {
			return bad
		}
		return ""
	}
	if a, err := netip.ParseAddrPort(l); err != nil || a.Port() == 0 || a.Addr().Is4In6() {
		return bad
	}
	return ""
}
