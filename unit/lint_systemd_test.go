package unit_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// judged are assignments of which systemd and Lint have to think the same: a
// directive, and values that some version takes or drops.
var judged = map[string][]string{
	"Service": {
		"Nonsense=1", "ExecStrat=/bin/true", "ListenStream=80", "PrivatePIDs=yes", "RestartSteps=5", "PrivateIPC=yes", "OpenFile=/etc/passwd", "ExitType=cgroup", "ReloadSignal=SIGHUP",
		"Restart=on-failures", "Restart=no", "Restart=always", "Restart=ON-FAILURE",
		"KillMode=mixed", "KillMode=all", "KillSignal=SIGINT", "KillSignal=INT", "KillSignal=2", "KillSignal=SIGFOO", "KillSignal=SIGRTMIN+3", "KillSignal=999",
		"MemoryMax=512M", "MemoryMax=512MB", "MemoryMax=1.5G", "MemoryMax=50%", "MemoryMax=infinity", "MemoryMax=-1", "MemoryMax=0", "MemoryHigh=lots", "MemoryLow=0", "MemorySwapMax=0",
		"CPUQuota=75", "CPUQuota=75%", "CPUQuota=0%", "CPUQuota=-5%", "CPUQuota=20.5%", "CPUWeight=100", "CPUWeight=0", "CPUWeight=10001", "CPUWeight=idle", "IOWeight=5000", "IOWeight=x",
		"TasksMax=0", "TasksMax=10", "TasksMax=10%", "TasksMax=infinity", "TasksMax=ten", "AllowedCPUs=0-1", "Nice=5", "Nice=20", "Nice=-21", "Nice=x", "OOMScoreAdjust=1001", "OOMScoreAdjust=-1000",
		"LimitNOFILE=1024", "LimitNOFILE=1024:4096", "LimitNOFILE=4096:1024", "LimitNOFILE=1k", "LimitNOFILE=infinity", "LimitCORE=1G", "LimitCORE=1GB", "LimitNICE=+5", "LimitCPU=10min", "LimitCPU=x",
		"TimeoutStopSec=90", "TimeoutStopSec=1min 30s", "TimeoutStopSec=soon", "TimeoutStopSec=5 parsecs", "TimeoutStopSec=infinity", "TimeoutStartSec=1.5s", "WatchdogSec=-5", "RestartSec=100ms", "RuntimeMaxSec=x",
		"UMask=0077", "UMask=9", "UMask=77777", "StateDirectoryMode=0750", "StateDirectoryMode=rwx", "StateDirectory=app", "StateDirectory=/var/lib/app", "StateDirectory=a/../b", "RuntimeDirectory=a b",
		"WorkingDirectory=/", "WorkingDirectory=~", "WorkingDirectory=tmp", "WorkingDirectory=-/x", "RootDirectory=x", "ReadWritePaths=/a -/b +/c", "ReadWritePaths=a", "ReadWritePaths=/a \"/b c\"",
		"User=app", "User=a b", "User=-x", "Group=app", "User=1234", "DynamicUser=maybe", "DynamicUser=yes", "PrivateTmp=on", "PrivateTmp=si", "PrivateTmp=disconnected", "PrivateUsers=self",
		"ProtectSystem=strict", "ProtectSystem=very", "ProtectHome=tmpfs", "ProtectHome=maybe", "ProtectProc=invisible", "ProtectProc=visible", "ProcSubset=pid", "ProtectControlGroups=strict",
		"Environment=A=b", "Environment=A B=c", "Environment=\"A=b c\" D=e", "Environment=1A=b", "Environment=A", "EnvironmentFile=/x", "EnvironmentFile=x", "EnvironmentFile=-/x",
		"CapabilityBoundingSet=CAP_CHOWN", "CapabilityBoundingSet=CAP_FLY", "CapabilityBoundingSet=~CAP_CHOWN CAP_KILL", "AmbientCapabilities=cap_chown", "RestrictAddressFamilies=AF_UNIX AF_INET",
		"RestrictAddressFamilies=AF_FOO", "RestrictAddressFamilies=none", "RestrictNamespaces=yes", "RestrictNamespaces=~user net", "RestrictNamespaces=users",
		"SystemCallFilter=@system-service", "SystemCallFilter=@everything", "SystemCallFilter=~@privileged @resources", "SystemCallFilter=openn", "SystemCallFilter=open:EPERM", "SystemCallErrorNumber=EPERM",
		"SystemCallArchitectures=native", "KeyringMode=private", "KeyringMode=mine", "StandardOutput=journal", "StandardOutput=jornal", "StandardOutput=append:/x", "StandardOutput=append:x", "StandardOutput=truncate:/x",
		"StandardInput=null", "SyslogLevel=err", "SyslogLevel=loud", "NotifyAccess=all", "NotifyAccess=some", "Delegate=yes", "DevicePolicy=closed", "DevicePolicy=shut", "OOMPolicy=kill", "OOMPolicy=die",
		"IOReadBandwidthMax=/dev/vda 10M", "IOReadBandwidthMax=10M", "IOReadBandwidthMax=/dev/vda 10MB", "Slice=apps.slice", "Slice=apps.service", "Sockets=a.socket", "Sockets=a b.socket",
		"ExecStartPre=/bin/true", "ExecStartPre=true", "ExecStartPre=bin/true", "ExecStartPre=/bin/sh -c 'x", "ExecStartPre=-+/bin/true", "ExecStartPre=@/bin/true",
		"CPUSchedulingPolicy=batch", "CPUSchedulingPolicy=fast", "CPUSchedulingPriority=100", "IOSchedulingClass=idle", "IOSchedulingClass=lazy", "IOSchedulingPriority=8", "SuccessExitStatus=3 SIGTERM", "TimeoutSec=5",
		"ProtectHostname=maybe", "RemainAfterExit=yes", "GuessMainPID=perhaps", "StartLimitBurst=3", "FileDescriptorStoreMax=5", "FileDescriptorStoreMax=-5", "LogLevelMax=info", "LogLevelMax=chatty",
	},
	"Unit": {
		"Description=100", "Documentation=man:x(1) https://example.com", "Documentation=nowhere", "After=a.service b.target", "After=a", "Wants=a b.service", "BindsTo=a.mount",
		"StartLimitIntervalSec=5min", "StartLimitIntervalSec=x", "StartLimitBurst=5", "StartLimitBurst=five", "StartLimitAction=reboot", "StartLimitAction=dance", "FailureAction=soft-reboot", "OnFailure=a.service",
		"CollectMode=inactive", "CollectMode=later", "DefaultDependencies=no", "DefaultDependencies=never", "JobTimeoutSec=5s", "JobTimeoutSec=x", "RefuseManualStart=yes", "OnSuccess=a.service", "Upholds=a.service",
		"ConditionPathExists=/x", "ConditionPathExists=x", "ConditionNonsense=/x", "AllowIsolate=yes",
	},
	"Socket": {
		"ListenStream=8080", "ListenStream=127.0.0.1:80", "ListenStream=[::1]:80", "ListenStream=localhost:80", "ListenStream=99999", "ListenStream=/run/a b.sock", "ListenStream=@abstract", "ListenStream=run/x",
		"ListenDatagram=53", "ListenFIFO=/run/f", "ListenFIFO=f", "SocketMode=0660", "SocketMode=999", "SocketUser=root", "Accept=yes", "Accept=perhaps", "Backlog=5", "Backlog=many", "MaxConnections=5", "MaxConnections=x",
		"BindIPv6Only=both", "BindIPv6Only=never", "FreeBind=yes", "NoDelay=y", "KeepAliveTimeSec=5min", "KeepAliveTimeSec=x", "ReceiveBuffer=1M", "ReceiveBuffer=1MB", "Priority=5", "Priority=x", "Service=a.service", "Service=a.socket",
		"FileDescriptorName=a", "FileDescriptorName=a:b", "Symlinks=/x", "Symlinks=x", "RemoveOnStop=yes", "BindToDevice=eth0", "TriggerLimitBurst=5", "TriggerLimitBurst=x", "IPTOS=low-delay", "IPTOS=x", "PollLimitBurst=5",
	},
	"Timer": {
		"OnCalendar=weekly", "OnCalendar=Mon..Fri 08:30", "OnCalendar=*-*-01,15 04:00", "OnCalendar=25:00", "OnCalendar=someday", "OnCalendar=*-13-01", "OnCalendar=2027-02-30", "OnCalendar=Mon *-*-* 00/6:00:00 UTC", "OnCalendar=*:0/15",
		"OnCalendar=*-*~03 00:00", "OnCalendar=@1700000000", "OnCalendar=monthly Europe/Berlin", "OnCalendar=Mon,Wed", "OnCalendar=12-24", "OnCalendar=*:*:00.5", "OnBootSec=5min", "OnBootSec=x", "OnUnitActiveSec=1h", "RandomizedDelaySec=10", "RandomizedDelaySec=-1",
		"AccuracySec=1us", "AccuracySec=x", "Persistent=true", "Persistent=mostly", "WakeSystem=no", "Unit=a.service", "Unit=a", "FixedRandomDelay=yes", "RemainAfterElapse=no", "OnClockChange=yes", "DeferReactivation=yes",
	},
	"Path":  {"PathExists=/y", "PathExists=y", "PathChanged=/a b", "DirectoryNotEmpty=/%n", "Unit=a.service", "Unit=a", "MakeDirectory=yes", "MakeDirectory=x", "DirectoryMode=0700", "DirectoryMode=x", "TriggerLimitIntervalSec=5s"},
	"Mount": {"Type=tmpfs", "Options=noexec,size=5M", "DirectoryMode=0700", "DirectoryMode=x", "TimeoutSec=5", "TimeoutSec=x", "LazyUnmount=yes", "LazyUnmount=x", "SloppyOptions=yes", "ForceUnmount=no", "ReadWriteOnly=yes"},
	"Slice": {"MemoryMax=1G", "MemoryMax=1GB", "CPUWeight=50", "CPUWeight=0", "TasksMax=5", "Nice=5", "ConcurrencyHardMax=5"},
}

// whole are units of which systemd refuses some as a whole.
var whole = []try{
	{line: "service", text: "[Service]\n"}, {line: "service", text: "[Unit]\nDescription=x\n"}, {line: "service", text: "[Service]\nExecStart=/bin/true\nExecStart=/bin/false\n"},
	{line: "service", text: "[Service]\nType=oneshot\nExecStart=/bin/true\nExecStart=/bin/false\n"}, {line: "service", text: "[Service]\nExecStart=/bin/true\nExecStart=\nExecStart=/bin/false\n"},
	{line: "service", text: "[Service]\nExecStop=/bin/true\n"}, {line: "service", text: "[Service]\nExecStop=/bin/true\nRemainAfterExit=yes\n"}, {line: "service", text: "[Service]\nType=simple\nExecStop=/bin/true\nRemainAfterExit=yes\n"},
	{line: "service", text: "[Unit]\nSuccessAction=reboot\n[Service]\n"}, {line: "service", text: "[Unit]\nSuccessAction=none\n[Service]\n"}, {line: "service", text: "[Service]\nType=dbus\nExecStart=/bin/true\n"},
	{line: "service", text: "[Service]\nType=oneshot\nExecStart=/bin/true\nRestart=always\n"}, {line: "service", text: "[Service]\nType=oneshot\nExecStart=/bin/true\nRestart=on-failure\n"},
	{line: "service", text: "[Service]\nType=oneshot\nExecStart=/bin/true\nRestart=on-success\n"},
	{line: "service", text: "[Service]\nType=oneshot\nExecStart=/bin/true\nRuntimeMaxSec=5min\n"}, {line: "service", text: "[Service]\nType=oneshot\nExecStart=/bin/true\nRuntimeMaxSec=infinity\n"},
	{line: "socket", text: "[Socket]\n"}, {line: "socket", text: "[Socket]\nListenStream=/run/x\nListenStream=\n"}, {line: "socket", text: "[Socket]\nListenFIFO=/run/wholex\n"},
	{line: "socket", text: "[Socket]\nListenStream=/run/x\nAccept=yes\nService=a.service\n"},
	{line: "timer", text: "[Timer]\nPersistent=yes\n"}, {line: "timer", text: "[Timer]\nOnBootSec=5\n"}, {line: "timer", text: "[Timer]\nOnClockChange=yes\n"},
	{line: "path", text: "[Path]\nMakeDirectory=yes\n"}, {line: "path", text: "[Path]\nDirectoryNotEmpty=/x\n"},
	{line: "mount", text: "[Mount]\nWhat=tmpfs\n"}, {line: "mount", text: "[Mount]\nWhere=/%s\n"}, {line: "mount", text: "[Mount]\nWhat=tmpfs\nWhere=/elsewhere\n"}, {line: "mount", text: "[Mount]\nWhat=tmpfs\nWhere=/%s\n"},
	{line: "slice", text: "[Slice]\n"}, {line: "target", text: "[Unit]\n"},
}

// wholes are those units with names.
func wholes() (list []try) {
	for i, w := range whole {
		base := fmt.Sprint("lintcasew", i)
		list = append(list, try{base + "." + w.line, w.text, strings.ReplaceAll(w.text, "%s", base)})
	}
	return list
}

type try struct{ name, line, text string }

// tryOf is a unit that is sound but for one line.
func tryOf(section, line string, n int) try {
	base := fmt.Sprint("lintcase", n)
	switch section {
	case "Socket":
		return try{base + ".socket", line, "[Socket]\nListenStream=/run/" + base + "\n" + line + "\n"}
	case "Timer":
		return try{base + ".timer", line, "[Timer]\nOnCalendar=daily\n" + line + "\n"}
	case "Path":
		return try{base + ".path", line, "[Path]\nPathExists=/x\n" + line + "\n"}
	case "Mount":
		return try{base + ".mount", line, "[Mount]\nWhat=tmpfs\nWhere=/" + base + "\n" + line + "\n"}
	case "Slice":
		return try{base + ".slice", line, "[Slice]\n" + line + "\n"}
	}
	return try{base + ".service", line, "[" + section + "]\n" + line + "\n[Service]\nExecStart=/bin/true\n"}
}

// silent are values that systemd drops without a word.
var silent = []string{"CapabilityBoundingSet=CAP_FLY"}

// judgement is what Lint has against an assignment itself.
func judgement(t *testing.T, c try, systemd int) string {
	t.Helper()
	f, err := unit.Parse(c.name, strings.NewReader(c.text))
	require.NoError(t, err)
	for _, x := range unit.Lint(f, unit.Target{Systemd: systemd}) {
		if slices.Contains([]string{"unknown-directive", "bad-value", "obsolete", "unloadable"}, x.Rule) {
			return x.String()
		}
	}
	return ""
}

// TestLintAgainstAnalyze: systemd-analyze verify and Lint think the same of each
// assignment.
func TestLintAgainstAnalyze(t *testing.T) {
	version := analyzer(t)
	dir := t.TempDir()
	args := []string{"verify", "--man=no", "--recursive-errors=no"}
	var tries []try
	for section, values := range judged {
		for _, line := range values {
			tries = append(tries, tryOf(section, line, len(tries)))
		}
	}
	tries = append(tries, wholes()...)
	for _, c := range tries {
		require.NoError(t, os.WriteFile(filepath.Join(dir, c.name), []byte(c.text), 0o644))
		args = append(args, filepath.Join(dir, c.name))
		base, _, _ := strings.Cut(c.name, ".")
		for _, started := range []string{base + ".service", base + "@.service"} { // what a socket or a timer is for
			if started != c.name {
				require.NoError(t, os.WriteFile(filepath.Join(dir, started), []byte("[Service]\nExecStart=/bin/true\n"), 0o644))
			}
		}
	}
	out, _ := exec.Command("systemd-analyze", args...).CombinedOutput() // it fails when it complains
	complaints := map[string]string{}
	about := regexp.MustCompile(`(lintcasew?[0-9]+\.[a-z]+)[: ](.*)`)
	for line := range strings.Lines(string(out)) {
		if m := about.FindStringSubmatch(line); m != nil && !strings.Contains(line, "not loaded") {
			complaints[m[1]] = strings.TrimSpace(m[2])
		}
	}
	require.Greater(t, len(complaints), len(tries)/5, "it complained of little: %.2000s", out)
	for _, c := range tries {
		theirs, mine := complaints[c.name], judgement(t, c, version)
		// Of a dependency on no unit's name verify tells only of one file at a time.
		quiet := slices.Contains(silent, c.line) || c.line == "After=a" || c.line == "Wants=a b.service"
		if (theirs == "") != (mine == "") && !quiet {
			t.Errorf("%s:\n\tsystemd: %s\n\tLint:    %s", c.line, or(theirs, "takes it"), or(mine, "takes it"))
		}
	}
	t.Logf("%d assignments, %d of them not taken", len(tries), len(complaints))
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return fmt.Sprintf("%.200s", s)
}
