package unit

import (
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// Socket is a socket unit: systemd listens, and starts the service at the first
// connection.
type Socket struct {
	// Name is the unit's name, with or without ".socket".
	Name string
	// Description is one line for people. "": Name.
	Description string
	// Listen are stream sockets: a port ("8080"), an address ("127.0.0.1:8080",
	// "[::1]:8080"), a path ("/run/app.sock") or an abstract name ("@app").
	Listen []string
	// Service is what is started. "": the service of the same name.
	Service string
	// Mode, User and Group are those of a socket in the file system. Zero: 0666, root.
	Mode        fs.FileMode
	User, Group string
	// Backlog is how many connections may wait. Zero: systemd's own, which the
	// kernel cuts to net.core.somaxconn.
	Backlog int
	// FreeBind listens on an address that is not configured yet.
	FreeBind bool
	// WantedBy is what starts it when it is enabled. Nil: sockets.target.
	WantedBy []string
	// NoInstall leaves [Install] out.
	NoInstall bool
	// Extra are directives that have no field here.
	Extra []Directive
}

// UnitName is the whole name, "app.socket".
func (s Socket) UnitName() string { return full(s.Name, "socket") }

func (s Socket) draft(d *draft) {
	d.text("Unit", "Description", orElse(s.Description, s.Name))
	if len(s.Listen) == 0 {
		d.fail(fmt.Errorf("unit: Listen of %s is empty; give a port, an address or a path", s.UnitName()))
	}
	for i, l := range s.Listen {
		d.fail(listenable(fmt.Sprintf("Listen[%d]", i), l))
		d.text("Run", "ListenStream", l)
	}
	if s.Service != "" {
		d.fail(checkName("Service", s.Service))
		d.text("Run", "Service", s.Service)
	}
	if s.Mode != 0 {
		if s.Mode&^fs.ModePerm != 0 {
			d.fail(fmt.Errorf("unit: Mode=%v has more than permission bits", s.Mode))
		}
		d.raw("Run", "SocketMode", fmt.Sprintf("%04o", s.Mode.Perm()))
	}
	d.fail(checkAccount("User", s.User))
	d.fail(checkAccount("Group", s.Group))
	d.text("Run", "SocketUser", s.User)
	d.text("Run", "SocketGroup", s.Group)
	if s.Backlog < 0 {
		d.fail(fmt.Errorf("unit: Backlog=%d is negative", s.Backlog))
	}
	if s.Backlog > 0 {
		d.raw("Run", "Backlog", strconv.Itoa(s.Backlog))
	}
	d.yes("Run", "FreeBind", s.FreeBind)
	d.installed(s.WantedBy, "sockets.target", s.NoInstall)
	d.extra(s.Extra)
}

func listenable(field, l string) error {
	bad := fmt.Errorf("unit: %s=%q; write a port (8080), an address (127.0.0.1:8080, [::1]:8080), an absolute path or @name", field, l)
	switch {
	case strings.HasPrefix(l, "/"):
		if path.Clean(l) != l || len(l) > 107 {
			return fmt.Errorf("unit: %s=%q; a socket's path is clean and has at most 107 bytes", field, l)
		}
		return nil
	case strings.HasPrefix(l, "@"):
		if len(l) < 2 || len(l) > 107 {
			return bad
		}
		return nil
	case !strings.Contains(l, ":"):
		if p, err := strconv.ParseUint(l, 10, 16); err != nil || p == 0 {
			return bad
		}
		return nil
	}
	if a, err := netip.ParseAddrPort(l); err != nil || a.Port() == 0 {
		return bad
	}
	return nil
}
