package unit

import "strings"

// loadable finds units that systemd refuses to load as a whole ("Refusing", in its
// log), though each line is fine.
func (l *linter) loadable() {
	if l.file.text == "" {
		return // it masks a unit
	}
	var problem, fix string
	switch l.kind {
	case "service":
		problem, fix = l.loadableService()
	case "socket":
		if !l.any("Socket", "ListenStream", "ListenDatagram", "ListenSequentialPacket", "ListenFIFO", "ListenSpecial", "ListenNetlink", "ListenMessageQueue", "ListenUSBFunction") {
			problem, fix = "it listens on nothing", "set ListenStream="
		} else if e, ok := l.last("Socket", "Accept"); ok && l.any("Socket", "Service") {
			if v, _ := boolean(e.Value); v {
				problem, fix = "Service= can't be set together with Accept=yes, which starts the template of the same name", "remove one of them"
			}
		}
	case "timer":
		if !l.any("Timer", "OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "OnCalendar", "OnClockChange", "OnTimezoneChange") {
			problem, fix = "it never elapses", "set OnCalendar= or OnUnitActiveSec="
		}
	case "path":
		if !l.any("Path", "PathExists", "PathExistsGlob", "PathChanged", "PathModified", "DirectoryNotEmpty") {
			problem, fix = "it watches nothing", "set PathExists= or PathChanged="
		}
	case "mount":
		problem, fix = l.loadableMount()
	}
	if problem == "" {
		return
	}
	line := 1
	for _, h := range l.file.heads {
		if h.name == section("", l.kind) && h.file == "" {
			line = h.line
			break
		}
	}
	l.found = append(l.found, Finding{"unloadable", SeverityError, l.file.Name, line, section("", l.kind), "", "systemd refuses to load the unit: " + problem, fix})
}

// any says whether one of the directives is in force.
func (l *linter) any(section string, keys ...string) bool {
	for _, k := range keys {
		if len(l.since(section, k)) > 0 {
			return true
		}
	}
	return false
}

// serviceType is the Type that is said, or what systemd takes it to be.
func (l *linter) serviceType() string {
	if e, ok := l.service("Type"); ok {
		return e.Value
	}
	switch {
	case l.any("Service", "BusName"):
		return "dbus"
	case len(l.since("Service", "ExecStart")) == 0:
		return "oneshot"
	}
	return "simple"
}

func (l *linter) loadableService() (problem, fix string) {
	starts, stops := l.since("Service", "ExecStart"), l.any("Service", "ExecStop")
	action, acts := l.last("Unit", "SuccessAction")
	acts = acts && action.Value != "none"
	typ := l.serviceType()
	restart, _ := l.service("Restart")
	switch {
	case len(starts) == 0 && !stops && !acts:
		return "it has no ExecStart=", "say what is to run"
	case len(starts) == 0 && typ != "oneshot":
		return "it has no ExecStart=, without which it must be of Type=oneshot", "say what is to run"
	case len(starts) == 0 && !acts && !l.on("RemainAfterExit"):
		return "it has no ExecStart= and no RemainAfterExit=yes, and so nothing that could be stopped", "set RemainAfterExit=yes"
	case len(starts) > 1 && typ != "oneshot":
		return "it has more than one ExecStart=, which only Type=oneshot may", "start one program, and use ExecStartPre= for what comes before"
	case typ == "dbus" && !l.any("Service", "BusName"):
		if l.version == 247 { // measured; 252 refuses it
			return "Type=dbus needs a BusName=, and loading it without one ends this version's PID 1", "set it, or another Type="
		}
		return "Type=dbus needs a BusName=", "set it, or another Type="
	case typ == "oneshot" && (restart.Value == "always" || restart.Value == "on-success"):
		return "Restart=" + restart.Value + " is not for Type=oneshot, which would run for ever", "use a timer"
	}
	return "", ""
}

func (l *linter) loadableMount() (problem, fix string) {
	what, where := l.any("Mount", "What"), ""
	e, ok := l.last("Mount", "Where")
	if ok {
		where = strings.ReplaceAll(e.Value, "%%", "%")
	}
	name := l.file.Name
	if _, base, ok := cutLast(name, "/"); ok {
		name = base
	}
	switch {
	case !what:
		return "it has no What=", "say what is to be mounted"
	case where != "" && !specified(e.Value) && EscapePath(where)+".mount" != name:
		return "its name is not that of its Where=", "call it " + EscapePath(where) + ".mount"
	}
	return "", ""
}
