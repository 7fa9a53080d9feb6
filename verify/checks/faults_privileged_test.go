//go:build privileged

package checks_test

import "testing"

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
