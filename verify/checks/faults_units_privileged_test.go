//go:build privileged

package checks_test

import (
	"os"
	"path"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
)

// unitFileFaults are edits of the units' own files, read by systemd or not.
func unitFileFaults() (all []fault) {
	for _, u := range []string{service, socket, slice} {
		content := "path" + unitDir + u + "/content"
		all = append(all,
			fault{"edited and not reloaded: " + u, func(s *sabotage) { s.edit(unitDir+u, appended("# more\n")) },
				map[string]string{content: "the content is another", "unit/" + u + "/loaded": "changed on disk since"}, nil},
			fault{"masked: " + u, func(s *sabotage) {
				s.forget(func() { s.hide(unitDir + u); s.sh("ln -s /dev/null " + unitDir + u) })
			}, map[string]string{content: "another kind of file", "unit/" + u + "/loaded": "found masked"}, []string{"path" + unitDir + u, "unit/" + u}},
			gone(u, content))
	}
	for line, finds := range map[string]map[string]string{
		"MemoryMax=300M":            {ofService + "limits agree": "MemoryMax: wanted"},
		"MemoryHigh=100M":           {ofService + "limits agree": "MemoryHigh: wanted"},
		"MemorySwapMax=1M":          {ofService + "limits agree": "MemorySwapMax: wanted"},
		"CPUQuota=80%":              {ofService + "limits agree": "CPUMax: wanted 50%, systemd has 80%"},
		"TasksMax=65":               {ofService + "limits agree": "TasksMax: wanted 64, systemd has 65"},
		"IOWeight=60":               {ofService + "limits agree": "IOWeight: wanted 50, systemd has 60"},
		"User=daemon":               {ofService + "property/User": "found daemon"},
		"Restart=no":                {},
		"KillMode=process":          {},
		"NoNewPrivileges=no":        {},
		"ProtectSystem=no":          {},
		"ExecStartPre=/bin/true":    {},
		"Environment=GOMEMLIMIT=1G": {},
		"MemoryMax=512MB":           {"path" + unitDir + service + "/lint": "MemoryMax"},
		"CPUQuota=75":               {"path" + unitDir + service + "/lint": "CPUQuota"},
		"Restart=on-failures":       {"path" + unitDir + service + "/lint": "Restart"},
		"MemoryMaximum=1G":          {"path" + unitDir + service + "/lint": "MemoryMaximum"},
		"TasksMax=lots":             {"path" + unitDir + service + "/lint": "TasksMax", ofService + "in force": "TasksMax=lots, systemd has 64"},
		"this is no assignment":     {"path" + unitDir + service + "/lint": "can't be read"},
	} {
		finds["path"+unitDir+service+"/content"] = "the content is another"
		all = append(all, fault{"unit file says " + line, func(s *sabotage) {
			s.reload(func() { s.edit(unitDir+service, appended("\n[Service]\n"+line+"\n")) })
		}, finds, []string{ofService, "limit/", "path" + unitDir + service + "/lint"}})
	}
	return all
}

// gone takes a unit's file away. systemd makes up a slice that has none.
func gone(u, content string) fault {
	finds := map[string]string{content: "absent", "unit/" + u + "/loaded": "found not-found"}
	if u == slice {
		finds = map[string]string{content: "absent", "unit/" + u + "/from": "wanted " + unitDir + u}
	}
	return fault{"file gone: " + u, func(s *sabotage) { s.forget(func() { s.hide(unitDir + u) }) }, finds, []string{"path" + unitDir + u, "unit/" + u, ofService}}
}

// dropInFaults are files that somebody puts beside the units'.
func dropInFaults() (all []fault) {
	lines := []string{"MemoryMax=1G", "CPUQuota=100%", "TasksMax=infinity", "User=root", "Environment=A=b", "Restart=no", "NoNewPrivileges=no", "MemoryMax=512MB"}
	for _, dir := range []string{unitDir + "hello.service.d", "/run/systemd/system/hello.service.d", "/usr/lib/systemd/system/hello.service.d", unitDir + "service.d"} {
		for _, line := range lines {
			// On releases that keep /lib apart, a link or not, systemd says /lib.
			finds := map[string]string{ofService + "from": strings.TrimPrefix(dir, "/usr") + "/60-foreign.conf"}
			switch line {
			case "MemoryMax=512MB":
				finds[ofService+"in force"] = "MemoryMax=512MB, systemd has 268435456"
			case "MemoryMax=1G", "CPUQuota=100%", "TasksMax=infinity":
				finds[ofService+"limits agree"] = "wanted"
			case "User=root":
				finds[ofService+"property/User"] = "found root"
			}
			all = append(all, fault{"drop-in in " + dir + ": " + line, func(s *sabotage) { s.reload(func() { s.dropIn(dir, "Service", line) }) }, finds, []string{ofService, "limit/"}})
		}
	}
	all = append(all,
		fault{"drop-in of the socket", func(s *sabotage) { s.reload(func() { s.dropIn(unitDir+"hello.socket.d", "Socket", "Backlog=7") }) },
			map[string]string{ofSocket + "from": "foreign drop-in"}, nil},
		fault{"drop-in of the socket: a backlog that the kernel cuts", func(s *sabotage) {
			s.reload(func() { s.dropIn(unitDir+"hello.socket.d", "Socket", "Backlog=100000") })
		},
			map[string]string{ofSocket + "from": "foreign drop-in", ofSocket + "backlog": "somaxconn=4096 cuts it"}, nil},
		fault{"drop-in of the slice: memory", func(s *sabotage) { s.reload(func() { s.dropIn(unitDir+"hello.slice.d", "Slice", "MemoryMax=1G") }) },
			map[string]string{"unit/hello.slice/from": "foreign drop-in"}, []string{"unit/hello.slice"}},
		fault{"drop-in of the slice: tasks", func(s *sabotage) {
			s.reload(func() { s.dropIn("/run/systemd/system/hello.slice.d", "Slice", "TasksMax=200") })
		},
			map[string]string{"unit/hello.slice/from": "foreign drop-in /run/systemd/system/hello.slice.d"}, []string{"unit/hello.slice"}},
		fault{"drop-in not reloaded", func(s *sabotage) { s.dropIn(unitDir+"hello.service.d", "Service", "MemoryMax=1G") },
			map[string]string{ofService + "loaded": "changed on disk since"}, nil},
		fault{"drop-in in /run not reloaded", func(s *sabotage) { s.dropIn("/run/systemd/system/hello.service.d", "Service", "MemoryMax=1G") },
			map[string]string{ofService + "loaded": "changed on disk since"}, nil},
		fault{"a sandbox taken away", func(s *sabotage) {
			s.reload(func() {
				s.dropIn(unitDir+"hello.service.d", "Service", "ProtectSystem=no\nProtectHome=no\nPrivateTmp=no\nPrivateDevices=no\nSystemCallFilter=\nCapabilityBoundingSet=~")
			})
		}, map[string]string{ofService + "exposure": "leaves more open", ofService + "from": "foreign drop-in"}, []string{ofService}})
	return all
}

// limitFaults are limits that not all three agree about.
func limitFaults(t testing.TB) (all []fault) {
	const group = "/hello.slice/hello.service"
	dev, err := os.ReadFile("/sys/class/block/" + path.Base(testenv.Scratch(t)) + "/dev")
	if err != nil {
		t.Fatal(err)
	}
	disk := strings.TrimSpace(string(dev))
	for _, k := range []struct{ file, value, good, says string }{
		{"memory.max", "209715200", "268435456", "MemoryMax: wanted"}, {"memory.max", "max", "268435456", "MemoryMax: wanted"}, {"memory.max", "268431360", "268435456", "MemoryMax: wanted"},
		{"memory.high", "104857600", "234881024", "MemoryHigh: wanted"}, {"memory.high", "max", "234881024", "the kernel has infinity"},
		{"memory.swap.max", "max", "0", "MemorySwapMax: wanted"}, {"memory.swap.max", "1048576", "0", "MemorySwapMax: wanted"},
		{"cpu.max", "60000 100000", "50000 100000", "systemd has 50%, the kernel has 60%"}, {"cpu.max", "max 100000", "50000 100000", "the kernel has infinity"},
		{"cpu.max", "50000 50000", "50000 100000", "the kernel has 100%"},
		{"pids.max", "63", "64", "systemd has 64, the kernel has 63"}, {"pids.max", "max", "64", "the kernel has infinity"},
		{"io.max", disk + " rbps=10485760", disk + " rbps=20971520", "io.max rbps=20971520"}, {"io.max", disk + " wbps=max", disk + " wbps=20971520", "the kernel has max"},
		{"io.weight", "default 60", "default 50", "IOWeight: wanted 50, systemd has 50, the kernel has 60"},
	} {
		all = append(all, fault{"kernel only: " + k.file + " " + k.value, func(s *sabotage) { s.kernel(group, k.file, k.value, k.good) },
			map[string]string{ofService + "limits agree": k.says}, []string{ofService + "limits bind", ofService + "go limits", "limit/"}})
	}
	for _, p := range []struct{ property, file, good, says string }{
		{"MemoryMax=300M", "memory.max", "268435456", "MemoryMax: wanted"}, {"MemoryHigh=300M", "memory.high", "234881024", "MemoryHigh: wanted"},
		{"MemorySwapMax=1M", "memory.swap.max", "0", "MemorySwapMax: wanted"}, {"CPUQuota=70%", "cpu.max", "50000 100000", "systemd has 70%, the kernel has 50%"},
		{"TasksMax=66", "pids.max", "64", "systemd has 66, the kernel has 64"},
	} {
		for _, how := range []struct{ flag, dir string }{{"--runtime ", "/run"}, {"", "/etc"}} {
			all = append(all, fault{"systemd only: set-property " + how.flag + p.property, func(s *sabotage) {
				s.reload(func() {
					s.later(func() { sh(s, "rm -rf "+how.dir+"/systemd/system.control/hello.service.d") })
					s.sh("systemctl set-property " + how.flag + "hello.service " + p.property)
				})
				writeKernel(s, group, p.file, p.good)
			}, map[string]string{ofService + "limits agree": p.says, ofService + "from": "foreign drop-in " + how.dir + "/systemd/system.control"}, []string{ofService + "limits bind", "limit/"}})
		}
	}
	for _, k := range []struct{ file, value, good, says string }{
		{"memory.max", "104857600", "536870912", "MemoryMax: wanted"}, {"cpu.max", "20000 100000", "max 100000", "CPUMax: wanted 50%, in force is 20%"}, {"pids.max", "32", "256", "TasksMax: wanted 64, in force is 32"},
	} {
		all = append(all, fault{"the slice is tighter: " + k.file, func(s *sabotage) { s.kernel("/hello.slice", k.file, k.value, k.good) },
			map[string]string{ofService + "limits bind": k.says}, []string{ofService + "go limits", "unit/hello.slice"}})
	}
	return all
}
