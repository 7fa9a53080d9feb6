package journal

import (
	"log/slog"
	"strconv"
)

// Priority is a syslog priority: the lower, the more urgent.
type Priority int

// The priorities (syslog(3)).
const (
	Emerg Priority = iota
	Alert
	Crit
	Err
	Warning
	Notice
	Info
	Debug
)

var priorityNames = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

func (p Priority) String() string {
	if p >= 0 && int(p) < len(priorityNames) {
		return priorityNames[p]
	}
	return strconv.Itoa(int(p))
}

// PriorityOf is the priority of a slog level. Between Info and Warn lies Notice;
// from Error+4 on it is Crit, from Error+8 on Alert. Emerg, which systemd writes
// on every terminal, is not a program's to use.
func PriorityOf(l slog.Level) Priority {
	switch {
	case l < slog.LevelInfo:
		return Debug
	case l == slog.LevelInfo:
		return Info
	case l < slog.LevelWarn:
		return Notice
	case l < slog.LevelError:
		return Warning
	case l < slog.LevelError+4:
		return Err
	case l < slog.LevelError+8:
		return Crit
	}
	return Alert
}
