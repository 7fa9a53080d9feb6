package unit

import (
	"path"
	"slices"
)

// checks are what the score is made of, with systemd's names and weights.
func (s *scorer) checks() []exposureCheck {
	yes := func(key string, weight int) exposureCheck {
		return exposureCheck{name: key + "=", weight: weight, badness: s.on(key), worst: 1}
	}
	boot := func(c exposureCheck) exposureCheck { c.bootPhase = true; return c }
	one := func(name string, weight int, bad bool) exposureCheck {
		return exposureCheck{name: name, weight: weight, badness: btoi(bad), worst: 1}
	}
	of := func(name string, weight, badness, worst int) exposureCheck {
		return exposureCheck{name: name, weight: weight, badness: badness, worst: worst}
	}
	return slices.Concat([]exposureCheck{
		of("User=/DynamicUser=", 2000, s.user(), 10),
		s.unprivileged("SupplementaryGroups=", 200, len(s.file.All("Service", "SupplementaryGroups")) > 0),
		yes("PrivateDevices", 1000), yes("PrivateMounts", 1000), yes("PrivateNetwork", 2500), boot(yes("PrivateTmp", 1000)), yes("PrivateUsers", 1000),
		yes("ProtectControlGroups", 1000), yes("ProtectKernelModules", 1000), yes("ProtectKernelTunables", 1000), yes("ProtectKernelLogs", 1000),
		yes("ProtectClock", 1000), boot(of("ProtectHome=", 1000, s.home(), 10)), yes("ProtectHostname", 50), boot(of("ProtectSystem=", 1000, s.system(), 10)),
		boot(one("RootDirectory=/RootImage=", 200, s.ownRoot())), yes("LockPersonality", 100), yes("MemoryDenyWriteExecute", 100), yes("NoNewPrivileges", 1000),
		of("UMask=", 100, s.umask(), 10), one("KeyringMode=", 1000, s.words["KeyringMode"] != "private"),
		of("ProtectProc=", 1000, map[string]int{"noaccess": 1, "invisible": 0, "ptraceable": 0, "default": 3}[s.words["ProtectProc"]], 3),
		one("ProcSubset=", 10, s.words["ProcSubset"] != "pid"), one("NotifyAccess=", 1000, s.words["NotifyAccess"] == "all"),
		s.unprivileged("RemoveIPC=", 100, !s.flags["RemoveIPC"]), one("Delegate=", 100, s.flags["Delegate"]),
		yes("RestrictRealtime", 500), yes("RestrictSUIDSGID", 1000), of("SystemCallArchitectures=", 1000, s.architectures(), 10),
		of("IPAddressDeny=", 1000, s.addresses(), 10), of("DeviceAllow=", 1000, s.devices(), 10),
		one("AmbientCapabilities=", 500, len(s.file.All("Service", "AmbientCapabilities")) > 0),
	}, s.capabilityChecks(), s.kernelChecks())
}

func (s *scorer) unprivileged(name string, weight int, bad bool) exposureCheck {
	if s.privileged() {
		return exposureCheck{name: name, weight: weight, badness: notApplicable, worst: 1}
	}
	return exposureCheck{name: name, weight: weight, badness: btoi(bad), worst: 1}
}

// ownRoot is true where there is none.
func (s *scorer) ownRoot() bool {
	return path.Clean("/"+s.words["RootDirectory"]) == "/" && path.Clean("/"+s.words["RootImage"]) == "/"
}

func (s *scorer) capabilityChecks() (list []exposureCheck) {
	for _, c := range []struct {
		name   string
		weight int
		caps   []string
	}{
		{"CAP_SYS_ADMIN", 1500, []string{"SYS_ADMIN"}},
		{"CAP_SET(UID|GID|PCAP)", 1500, []string{"SETUID", "SETGID", "SETPCAP"}},
		{"CAP_SYS_PTRACE", 1500, []string{"SYS_PTRACE"}},
		{"CAP_SYS_TIME", 1000, []string{"SYS_TIME"}},
		{"CAP_NET_ADMIN", 1000, []string{"NET_ADMIN"}},
		{"CAP_SYS_RAWIO", 1000, []string{"SYS_RAWIO"}},
		{"CAP_SYS_MODULE", 1000, []string{"SYS_MODULE"}},
		{"CAP_AUDIT_*", 500, []string{"AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE"}},
		{"CAP_SYSLOG", 500, []string{"SYSLOG"}},
		{"CAP_SYS_(NICE|RESOURCE)", 500, []string{"SYS_NICE", "SYS_RESOURCE"}},
		{"CAP_MKNOD", 500, []string{"MKNOD"}},
		{"CAP_(CHOWN|FSETID|SETFCAP)", 1000, []string{"CHOWN", "FSETID", "SETFCAP"}},
		{"CAP_(DAC_*|FOWNER|IPC_OWNER)", 1000, []string{"DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "IPC_OWNER"}},
		{"CAP_KILL", 500, []string{"KILL"}},
		{"CAP_NET_(BIND_SERVICE|BROADCAST|RAW)", 500, []string{"NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW"}},
		{"CAP_SYS_BOOT", 100, []string{"SYS_BOOT"}},
		{"CAP_MAC_*", 100, []string{"MAC_ADMIN", "MAC_OVERRIDE"}},
		{"CAP_LINUX_IMMUTABLE", 75, []string{"LINUX_IMMUTABLE"}},
		{"CAP_IPC_LOCK", 50, []string{"IPC_LOCK"}},
		{"CAP_SYS_CHROOT", 50, []string{"SYS_CHROOT"}},
		{"CAP_BLOCK_SUSPEND", 25, []string{"BLOCK_SUSPEND"}},
		{"CAP_WAKE_ALARM", 25, []string{"WAKE_ALARM"}},
		{"CAP_LEASE", 25, []string{"LEASE"}},
		{"CAP_SYS_TTY_CONFIG", 25, []string{"SYS_TTY_CONFIG"}},
		{"CAP_SYS_PACCT", 25, []string{"SYS_PACCT"}},
		{"CAP_BPF", 25, []string{"BPF"}},
	} {
		list = append(list, exposureCheck{name: "CapabilityBoundingSet=~" + c.name, weight: c.weight, badness: s.caps(c.caps...), worst: 1})
	}
	return list
}

func (s *scorer) kernelChecks() (list []exposureCheck) {
	type weighed struct {
		name   string
		weight int
	}
	namespaces := s.namespaces()
	for _, n := range []weighed{{"user", 1500}, {"mnt", 500}, {"ipc", 500}, {"pid", 500}, {"cgroup", 500}, {"net", 500}, {"uts", 100}} {
		list = append(list, exposureCheck{name: "RestrictNamespaces=~" + n.name, weight: n.weight, badness: btoi(namespaces[n.name]), worst: 1})
	}
	open := s.families()
	for _, n := range []weighed{{"inet", 1500}, {"AF_UNIX", 25}, {"AF_NETLINK", 200}, {"AF_PACKET", 1000}, {"other", 1250}} {
		name := map[string]string{"inet": "AF_(INET|INET6)", "other": "…"}[n.name]
		if name == "" {
			name = n.name
		}
		list = append(list, exposureCheck{name: "RestrictAddressFamilies=~" + name, weight: n.weight, badness: btoi(open[n.name]), worst: 1})
	}
	for _, n := range []weighed{{"swap", 1000}, {"obsolete", 250}, {"clock", 1000}, {"cpu-emulation", 250}, {"debug", 1000}, {"mount", 1000}, {"module", 1000}, {"raw-io", 1000}, {"reboot", 1000}, {"privileged", 700}, {"resources", 700}} {
		list = append(list, exposureCheck{name: "SystemCallFilter=~@" + n.name, weight: n.weight, badness: s.lets("@" + n.name), worst: 10})
	}
	return list
}
