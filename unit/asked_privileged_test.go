//go:build privileged

package unit_test

import (
	"strings"
	"time"

	"github.com/bedplate/bedplate/unit"
)

// askedOf says what a unit asks for, in systemd's properties.
func askedOf(u unit.Unit, systemd int) asked {
	switch u := u.(type) {
	case unit.Service:
		return serviceAsks(u, systemd)
	case unit.Socket:
		return socketAsks(u)
	case unit.Timer:
		a := newAsked(u.Specifiers)
		a.relations(u.Relations, u.Conditions, u.Documentation)
		a.text("Description", u.Description)
		rows := [][]any{}
		for base, d := range map[string]time.Duration{"OnBootUSec": u.AfterBoot, "OnActiveUSec": u.AfterActivation, "OnUnitActiveUSec": u.Every, "OnUnitInactiveUSec": u.AfterStop} {
			if d != 0 {
				rows = append(rows, []any{base, uint64(d / time.Microsecond)})
			}
		}
		a.values["TimersMonotonic"] = rows
		a.values["TimersCalendar"] = make([][]any, len(u.Calendar))
		a.span("RandomizedDelayUSec", u.Spread)
		a.span("AccuracyUSec", u.Accuracy)
		a.values["Persistent"], a.values["WakeSystem"], a.values["FixedRandomDelay"] = u.Persistent, u.Wake, u.FixedSpread
		a.text("Unit", u.Unit)
		return a
	case unit.Path:
		a := newAsked(u.Specifiers)
		a.relations(u.Relations, u.Conditions, u.Documentation)
		a.text("Description", u.Description)
		rows := [][]any{}
		for _, w := range []struct {
			name string
			list []string
		}{{"PathExists", u.Exists}, {"PathExistsGlob", u.ExistsGlob}, {"PathChanged", u.Changed}, {"PathModified", u.Modified}, {"DirectoryNotEmpty", u.NotEmpty}} {
			for _, p := range w.list {
				rows = append(rows, []any{w.name, p})
			}
		}
		a.values["Paths"], a.values["MakeDirectory"] = rows, u.MakeDirectory
		a.mode("DirectoryMode", uint32(u.DirectoryMode))
		a.text("Unit", u.Unit)
		return a
	case unit.Mount:
		a := newAsked(false)
		a.relations(u.Relations, u.Conditions, u.Documentation)
		a.text("Description", u.Description)
		a.text("Where", u.Where)
		what := u.What
		if systemd >= 257 {
			what = strings.Replace(what, "UUID=", "/dev/disk/by-uuid/", 1)
		}
		a.text("What", what)
		a.text("Type", u.Type)
		a.text("Options", strings.Join(u.Options, ","))
		a.mode("DirectoryMode", uint32(u.DirectoryMode))
		a.span("TimeoutUSec", u.Timeout)
		a.values["LazyUnmount"], a.values["ForceUnmount"] = u.LazyUnmount, u.ForceUnmount
		return a
	case unit.Slice:
		a := newAsked(false)
		a.relations(u.Relations, u.Conditions, u.Documentation)
		a.text("Description", u.Description)
		a.limits(u.Limits)
		return a
	case unit.TargetUnit:
		a := newAsked(false)
		a.relations(u.Relations, u.Conditions, u.Documentation)
		a.text("Description", u.Description)
		a.values["AllowIsolate"] = u.Isolate
		return a
	}
	panic("a kind without expectations")
}

func socketAsks(u unit.Socket) asked {
	a := newAsked(u.Specifiers)
	a.relations(u.Relations, u.Conditions, u.Documentation)
	a.text("Description", u.Description)
	rows := [][]any{}
	for _, l := range u.Listen {
		rows = append(rows, []any{"Stream", listening(a.expand(l))})
	}
	for _, l := range u.Datagrams {
		rows = append(rows, []any{"Datagram", listening(a.expand(l))})
	}
	a.values["Listen"] = rows
	a.text("FileDescriptorName", u.FDName)
	a.values["Accept"] = u.Accept
	a.mode("SocketMode", uint32(u.Mode))
	a.text("SocketUser", u.User)
	a.text("SocketGroup", u.Group)
	a.text("BindIPv6Only", string(u.IPv6Only))
	a.text("BindToDevice", u.Interface)
	for property, v := range map[string]bool{"RemoveOnStop": u.RemoveOnStop, "FreeBind": u.FreeBind, "KeepAlive": u.KeepAlive, "NoDelay": u.NoDelay, "ReusePort": u.ReusePort} {
		a.values[property] = v
	}
	if u.Backlog != 0 {
		a.values["Backlog"] = uint32(u.Backlog)
	}
	if u.MaxConnections != 0 {
		a.values["MaxConnections"] = uint32(u.MaxConnections)
	}
	return a
}

// listening is an address as systemd writes it: a port is one of IPv6.
func listening(l string) string {
	if !strings.ContainsAny(l, ":/@") {
		return "[::]:" + l
	}
	return l
}
