package unit

import (
	"strings"
	"time"
)

func (r *reader) slice(name string) Slice {
	s := Slice{Name: name, Description: r.description(name), Documentation: r.words("Unit", "Documentation"), Relations: r.relations(), Conditions: r.conditions()}
	s.Limits = r.limits()
	s.Extra = r.extra()
	return s
}

func (r *reader) target(name string) TargetUnit {
	t := TargetUnit{Name: name, Description: r.description(name), Documentation: r.words("Unit", "Documentation"), Relations: r.relations(), Conditions: r.conditions()}
	t.Isolate = r.yes("Unit", "AllowIsolate")
	t.WantedBy, t.NoInstall = r.installed("multi-user.target")
	t.Extra = r.extra()
	return t
}

func (r *reader) dropIn(of, name string) DropIn {
	i := DropIn{Unit: of, Name: name}
	i.Directives = r.extra()
	return i
}

func (r *reader) timer(name string) Timer {
	const own = "Timer"
	t := Timer{Name: name, Specifiers: r.specifiers, Description: r.description(name), Documentation: r.words("Unit", "Documentation"), Relations: r.relations(), Conditions: r.conditions()}
	t.Calendar = r.list(own, "OnCalendar")
	for key, field := range map[string]*time.Duration{"OnBootSec": &t.AfterBoot, "OnActiveSec": &t.AfterActivation, "OnUnitActiveSec": &t.Every, "OnUnitInactiveSec": &t.AfterStop} {
		n := 0
		for range r.each(own, key) {
			n++
		}
		if n == 1 { // several count besides each other
			*field = r.duration(own, key)
		}
	}
	t.Spread, t.FixedSpread = r.duration(own, "RandomizedDelaySec"), r.yes(own, "FixedRandomDelay")
	t.Accuracy, t.Persistent, t.Wake = r.duration(own, "AccuracySec"), r.yes(own, "Persistent"), r.yes(own, "WakeSystem")
	t.Unit = r.text(own, "Unit")
	t.WantedBy, t.NoInstall = r.installed("timers.target")
	t.Extra = r.extra()
	return t
}

func (r *reader) path(name string) Path {
	const own = "Path"
	p := Path{Name: name, Specifiers: r.specifiers, Description: r.description(name), Documentation: r.words("Unit", "Documentation"), Relations: r.relations(), Conditions: r.conditions()}
	p.Exists, p.ExistsGlob = r.list(own, "PathExists"), r.list(own, "PathExistsGlob")
	p.Changed, p.Modified, p.NotEmpty = r.list(own, "PathChanged"), r.list(own, "PathModified"), r.list(own, "DirectoryNotEmpty")
	p.Unit, p.MakeDirectory, p.DirectoryMode = r.text(own, "Unit"), r.yes(own, "MakeDirectory"), r.mode(own, "DirectoryMode")
	p.WantedBy, p.NoInstall = r.installed("paths.target")
	p.Extra = r.extra()
	return p
}

func (r *reader) mount() Mount {
	const own = "Mount"
	m := Mount{What: r.text(own, "What"), Where: r.text(own, "Where"), Documentation: r.words("Unit", "Documentation"), Relations: r.relations(), Conditions: r.conditions()}
	m.Description, m.Type = r.description(m.Where), r.text(own, "Type")
	if o := r.text(own, "Options"); o != "" {
		m.Options = strings.Split(o, ",")
	}
	m.DirectoryMode, m.Timeout = r.mode(own, "DirectoryMode"), r.duration(own, "TimeoutSec")
	m.LazyUnmount, m.ForceUnmount = r.yes(own, "LazyUnmount"), r.yes(own, "ForceUnmount")
	m.WantedBy, m.NoInstall = r.installed(m.defaultTarget())
	m.Extra = r.extra()
	return m
}

func (r *reader) socket(name string) Socket {
	const own = "Socket"
	s := Socket{Name: name, Specifiers: r.specifiers, Description: r.description(name), Documentation: r.words("Unit", "Documentation"), Relations: r.relations(), Conditions: r.conditions()}
	s.Listen, s.Datagrams, s.FDName = r.list(own, "ListenStream"), r.list(own, "ListenDatagram"), r.text(own, "FileDescriptorName")
	s.Accept, s.MaxConnections = r.yes(own, "Accept"), r.number(own, "MaxConnections", 1, 1<<31-1)
	s.Service, s.Mode = r.text(own, "Service"), r.mode(own, "SocketMode")
	s.User, s.Group = r.text(own, "SocketUser"), r.text(own, "SocketGroup")
	s.RemoveOnStop, s.Backlog, s.FreeBind = r.yes(own, "RemoveOnStop"), r.number(own, "Backlog", 1, 1<<31-1), r.yes(own, "FreeBind")
	s.IPv6Only = IPv6Only(r.word(own, "BindIPv6Only", string(IPv6Both), string(IPv6Alone)))
	s.KeepAlive, s.NoDelay, s.ReusePort = r.yes(own, "KeepAlive"), r.yes(own, "NoDelay"), r.yes(own, "ReusePort")
	s.Interface = r.text(own, "BindToDevice")
	s.WantedBy, s.NoInstall = r.installed("sockets.target")
	s.Extra = r.extra()
	return s
}
