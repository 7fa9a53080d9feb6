package unit

import "strings"

// processes finds how a service is started and stopped in ways that leave
// processes behind or lose track of them.
func (l *linter) processes() {
	for _, section := range []string{"Service", "Socket", "Mount", "Swap", "Scope"} {
		e, ok := l.last(section, "KillMode")
		switch {
		case ok && e.Value == "none":
			l.report(e, "killmode-none", SeverityError, "KillMode=none signals nothing: processes outlive their unit; systemd calls it deprecated", "use KillMode=mixed")
		case ok && e.Value == "process":
			l.report(e, "killmode-process", SeverityWarning, "KillMode=process signals the main process only: its children outlive their unit", "use KillMode=mixed")
		}
	}
	pid, hasPID := l.service("PIDFile")
	if e, ok := l.service("Type"); ok && e.Value == "forking" {
		m := "Type=forking is for daemons that fork twice, which a Go program can't do"
		if !hasPID {
			m += "; without PIDFile= systemd guesses the main process"
		}
		l.report(e, "forking", SeverityWarning, m, "use Type=notify or Type=exec and run in the foreground")
	}
	if hasPID && rooted(pid.Value) && !strings.HasPrefix(pid.Value, "/run/") && !strings.HasPrefix(pid.Value, "%t/") {
		l.report(pid, "pidfile-outside-run", SeverityWarning, "PIDFile="+pid.Value+" is outside /run: it survives a boot, and names a foreign process then", "put it below /run")
	}
}
