//go:build privileged

package checks_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bedplate/bedplate/internal/posixacl"
	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
)

// fault is something wrong with the machine, and what has to say so.
type fault struct {
	name string
	seed func(s *sabotage)
	// finds are the checks that must not hold, with words of what they say.
	finds map[string]string
	// also are checks, or groups of them, that may see the same fault.
	also []string
}

const (
	ofService = "unit/" + service + "/"
	ofSocket  = "unit/" + socket + "/"
	unitDir   = "/etc/systemd/system/"
)

// faults is the table: each line of the families below with each of its targets.
func faults(t testing.TB) (all []fault) {
	for _, family := range [][]fault{pathFaults(), unitFileFaults(), dropInFaults(), limitFaults(t), stateFaults(), binaryFaults(t), goFaults(), strayFaults(), accountFaults(), liveFaults(), kernelFaults()} {
		all = append(all, family...)
	}
	return all
}

func pathFaults() (all []fault) {
	add := func(name string, finds map[string]string, seed func(*sabotage), also ...string) {
		all = append(all, fault{name, seed, finds, also})
	}
	for _, e := range entries {
		at := "path" + e.path + "/"
		add("open to all: "+e.path, map[string]string{at + "mode": "its permissions were changed"}, func(s *sabotage) { s.chmod(e.path, e.mode|0o002) })
		add("closed: "+e.path, map[string]string{at + "mode": "its permissions were changed"}, func(s *sabotage) { s.chmod(e.path, e.mode&^0o055) }, "binary"+e.path)
		add("another owner: "+e.path, map[string]string{at + "owned by": "found daemon:"}, func(s *sabotage) { s.chown(e.path, 1, -1) })
		add("another group: "+e.path, map[string]string{at + "owned by": ":daemon"}, func(s *sabotage) { s.chown(e.path, -1, 1) })
	}
	for _, p := range []string{"/var/lib/hello", "/var/cache/hello", "/var/log/hello", config} {
		add("gone: "+p, map[string]string{"path" + p + "/mode": "found absent"}, func(s *sabotage) { s.hide(p) }, "path"+p)
	}
	for _, p := range []string{"/opt/hello/current", "/opt/hello/logs"} {
		add("leads elsewhere: "+p, map[string]string{"path" + p + "/link": "it leads elsewhere"}, func(s *sabotage) {
			s.keep(p)
			s.sh("ln -sfn /tmp " + p)
		})
		add("a directory in place of a link: "+p, map[string]string{"path" + p + "/link": "it is no link"}, func(s *sabotage) {
			s.hide(p)
			s.sh("mkdir " + p)
		})
	}
	for name, change := range map[string]func([]byte) []byte{"one flipped byte": flip, "a line more": appended("\n"), "nothing": func([]byte) []byte { return nil }} {
		add("configuration: "+name, map[string]string{"path" + config + "/content": "the content is another"}, func(s *sabotage) { s.edit(config, change) })
	}
	return all
}

// unitFileFaults are edits of the units' own files, read by systemd or not.
func unitFileFaults() (all []fault) {
	for _, u := range []string{service, socket, slice} {
		content := "path" + unitDir + u + "/content"
		all = append(all,
			fault{"edited and not reloaded: " + u, func(s *sabotage) { s.edit(unitDir+u, appended("# more\n")) },
				map[string]string{content: "the content is another", "unit/" + u + "/loaded": "changed on disk since"}, nil},
			fault{"masked: " + u, func(s *sabotage) {
				s.reload(func() { s.hide(unitDir + u); s.sh("ln -s /dev/null " + unitDir + u) })
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
	return fault{"file gone: " + u, func(s *sabotage) { s.reload(func() { s.hide(unitDir + u) }) }, finds, []string{"path" + unitDir + u, "unit/" + u, ofService}}
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

// stateFaults are units that are not in the state that they should be in.
func stateFaults() (all []fault) {
	add := func(name string, seed func(*sabotage), finds map[string]string, also ...string) {
		all = append(all, fault{name, seed, finds, also})
	}
	again := func(s *sabotage) { s.later(func() { s.systemd.revive(s) }) }
	add("service stopped", func(s *sabotage) { again(s); s.sh("systemctl stop hello.service") }, map[string]string{ofService + "active": "inactive (dead)"})
	add("socket stopped", func(s *sabotage) { again(s); s.sh("systemctl stop hello.socket") },
		map[string]string{ofSocket + "active": "inactive (dead)", ofService + "active": "inactive (dead)"})
	add("main process killed", func(s *sabotage) {
		again(s)
		s.sh("systemctl kill -s KILL hello.service")
		s.systemd.restarted(s, service)
	}, map[string]string{ofService + "active": "1 restarts"})
	add("it could not start", func(s *sabotage) {
		again(s)
		s.reload(func() { s.dropIn(unitDir+"hello.service.d", "Service", "ExecStartPre=/bin/false\nRestart=no") })
		s.sh("systemctl reset-failed; systemctl restart hello.service || true")
	}, map[string]string{ofService + "active": "exit-code", ofService + "from": "foreign drop-in", "systemd/running": "failed units: hello.service"}, ofService, ofSocket)
	for _, u := range []string{service, socket} {
		add("disabled: "+u, func(s *sabotage) {
			s.reload(func() {
				s.later(func() { sh(s, "systemctl enable -q --no-reload "+u) })
				s.sh("systemctl disable -q --no-reload " + u)
			})
		}, map[string]string{"unit/" + u + "/enabled": "nothing starts it at boot"})
		add("enabled until the next boot: "+u, func(s *sabotage) {
			s.reload(func() {
				s.later(func() {
					sh(s, "systemctl disable -q --no-reload --runtime "+u+"; systemctl enable -q --no-reload "+u)
				})
				s.sh("systemctl disable -q --no-reload " + u + "; systemctl enable -q --no-reload --runtime " + u)
			})
		}, map[string]string{"unit/" + u + "/enabled": "until the next boot only"})
	}
	add("no program", func(s *sabotage) {
		s.reload(func() {
			s.edit(unitDir+service, func([]byte) []byte { return []byte("[Unit]\nDescription=Nothing\n") })
		})
	}, map[string]string{ofService + "loaded": "found bad-setting"}, "path"+unitDir+service)
	for _, name := range []string{"broken.service", "broken2.service"} {
		add("another unit failed: "+name, func(s *sabotage) {
			s.later(func() { sh(s, "systemctl reset-failed "+name) })
			s.sh("! systemd-run -q --unit=" + name + " -p Type=oneshot /bin/false")
		}, map[string]string{"systemd/running": "failed units: " + name})
	}
	add("it does not say when it is ready", func(s *sabotage) {
		s.restart(func() {
			s.reload(func() { s.dropIn(unitDir+"hello.service.d", "Service", "Type=exec\nWatchdogSec=0") })
		})
	}, map[string]string{ofService + "ready": "Type=exec", ofService + "from": "foreign drop-in"}, ofService)
	add("out of its cgroup", func(s *sabotage) {
		again(s)
		s.sh("echo $(systemctl show -P MainPID hello.service) > /sys/fs/cgroup/init.scope/cgroup.procs")
	}, map[string]string{ofService + "listening": "nobody listens at tcp 127.0.0.1:8080"}, ofService, "limit/", "http/", "tcp/", "metric/", "heap/")
	return all
}

func binaryFaults(t testing.TB) (all []fault) {
	other, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	provision := testenv.Payload(t, "bin/provision")
	for _, b := range []struct {
		name   string
		change func([]byte) []byte
		finds  map[string]string
	}{
		{"one flipped byte", flip, nil},
		{"half of it", func(b []byte) []byte { return b[:len(b)/2] }, map[string]string{"binary" + binary + "/starts": ""}},
		{"a byte more", appended("x"), nil},
		{"nothing", func([]byte) []byte { return nil }, map[string]string{"binary" + binary + "/static": "an ELF file"}},
		{"a script", func([]byte) []byte { return []byte("#!/bin/sh\nexec /bin/true\n") }, map[string]string{"binary" + binary + "/static": "an ELF file", "binary" + binary + "/go": "a Go program"}},
		{"a C program", func([]byte) []byte { return other }, map[string]string{"binary" + binary + "/static": "it needs them of its host", "binary" + binary + "/go": "a Go program"}},
		{"another Go program", func([]byte) []byte {
			b, err := os.ReadFile(provision)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}, nil},
	} {
		finds := map[string]string{"path" + binary + "/content": "the content is another"}
		for k, v := range b.finds {
			finds[k] = v
		}
		all = append(all, fault{"binary: " + b.name, func(s *sabotage) { s.edit(binary, b.change) }, finds, []string{"binary/"}})
	}
	return append(all, fault{"binary: nobody may run it", func(s *sabotage) { s.chmod(binary, 0o644) },
		map[string]string{"path" + binary + "/mode": "permissions", "binary" + binary + "/starts": "nobody may execute it"}, nil})
}

func goFaults() (all []fault) {
	add := func(name string, seed func(*sabotage), finds map[string]string, also ...string) {
		all = append(all, fault{"go: " + name, seed, finds, append(also, "go/tree")})
	}
	at := func(name string) string { return filepath.Join(goroot, name) }
	for _, file := range []string{"src/fmt/print.go", "src/crypto/sha256/sha256.go", "bin/gofmt"} {
		add("one flipped byte in "+file, func(s *sabotage) { s.edit(at(file), flip) }, map[string]string{"go/tree": file + " changed"})
	}
	add("a file less", func(s *sabotage) { s.hide(at("src/net/http/server.go")) }, map[string]string{"go/tree": "src/net/http/server.go missing"})
	add("a file more", func(s *sabotage) { s.replace(at("src/fmt/evil.go"), []byte("package fmt\n"), 0o644) }, map[string]string{"go/tree": "src/fmt/evil.go extra"})
	add("another version in VERSION", func(s *sabotage) { s.replace(at("VERSION"), []byte("go1.20.1\n"), 0o644) },
		map[string]string{"go/version": "found go1.20.1", "go/release": "found go1.20.1", "go/parts": "was built as"})
	add("no VERSION", func(s *sabotage) { s.hide(at("VERSION")) }, map[string]string{"go/version": "has no VERSION file"}, "go/")
	tools := "pkg/tool/linux_amd64/"
	add("a compiler that is a script", func(s *sabotage) { s.replace(at(tools+"compile"), []byte("#!/bin/sh\nexit 1\n"), 0o755) },
		map[string]string{"go/parts": "compile is no Go program", "go/compiles": "exit status 1"})
	add("no linker", func(s *sabotage) { s.hide(at(tools + "link")) }, map[string]string{"go/parts": "link is missing"})
	add("a go command that can't be run", func(s *sabotage) { s.chmod(at("bin/go"), 0o644) }, map[string]string{"go/parts": "bin/go can't be executed", "go/path": "no go command is in PATH"})
	add("half of a compiler", func(s *sabotage) { s.edit(at(tools+"compile"), func(b []byte) []byte { return b[:len(b)/2] }) }, map[string]string{"go/compiles": ""}, "go/")
	add("current leads nowhere", func(s *sabotage) { s.keep(goroot); s.sh("ln -sfn 1.2.3 " + goroot) }, map[string]string{"go/version": "has no VERSION file"}, "go/")
	for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin"} {
		add("another go in "+dir, func(s *sabotage) { s.replace(dir+"/go", []byte("#!/bin/sh\n"), 0o755) }, map[string]string{"go/path": dir + "/go comes first"})
	}
	return all
}

func strayFaults() (all []fault) {
	for _, file := range []string{"/etc/environment", "/etc/profile.d/golang.sh", "/etc/profile", "/etc/bash.bashrc", "/root/.profile", "/root/.config/go/env", "/etc/environment.d/go.conf", goroot + "/go.env"} {
		for _, line := range []string{"GOROOT=/usr/lib/go-1.19", "GOFLAGS=-mod=mod", "GOTOOLCHAIN=go1.20.1"} {
			all = append(all, fault{"stray: " + line + " in " + file, func(s *sabotage) {
				text, _ := os.ReadFile(file)
				for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
					if _, err := os.Stat(dir); err == nil {
						break
					}
					s.later(func() { _ = os.Remove(dir) })
				}
				s.replace(file, append(text, "\nexport "+line+"\n"...), 0o644)
			}, map[string]string{"go/stray": file + " sets " + line}, []string{"go/tree"}})
		}
	}
	return append(all, fault{"stray: the manager's environment", func(s *sabotage) {
		s.replace("/etc/systemd/system.conf.d/go.conf", []byte("[Manager]\nDefaultEnvironment=GOROOT=/usr/lib/go-1.19\n"), 0o644)
	}, map[string]string{"go/stray": "/etc/systemd/system.conf.d/go.conf sets GOROOT"}, nil},
		fault{"stray: a script that should not be", func(s *sabotage) { s.replace("/etc/profile.d/go.sh", []byte("# go\n"), 0o644) },
			map[string]string{"path/etc/profile.d/go.sh/absent": "somebody made it"}, nil})
}

func accountFaults() (all []fault) {
	line := func(file string, change func(fields []string) []string) func(*sabotage) {
		return func(s *sabotage) {
			s.edit(file, func(b []byte) []byte {
				var out []string
				for l := range strings.Lines(string(b)) {
					if f := strings.Split(strings.TrimSuffix(l, "\n"), ":"); f[0] == "hello" {
						if f = change(f); f == nil {
							continue
						}
						l = strings.Join(f, ":") + "\n"
					}
					out = append(out, l)
				}
				return []byte(strings.Join(out, ""))
			})
		}
	}
	set := func(i int, value string) func([]string) []string {
		return func(f []string) []string { f[i] = value; return f }
	}
	gone := func([]string) []string { return nil }
	const user, group, password = "account/user/hello", "account/group/hello", "account/password/hello"
	for _, a := range []struct {
		name  string
		seed  func(*sabotage)
		finds map[string]string
		also  []string
	}{
		{"a shell", line("/etc/passwd", set(6, "/bin/sh")), map[string]string{user: "shell /bin/sh lets somebody log in"}, nil},
		{"another home", line("/etc/passwd", set(5, "/srv")), map[string]string{user: "home is /srv"}, nil},
		{"another primary group", line("/etc/passwd", set(3, "1")), map[string]string{user: "primary group is daemon"}, nil},
		{"root's id", line("/etc/passwd", set(2, "0")), map[string]string{user: "it is root"}, []string{"path/"}},
		{"an id twice", func(s *sabotage) {
			uid := sh(s, "id -u hello")
			s.edit("/etc/passwd", appended("twin:x:"+uid+":1::/:/bin/false\n"))
		}, map[string]string{user: "twin has the same uid"}, nil},
		{"no user", line("/etc/passwd", gone), map[string]string{user: "found absent"}, []string{"path/"}},
		{"no group", line("/etc/group", gone), map[string]string{group: "found absent"}, []string{"path/", user}},
		{"a group's id twice", func(s *sabotage) {
			gid := sh(s, "id -g hello")
			s.edit("/etc/group", appended("twin:x:"+gid+":\n"))
		}, map[string]string{group: "twin has the same"}, nil},
		{"a password", line("/etc/shadow", set(1, "$6$salt$hash")), map[string]string{password: "found a password"}, nil},
		{"no password asked", line("/etc/shadow", set(1, "")), map[string]string{password: "open without a password"}, nil},
		{"no line in shadow", line("/etc/shadow", gone), map[string]string{password: "no line in /etc/shadow"}, nil},
		{"a directory of root's is the service's", func(s *sabotage) { s.chown("/opt/hello/bin", idOf(s, "-u"), -1) },
			map[string]string{"write audit/hello": "/opt/hello/bin", "path/opt/hello/bin/owned by": "found hello:root"}, nil},
		{"a file of the service's beside its program", func(s *sabotage) {
			s.replace("/opt/hello/bin/plugin.so", nil, 0o644)
			s.sh("chown hello /opt/hello/bin/plugin.so")
		}, map[string]string{"write audit/hello": "/opt/hello/bin/plugin.so"}, nil},
		{"a unit that anybody can write", func(s *sabotage) {
			s.replace(unitDir+"other.service", []byte("[Service]\nExecStart=/bin/true\n"), 0o666)
		},
			map[string]string{"write audit/hello": unitDir + "other.service"}, nil},
		{"/opt open to all", func(s *sabotage) { s.chmod("/opt", 0o777) }, map[string]string{"write audit/hello": "it can replace hello in /opt (everybody)"}, nil},
		{"configuration that the group can write", func(s *sabotage) { s.chmod("/etc/hello", 0o770) },
			map[string]string{"write audit/hello": "/etc/hello", "path/etc/hello/mode": "permissions"}, nil},
		{"a list lets it write a unit", func(s *sabotage) { s.allow(unitDir+socket, posixacl.User, idOf(s, "-u")) },
			map[string]string{"write audit/hello": "it can write " + unitDir + "hello.socket (access control list)", "path" + unitDir + "hello.socket/mode": "permissions"}, nil},
		{"a list lets its group make units", func(s *sabotage) { s.allow(strings.TrimSuffix(unitDir, "/"), posixacl.Group, idOf(s, "-g")) },
			map[string]string{"write audit/hello": "it can write /etc/systemd/system (access control list, group "}, nil},
	} {
		all = append(all, fault{"account: " + a.name, a.seed, a.finds, a.also})
	}
	return all
}

func idOf(s *sabotage, which string) (id int) {
	_, err := fmt.Sscan(sh(s, "id "+which+" hello"), &id)
	require.NoError(s, err)
	return id
}

func liveFaults() (all []fault) {
	for _, l := range [][2]string{{"tcp", "127.0.0.1:9999"}, {"tcp", "[::]:9998"}, {"udp", "0.0.0.0:9997"}, {"unix", "/run/intruder.sock"}} {
		all = append(all, fault{"listens at " + l[0] + " " + l[1], func(s *sabotage) { s.intrude(l[0], l[1]) },
			map[string]string{ofService + "listening": "it listens at " + l[0] + " " + l[1] + ", too"}, nil})
	}
	env := func(name, lines string, finds map[string]string, also ...string) {
		finds[ofService+"from"] = "foreign drop-in"
		all = append(all, fault{name, func(s *sabotage) {
			s.restart(func() { s.reload(func() { s.dropIn(unitDir+"hello.service.d", "Service", lines) }) })
		}, finds, also})
	}
	env("no GOMEMLIMIT", "UnsetEnvironment=GOMEMLIMIT", map[string]string{ofService + "go limits": "GOMEMLIMIT", "heap/" + url + "/metrics": "no memory limit"})
	env("a GOMEMLIMIT above the limit", "Environment=GOMEMLIMIT=10GiB", map[string]string{ofService + "go limits": "GOMEMLIMIT"})
	env("a GOMAXPROCS above the bandwidth", "Environment=GOMAXPROCS=16", map[string]string{ofService + "go limits": "GOMAXPROCS", "metric/hello_gomaxprocs": "reached its limit"})
	env("it logs nowhere", "StandardOutput=null\nStandardError=null", map[string]string{ofService + "journal": "logged nothing"})
	return append(all,
		fault{"it greets otherwise", func(s *sabotage) {
			reload := func(greeting string) { // before systemd 253 nobody waits for the end of it
				sh(s, "systemctl reload hello.service")
				require.NoError(s, verify.Run(s.Context(), verify.Until(checks.HTTP(url+"/", greeting), 50*time.Millisecond, 10*time.Second)).Err())
			}
			s.later(func() { reload("bounded") })
			s.edit(config, func([]byte) []byte { return []byte(`{"greeting": "goodbye"}`) })
			reload("goodbye")
		}, map[string]string{"http/" + url + "/": `found "goodbye\n"`, "path" + config + "/content": "another"}, nil},
		fault{"it stands still", func(s *sabotage) {
			s.later(func() { sh(s, "systemctl kill -s CONT hello.service") })
			s.sh("systemctl kill -s STOP hello.service")
		}, map[string]string{"http/" + url + "/": "no answer within", "http/" + url + "/healthz": "no answer within"}, []string{"http/", "heap/", "metric/"}})
}

func kernelFaults() (all []fault) {
	for name, value := range map[string]string{"net.ipv4.ip_forward": "1", "vm.overcommit_memory": "1", "kernel.panic_on_oops": "1"} {
		all = append(all, fault{"sysctl " + name, func(s *sabotage) {
			s.later(func() {
				sh(s, "sysctl -qw "+name+"="+sysctls[name]+" 2>/dev/null || echo "+sysctls[name]+" > /proc/sys/"+strings.ReplaceAll(name, ".", "/"))
			})
			s.sh("echo " + value + " > /proc/sys/" + strings.ReplaceAll(name, ".", "/"))
		}, map[string]string{"kernel/sysctl/" + name: "found " + value}, nil})
	}
	all = append(all, fault{"a short backlog", func(s *sabotage) {
		s.later(func() { sh(s, "echo 4096 > /proc/sys/net/core/somaxconn") })
		s.sh("echo 16 > /proc/sys/net/core/somaxconn")
	}, map[string]string{"kernel/sysctl/net.core.somaxconn/at least": "found 16"}, []string{ofSocket + "backlog"}})
	for _, n := range []string{"100", "1023"} {
		all = append(all, fault{"open files cut to " + n, func(s *sabotage) {
			was := sh(s, "awk '/Max open files/ {print $4\":\"$5}' /proc/$(systemctl show -P MainPID hello.service)/limits")
			s.later(func() { sh(s, "prlimit --pid $(systemctl show -P MainPID hello.service) --nofile="+was) })
			s.sh("prlimit --pid $(systemctl show -P MainPID hello.service) --nofile=" + n + ":" + n)
		}, map[string]string{ofService + "open files": n + " hard"}, nil})
	}
	return append(all, fault{"a persistent journal", func(s *sabotage) {
		s.restart(func() {}) // what it logged is on the disk that is taken away again
		s.later(func() {
			sh(s, "rm -rf /var/log/journal/* /run/systemd/journal/flushed; systemctl restart systemd-journald")
		})
		s.sh("mkdir -p /var/log/journal; journalctl --flush; for i in $(seq 50); do [ -e /var/log/journal/$(cat /etc/machine-id)/system.journal ] && break; sleep 0.1; done")
	}, map[string]string{"journal/persistent": "found persistent"}, nil})
}
