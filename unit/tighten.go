package unit

import (
	"context"
	"fmt"
	"strings"
)

// Suggestion is a directive that a service could bear.
type Suggestion struct {
	Directive
	// Reason is what was seen of the service that says so.
	Reason string
	// Trial means that what was seen can't prove it: what a program calls now and
	// then leaves no trace in its state. Try it, and look at the log.
	Trial bool
}

// String is the directive and the reason on one line.
func (s Suggestion) String() string {
	if s.Trial {
		return s.Directive.String() + ": to be tried: " + s.Reason
	}
	return s.Directive.String() + ": " + s.Reason
}

// Tighten looks at a running service, and says which further directives of the
// sandbox it could bear: by its open files, sockets and devices, its mappings,
// users and capabilities, right now. Ask when it has done for a while what it
// does. It takes the right to look into the service's processes, root's as a
// rule. Made into a DropIn, the suggestions are what was asked for.
func (m Manager) Tighten(ctx context.Context, unit string) ([]Suggestion, error) {
	if kindOf(unit) != "service" {
		return nil, fmt.Errorf("unit: %s is no service; only that has processes to look at", unit)
	}
	c, err := m.open(ctx, unit)
	if err != nil {
		return nil, err
	}
	defer c.close()
	s, err := c.status(ctx, unit)
	if err != nil {
		return nil, err
	}
	if err := loaded(s); err != nil {
		return nil, err
	}
	p, err := c.typeProperties(ctx, unit)
	if err != nil {
		return nil, err
	}
	version, err := c.version(ctx)
	if err != nil {
		return nil, err
	}
	if s.PID == 0 {
		return nil, fmt.Errorf("unit: %s does not run; start it, and let it do its work", unit)
	}
	used, err := inspect(p.text("ControlGroup"), s.PID)
	if err != nil {
		return nil, err
	}
	var list []Suggestion
	for _, r := range bearings(used, p) {
		if already(p, r.Directive) || (Target{Systemd: version}).lacks(r.Directive) != "" {
			continue
		}
		list = append(list, r)
	}
	return list, nil
}

// already says whether a directive is in force.
func already(p properties, d Directive) bool {
	switch v := p[d.Name].(type) {
	case bool:
		return v
	case string:
		return v == d.Value || d.Name == "ProtectHome" && (v == "tmpfs" || v == "read-only") || d.Name == "ProtectProc" && v == "ptraceable"
	case uint32:
		return d.Name == "UMask" && v&0o077 == 0o077
	case uint64:
		if d.Name == "RestrictNamespaces" {
			return v == 0
		}
		want, err := busCapabilities(d.Name, d.Value)
		return err == nil && d.Name == "CapabilityBoundingSet" && want[0].Value.Value() == v
	case []string:
		return len(v) > 0
	case []any: // (bas): a filter that has something in it
		if len(v) == 2 {
			names, _ := v[1].([]string)
			allow, _ := v[0].(bool)
			return allow || len(names) > 0
		}
	}
	return false
}

// bearings are the directives that a service with this use bears, in the order
// of the sandbox.
func bearings(u usage, p properties) (list []Suggestion) {
	add := func(name, value, reason string, trial bool) {
		list = append(list, Suggestion{Directive{"Service", name, value}, reason, trial})
	}
	if len(u.users) == 1 {
		add("NoNewPrivileges", "yes", "its processes all run as one user", false)
	}
	switch {
	case u.capabilities == 0:
		add("CapabilityBoundingSet", "", "its processes have no capability", false)
	case u.lowPort:
		add("CapabilityBoundingSet", "CAP_NET_BIND_SERVICE", "it listens below 1024; what else it does with its capabilities leaves no trace", true)
	default:
		add("CapabilityBoundingSet", "", "it listens on no port below 1024; what else it does with its capabilities leaves no trace", true)
	}
	if len(u.writes) == 0 {
		add("ProtectSystem", "strict", "it has no file open for writing outside its own directories", false)
	} else {
		add("ProtectSystem", "strict", "with ReadWritePaths= of what it writes", false)
		add("ReadWritePaths", strings.Join(u.writes, " "), "it has files open for writing there", false)
	}
	if len(u.home) == 0 {
		add("ProtectHome", "yes", "it has nothing open in /home, /root or /run/user", false)
	}
	if len(u.temporary) == 0 {
		add("PrivateTmp", "yes", "it shares nothing in /tmp or /var/tmp", false)
	}
	if len(u.devices) == 0 {
		add("PrivateDevices", "yes", "it has no device open but those that everybody has", false)
		add("DevicePolicy", "closed", "the same", false)
	}
	if !u.writableCode {
		add("MemoryDenyWriteExecute", "yes", "it has no memory that is both writable and executable", false)
	}
	u.network(add, p)
	for _, kernel := range []string{"ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups", "ProtectClock"} {
		if !u.kernel {
			add(kernel, "yes", "it has nothing of /proc/sys, /sys or /dev/kmsg open for writing", false)
		}
	}
	if u.ownNamespaces == 0 {
		add("RestrictNamespaces", "yes", "its processes are all in the namespaces that systemd gave them", false)
	}
	if u.capabilities == 0 && !u.users[0] {
		add("PrivateUsers", "yes", "it is neither root nor has capabilities", false)
	}
	for _, harmless := range []string{"LockPersonality", "RestrictRealtime", "RestrictSUIDSGID", "ProtectHostname", "RemoveIPC", "PrivateIPC", "PrivateMounts"} {
		add(harmless, "yes", "no Go service was seen to need it", true)
	}
	add("ProtectProc", "invisible", "no Go service was seen to look at others' processes", true)
	add("KeyringMode", "private", "no Go service was seen to use keyrings", true)
	add("UMask", "0077", "what it makes is for itself, unless others read it", true)
	add("SystemCallArchitectures", "native", "its program is of the machine's architecture", false)
	add("SystemCallFilter", "@system-service", "it is what services call; SystemCallErrorNumber=EPERM makes a refusal an error", true)
	return list
}

func (u usage) network(add func(name, value, reason string, trial bool), p properties) {
	families := []string{}
	for _, f := range []string{"AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_UNIX"} {
		if u.families[f] || f == "AF_UNIX" {
			families = append(families, f)
		}
	}
	internet := u.families["AF_INET"] || u.families["AF_INET6"] || u.families["AF_PACKET"]
	switch {
	case internet && (u.families["AF_INET"] != u.families["AF_INET6"]):
		// Go opens a socket of the other kind to find out what there is.
		families = append([]string{"AF_INET", "AF_INET6"}, families[1:]...)
	case !internet:
		add("PrivateNetwork", "yes", "it has no socket to any network", true)
	}
	add("RestrictAddressFamilies", strings.Join(families, " "), "it has sockets of these only, and AF_UNIX is for sd_notify and the journal", len(families) > 0 && !internet)
}
