//go:build privileged

package checks_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/bedplate/bedplate/internal/posixacl"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
)

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
	all = append(all,
		fault{"another kernel command line", func(s *sabotage) {
			s.replace("/run/cmdline", []byte("quiet\n"), 0o444)
			s.later(func() { sh(s, "umount /proc/cmdline") })
			s.sh("mount --bind /run/cmdline /proc/cmdline")
		}, map[string]string{"kernel/command line/now": "lacks psi=1"}, nil},
		fault{"no pressure information", func(s *sabotage) {
			s.later(func() { sh(s, "umount /proc/pressure") })
			s.sh("mount -t tmpfs none /proc/pressure")
		}, map[string]string{"kernel/psi": "found none"}, nil},
		fault{"a controller that the slice does not hand on", func(s *sabotage) {
			s.later(func() { writeKernel(s, "/hello.slice/hello.service", "pids.max", "64") })
			s.kernel("/hello.slice", "cgroup.subtree_control", "-pids", "+pids")
		}, map[string]string{ofService + "controllers": "not handed on to /hello.slice/hello.service: pids"}, []string{ofService + "limits", "limit/"}})
	return append(all, fault{"a persistent journal", func(s *sabotage) {
		s.restart(func() {}) // what it logged is on the disk that is taken away again
		s.later(func() {
			sh(s, "rm -rf /var/log/journal/* /run/systemd/journal/flushed; systemctl restart systemd-journald")
		})
		s.sh("mkdir -p /var/log/journal; journalctl --flush; for i in $(seq 50); do [ -e /var/log/journal/$(cat /etc/machine-id)/system.journal ] && break; sleep 0.1; done")
	}, map[string]string{"journal/persistent": "found persistent"}, nil})
}
