//go:build privileged

package checks_test

import ()

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
		s.forget(func() {
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
