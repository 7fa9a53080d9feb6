package unit

import (
	"regexp"
	"slices"
	"strings"
)

// Sandbox says what a service needs back of what it is kept from by default.
// The zero value is right for a network service in Go on a high port.
type Sandbox struct {
	// Off takes the whole sandbox away.
	Off bool
	// Capabilities it needs, such as "CAP_NET_BIND_SERVICE" for a port below
	// 1024. A service that runs as another user than root gets them as ambient ones.
	Capabilities []string
	// Netlink is needed by net.Interfaces and its kin.
	Netlink bool
	// NoNetwork leaves no network at all: a socket unit hands over what to listen on.
	NoNetwork bool
	// Chown lets os.Chown through. A service that gives files to others needs
	// CAP_CHOWN among its Capabilities besides.
	Chown bool
	// WritableCode is needed by programs that make code while they run, as some
	// libraries used through cgo do.
	WritableCode bool
	// Devices lets it see real devices.
	Devices bool
	// Home lets it see /home, /root and /run/user.
	Home bool
}

var capability = regexp.MustCompile(`^CAP_[A-Z_]+$`)

// draft adds the directives. The set was measured: each is in force in a
// running Go service, and together they come to an exposure of 1.1
// (systemd-analyze security). ProcSubset=pid is not among them: it hides
// net.core.somaxconn and cuts the listen backlog to 128.
func (b Sandbox) draft(d *draft, s Service) {
	if b.Off {
		return
	}
	for i, c := range b.Capabilities {
		if !capability.MatchString(c) || capabilityProblem(nil, "", c) != "" {
			d.refuse(index("Sandbox.Capabilities", i), c, "is no capability; one is written CAP_NET_BIND_SERVICE")
		}
	}
	caps := strings.Join(b.Capabilities, " ")
	set := func(name, value string) { d.raw("Sandbox", name, value) }
	on := func(names ...string) {
		for _, n := range names {
			set(n, "yes")
		}
	}
	set("CapabilityBoundingSet", caps)
	if caps != "" && s.User != "" && s.User != "root" {
		set("AmbientCapabilities", caps)
	}
	on("NoNewPrivileges", "LockPersonality", "RestrictRealtime", "RestrictSUIDSGID", "RestrictNamespaces", "RemoveIPC",
		"ProtectClock", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "ProtectControlGroups",
		"PrivateTmp", "PrivateIPC", "PrivateMounts")
	// An ambient capability belongs to the host's user namespace.
	if caps == "" {
		on("PrivateUsers")
	}
	set("ProtectSystem", "strict")
	set("ProtectProc", "invisible")
	if !b.Home {
		on("ProtectHome")
	}
	if !b.Devices {
		on("PrivateDevices")
		set("DevicePolicy", "closed")
	}
	if !b.WritableCode {
		on("MemoryDenyWriteExecute")
	}
	set("KeyringMode", "private")
	set("UMask", "0077")
	b.network(d)
	b.systemCalls(d)
}

func (b Sandbox) network(d *draft) {
	families := []string{"AF_UNIX"} // sd_notify(3) and the journal
	if b.NoNetwork {
		d.raw("Sandbox", "PrivateNetwork", "yes")
		d.raw("Sandbox", "IPAddressDeny", "any")
	} else {
		families = append(families, "AF_INET", "AF_INET6")
	}
	if b.Netlink {
		families = append(families, "AF_NETLINK")
	}
	slices.Sort(families)
	d.raw("Sandbox", "RestrictAddressFamilies", strings.Join(families, " "))
}

func (b Sandbox) systemCalls(d *draft) {
	d.raw("Sandbox", "SystemCallArchitectures", "native")
	d.raw("Sandbox", "SystemCallFilter", "@system-service")
	d.raw("Sandbox", "SystemCallFilter", "~@privileged @resources")
	if b.Chown {
		d.raw("Sandbox", "SystemCallFilter", "@chown") // what a list took away, a later one gives back
	}
	// A refused call is an error that Go returns, not the end of the program.
	d.raw("Sandbox", "SystemCallErrorNumber", "EPERM")
}
