package unit

import "strings"

// sandbox finds hardening that breaks Go programs, and its absence where it
// matters most. All of it was seen on running services.
func (l *linter) sandbox() {
	if e, ok := l.service("LimitAS"); ok && e.Value != "infinity" {
		l.report(e, "limit-as", SeverityError, "LimitAS= breaks Go programs, which reserve far more address space than they use", "use MemoryMax=")
	}
	if e, ok := l.service("ProcSubset"); ok && e.Value == "pid" {
		l.report(e, "proc-subset-pid", SeverityWarning, "ProcSubset=pid hides net.core.somaxconn: Go then listens with a backlog of 128 instead of 4096", "leave it out; ProtectProc=invisible hides other users' processes")
	}
	if e, ok := l.notifies(); ok {
		if f, without := l.withoutUnix(); without {
			l.report(f, "no-af-unix", SeverityError, "RestrictAddressFamilies= leaves out AF_UNIX, and "+e.Key+"="+e.Value+" needs it: sd_notify(3) goes over a UNIX socket", "add AF_UNIX")
		}
	}
	if e, ok := l.service("AmbientCapabilities"); ok && l.on("PrivateUsers") {
		l.report(e, "privateusers-ambient", SeverityError, "PrivateUsers= takes the ambient capabilities away: they count in the service's own user namespace only", "remove PrivateUsers=, or the need for capabilities")
	}
	l.unconfined()
}

// notifies says whether the service talks to systemd's notification socket.
func (l *linter) notifies() (Entry, bool) {
	if e, ok := l.service("Type"); ok && strings.HasPrefix(e.Value, "notify") {
		return e, true
	}
	e, ok := l.service("WatchdogSec")
	return e, ok && e.Value != "0"
}

// withoutUnix merges RestrictAddressFamilies= as systemd does: the first
// assignment decides whether it is a list of what is allowed or of what is not,
// and "~" takes away from it.
func (l *linter) withoutUnix() (last Entry, without bool) {
	allow, listed, first := true, false, true
	for _, e := range l.since("Service", "RestrictAddressFamilies") {
		list, inverted := strings.CutPrefix(e.Value, "~")
		if first {
			allow, first = !inverted, false
		}
		if contains(strings.Fields(list), "AF_UNIX") || contains(strings.Fields(list), "AF_LOCAL") {
			listed = inverted != allow
		}
		last = e
	}
	return last, !first && listed != allow
}

// unconfined finds a service that is root, with network, and with nothing to
// hold it.
func (l *linter) unconfined() {
	start, ok := l.service("ExecStart")
	if !ok || l.on("DynamicUser") || l.on("PrivateNetwork") {
		return
	}
	if u, ok := l.service("User"); ok && u.Value != "root" && u.Value != "0" {
		return
	}
	for _, key := range []string{"ProtectSystem", "NoNewPrivileges", "PrivateUsers", "RootDirectory", "RootImage", "SystemCallFilter"} {
		if l.on(key) {
			return
		}
	}
	for _, e := range l.file.entries { // set to nothing, it takes them all away
		if e.Section == "Service" && e.Key == "CapabilityBoundingSet" {
			return
		}
	}
	l.report(start, "root-without-sandbox", SeverityWarning, "it runs as root, with the network, and without any sandbox", "set User=, or at least ProtectSystem=strict and NoNewPrivileges=yes")
}
