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
	l.filters()
	l.unconfined()
}

// filters finds what a filter does to Go programs.
func (l *linter) filters() {
	if e, ok := l.service("RestrictAddressFamilies"); ok && l.closed("AF_NETLINK") {
		l.report(e, "no-af-netlink", SeverityNote, "RestrictAddressFamilies= leaves out AF_NETLINK: net.Interfaces and its kin fail in Go", "add AF_NETLINK if the program lists interfaces")
	}
	if e, ok := l.service("SystemCallFilter"); ok {
		if n, set := l.service("SystemCallErrorNumber"); !set || n.Value == "kill" {
			l.report(e, "syscall-kill", SeverityWarning, "SystemCallFilter= without SystemCallErrorNumber= kills the program at a call such as os.Chown, which may come late", "set SystemCallErrorNumber=EPERM")
		}
	}
}

// notifies says whether the service talks to systemd's notification socket.
func (l *linter) notifies() (Entry, bool) {
	if e, ok := l.service("Type"); ok && strings.HasPrefix(e.Value, "notify") {
		return e, true
	}
	e, ok := l.service("WatchdogSec")
	return e, ok && e.Value != "0"
}

// closed says whether RestrictAddressFamilies= leaves a family out.
func (l *linter) closed(family string) bool {
	s := scorer{file: l.file, version: l.version}
	return !s.families()[family]
}

// withoutUnix says whether AF_UNIX is left out, and where.
func (l *linter) withoutUnix() (last Entry, without bool) {
	last, ok := l.service("RestrictAddressFamilies")
	return last, ok && l.closed("AF_UNIX")
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
