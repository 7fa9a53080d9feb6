package unit

import (
	"fmt"
	"strings"
)

// vocabulary is what a directive takes that knows certain words only.
type vocabulary struct {
	words   string // space separated
	boolean bool   // yes and no besides
	newer   map[string]int
}

// vocabularies by directive (systemd.service(5), systemd.exec(5), systemd.kill(5),
// systemd.unit(5), systemd.resource-control(5)). Type= is of [Service] only.
var vocabularies = map[string]vocabulary{
	"Type":                        {words: "simple exec forking oneshot dbus notify notify-reload idle", newer: map[string]int{"notify-reload": 253}},
	"Restart":                     {words: "no always on-success on-failure on-abnormal on-watchdog on-abort"},
	"RestartMode":                 {words: "normal direct debug", newer: map[string]int{"debug": 257}},
	"ExitType":                    {words: "main cgroup"},
	"KillMode":                    {words: "control-group mixed process none"},
	"NotifyAccess":                {words: "none main exec all"},
	"OOMPolicy":                   {words: "continue stop kill"},
	"TimeoutStartFailureMode":     {words: "terminate abort kill"},
	"TimeoutStopFailureMode":      {words: "terminate abort kill"},
	"ProtectSystem":               {words: "full strict", boolean: true},
	"ProtectHome":                 {words: "read-only tmpfs", boolean: true},
	"ProtectProc":                 {words: "noaccess invisible ptraceable default"},
	"ProcSubset":                  {words: "all pid"},
	"ProtectControlGroups":        {words: "private strict", boolean: true, newer: map[string]int{"private": 257, "strict": 257}},
	"PrivateTmp":                  {words: "connected disconnected", boolean: true, newer: map[string]int{"connected": 257, "disconnected": 257}},
	"PrivateUsers":                {words: "self identity", boolean: true, newer: map[string]int{"self": 257, "identity": 257}},
	"PrivateMounts":               {boolean: true},
	"PrivatePIDs":                 {boolean: true},
	"MountAPIVFS":                 {boolean: true},
	"BindLogSockets":              {boolean: true},
	"MemoryKSM":                   {boolean: true},
	"SetLoginEnvironment":         {boolean: true},
	"FileDescriptorStorePreserve": {words: "restart", boolean: true},
	"KeyringMode":                 {words: "inherit private shared"},
	"RuntimeDirectoryPreserve":    {words: "restart", boolean: true},
	"DevicePolicy":                {words: "auto closed strict"},
	"StandardInput":               {words: "null tty tty-force tty-fail data socket"},
	"CollectMode":                 {words: "inactive inactive-or-failed"},
	"MemoryPressureWatch":         {words: "auto skip", boolean: true},
	"ManagedOOMSwap":              {words: "auto kill"},
	"ManagedOOMMemoryPressure":    {words: "auto kill"},
	"ManagedOOMPreference":        {words: "none avoid omit"},
	"IOSchedulingClass":           {words: "none realtime best-effort idle 0 1 2 3"},
	"CPUSchedulingPolicy":         {words: "other batch idle fifo rr ext 0 1 2 3 5 7"},
	"BindIPv6Only":                {words: "default both ipv6-only", boolean: true},
	"NUMAPolicy":                  {words: "default preferred bind interleave local preferred-many weighted-interleave", newer: map[string]int{"weighted-interleave": 258, "preferred-many": 258}},
	"UtmpMode":                    {words: "init login user"},
	"SocketProtocol":              {words: "udplite sctp mptcp", newer: map[string]int{"mptcp": 255}},
	"Timestamping":                {words: "us usec ns nsec \u00b5s", boolean: true},
	"SyslogLevel":                 {words: levels},
	"LogLevelMax":                 {words: levels},
	"FailureAction":               {words: actions, newer: laterActions},
	"SuccessAction":               {words: actions, newer: laterActions},
	"StartLimitAction":            {words: actions, newer: laterActions},
	"JobTimeoutAction":            {words: actions, newer: laterActions},
	"OnFailureJobMode":            {words: jobModes},
	"OnSuccessJobMode":            {words: jobModes},
}

const (
	levels   = "emerg alert crit err warning notice info debug 0 1 2 3 4 5 6 7"
	jobModes = "fail replace replace-irreversibly isolate flush ignore-dependencies ignore-requirements triggering restart-dependencies"
	actions  = "none reboot reboot-force reboot-immediate poweroff poweroff-force poweroff-immediate exit exit-force " +
		"soft-reboot soft-reboot-force kexec kexec-force halt halt-force halt-immediate"
)

var laterActions = map[string]int{"soft-reboot": 254, "soft-reboot-force": 254, "kexec": 254, "kexec-force": 254, "halt": 254, "halt-force": 254, "halt-immediate": 254}

func (l *linter) words(e Entry) (vocabulary, bool) {
	v, ok := vocabularies[e.Key]
	switch {
	case e.Key == "Type" && e.Section != "Service":
		return v, false
	case e.Key == "StandardInput" && (strings.HasPrefix(e.Value, "fd:") || strings.HasPrefix(e.Value, "file:/")):
		return v, false
	case e.Key == "CPUSchedulingPolicy" && between(0, 1<<31-1)(nil, "", e.Value) == "", e.Key == "IOSchedulingClass" && between(0, 7)(nil, "", e.Value) == "":
		return v, false // the kernel's own numbers
	}
	return v, ok
}

func (v vocabulary) problem(l *linter, e Entry) (what, fix string) {
	if v.boolean {
		if _, ok := boolean(e.Value); ok {
			return "", ""
		}
	}
	for w := range strings.FieldsSeq(v.words) {
		if w != e.Value {
			continue
		}
		if since := v.newer[w]; l.version < since {
			return fmt.Sprintf("%ssystemd %d does not know the value, it came with %d", ignored, l.version, since), "use an older value"
		}
		return "", ""
	}
	all := strings.ReplaceAll(v.words, " ", ", ")
	if v.boolean {
		all = strings.TrimSuffix("yes, no, "+all, ", ")
	}
	return ignored + "there is no such value", "it is one of " + all
}

// families of sockets that Linux has (socket(2)), without AF_.
var families = strings.Fields(`UNIX LOCAL INET AX25 IPX APPLETALK NETROM BRIDGE ATMPVC X25 INET6 ROSE DECnet NETBEUI SECURITY KEY NETLINK ROUTE PACKET ASH
	ECONET ATMSVC RDS SNA IRDA PPPOX WANPIPE LLC IB MPLS CAN TIPC BLUETOOTH IUCV RXRPC ISDN PHONET IEEE802154 CAIF ALG NFC VSOCK KCM QIPCRTR SMC XDP MCTP`)

// capabilities that Linux has (capabilities(7)), without CAP_.
var capabilities = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
	NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT
	SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
	MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)
