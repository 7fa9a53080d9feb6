package unit

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// commands finds command lines that are written for a shell, and a start that
// succeeds without a program.
func (l *linter) commands() {
	for _, key := range []string{"ExecStart", "ExecStartPre", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost", "ExecCondition"} {
		for _, e := range l.since("Service", key) {
			words, _ := split(e.Value)
			if len(words) == 0 {
				continue
			}
			for _, w := range words[1:] {
				if contains([]string{"|", ">", ">>", "<", "&", "&&", "||", "2>&1"}, w) && !contains([]string{"sh", "bash", "dash"}, path.Base(strings.TrimLeft(words[0], "@-:+!|"))) {
					l.report(e, "shell-syntax", SeverityWarning, key+"= is no shell line: the program gets "+w+" as an argument",
						"write a script, or use systemd's own directives, such as StandardOutput=append:/path")
					break
				}
			}
		}
	}
	if _, runs := l.service("ExecStart"); !runs {
		return
	}
	e, ok := l.service("Type")
	if _, bus := l.service("BusName"); bus && !ok {
		return // of type dbus
	}
	if ok && (e.Value == "simple" || e.Value == "idle") {
		l.report(e, "type-simple", SeverityNote, "Type="+e.Value+": starting it succeeds even if the program or the user does not exist", "use Type=notify where the program supports it, else Type=exec")
	}
}

// writable finds a service whose user can replace the program that it runs.
func (l *linter) writable() {
	start, ok := l.service("ExecStart")
	user, named := l.service("User")
	if !ok || !(named && user.Value != "root" && user.Value != "0") && !l.on("DynamicUser") {
		return
	}
	words, _ := split(strings.TrimLeft(start.Value, "@-:+!|"))
	if len(words) == 0 {
		return
	}
	program := words[0]
	for _, d := range l.owned() {
		if d != "" && (program == d || strings.HasPrefix(program, strings.TrimSuffix(d, "/")+"/")) {
			l.report(start, "writable-program", SeverityWarning, fmt.Sprintf("the service may write %s, and so replace its own program", d),
				"keep programs where only root writes, such as /opt/app/bin or /usr/lib")
			return
		}
	}
}

// owned are the places that belong to the service's user.
func (l *linter) owned() (dirs []string) {
	for key, base := range map[string]string{"StateDirectory": "/var/lib", "CacheDirectory": "/var/cache", "LogsDirectory": "/var/log", "RuntimeDirectory": "/run"} {
		for _, e := range l.since("Service", key) {
			words, _ := splitVerbatim(e.Value)
			for _, w := range words {
				name, _, _ := strings.Cut(w, ":")
				dirs = append(dirs, path.Join(base, name))
			}
		}
	}
	dirs = append(dirs, "/tmp", "/var/tmp", "/dev/shm", "%h", "%t", "%S", "%C", "%L")
	if u, ok := l.service("User"); ok {
		dirs = append(dirs, "/home/"+u.Value)
	}
	slices.Sort(dirs)
	return dirs
}

// limits finds limits that hold nothing, or that contradict each other.
func (l *linter) limits() {
	for _, section := range []string{"Service", "Slice", "Socket", "Mount", "Swap", "Scope"} {
		high, hasHigh := l.last(section, "MemoryHigh")
		most, hasMost := l.last(section, "MemoryMax")
		h, okH := quantity(high.Value, sizeUnits)
		m, okM := quantity(most.Value, sizeUnits)
		if hasHigh && hasMost && okH && okM && h >= m && high.Value != "infinity" {
			l.report(high, "memory-high-over-max", SeverityWarning, "MemoryHigh="+high.Value+" is not below MemoryMax="+most.Value+": nothing is throttled before the kill", "set MemoryHigh= to nine tenths of MemoryMax=")
		}
		quota, ok := l.last(section, "CPUQuota")
		if v, isPercent := strings.CutSuffix(quota.Value, "%"); ok && isPercent && l.target.CPUs > 0 {
			if p, ok := quantity(v, map[string]float64{"": 1}); ok && p > float64(100*l.target.CPUs) {
				l.report(quota, "cpu-quota-over-machine", SeverityWarning, fmt.Sprintf("CPUQuota=%s is more than all of %d CPUs and holds nothing", quota.Value, l.target.CPUs), "100% is one CPU")
			}
		}
	}
}

// accounts finds users that several services share by accident.
func (l *linter) accounts() {
	for _, key := range []string{"User", "Group"} {
		if e, ok := l.service(key); ok && (e.Value == "nobody" || e.Value == "nogroup") {
			l.report(e, "user-nobody", SeverityWarning, key+"="+e.Value+" is not safe: other services and NFS use it too, and may touch this one's files", "give it a user of its own, or DynamicUser=yes")
		}
	}
}

// obsolete are directives and values that systemd still takes, and warns of.
var obsolete = map[string]string{
	"MemoryLimit": "MemoryMax=", "CPUShares": "CPUWeight=", "StartupCPUShares": "StartupCPUWeight=", "BlockIOWeight": "IOWeight=", "BlockIODeviceWeight": "IODeviceWeight=",
	"BlockIOReadBandwidth": "IOReadBandwidthMax=", "BlockIOWriteBandwidth": "IOWriteBandwidthMax=", "BlockIOAccounting": "IOAccounting=",
	"PermissionsStartOnly": "the prefix + in ExecStartPre= and its kin", "StartLimitInterval": "StartLimitIntervalSec= in [Unit]",
}

// outdated finds what has a newer way.
func (l *linter) outdated() {
	for _, e := range l.file.entries {
		const rule = "obsolete"
		if better, ok := obsolete[e.Key]; ok && e.Value != "" {
			l.report(e, rule, SeverityWarning, e.Key+"= is obsolete, and has no effect on a machine with cgroup v2 alone where it is a limit", "use "+better)
		}
		if (e.Key == "StandardOutput" || e.Key == "StandardError") && strings.HasPrefix(e.Value, "syslog") {
			l.report(e, rule, SeverityWarning, e.Key+"="+e.Value+" is obsolete; systemd uses the journal instead", "remove it: the journal is the default")
		}
		if strings.Contains(e.Value, "/var/run/") && e.Key != "Environment" && e.Key != "Description" && (e.Section == "Service" || e.Section == "Socket") {
			l.report(e, rule, SeverityNote, "/var/run is a link to /run, which systemd rewrites with a warning", "write /run")
		}
	}
}
