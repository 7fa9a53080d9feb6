package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/unit"
)

// arguments are what a task says of a service, and how Ansible wants it done.
type arguments struct {
	name, description, user, slice, root string
	exec, groups, listen                 []string
	kind                                 unit.ServiceType
	environment                          map[string]string
	files                                []layout.File
	limits                               cgroupv2.Limits
	watchdog, startTimeout, stopTimeout  time.Duration
	sandbox                              unit.Sandbox
	onChange                             unit.ChangePolicy
	absent, enabled, started             bool

	check, diff, noLog bool
}

func (a *arguments) known() map[string]decoder {
	l := &a.limits
	return map[string]decoder{
		"name": text(&a.name), "description": text(&a.description), "user": text(&a.user), "slice": text(&a.slice), "root": text(&a.root),
		"exec": list(&a.exec, text), "groups": list(&a.groups, text), "listen": list(&a.listen, text),
		"environment": variables(&a.environment), "files": list(&a.files, file),
		"watchdog": parsed(&a.watchdog, duration), "start_timeout": parsed(&a.startTimeout, duration), "stop_timeout": parsed(&a.stopTimeout, duration),
		"limits": object(map[string]decoder{
			"memory_max": parsed(&l.MemoryMax, cgroupv2.ParseMemory), "memory_high": parsed(&l.MemoryHigh, cgroupv2.ParseMemory),
			"memory_low": parsed(&l.MemoryLow, cgroupv2.ParseMemory), "memory_min": parsed(&l.MemoryMin, cgroupv2.ParseMemory),
			"memory_swap_max": parsed(&l.MemorySwapMax, cgroupv2.ParseMemory), "tasks_max": parsed(&l.TasksMax, cgroupv2.ParseCount),
			"cpu_max": parsed(&l.CPUMax, cgroupv2.ParseCPU), "cpu_set": parsed(&l.CPUSet, cgroupv2.ParseCPUSet),
			"cpu_weight": parsed(&l.CPUWeight, cgroupv2.ParseWeight), "io_weight": parsed(&l.IOWeight, cgroupv2.ParseWeight),
		}),
		"type": choice(&a.kind, map[string]unit.ServiceType{
			"exec": unit.Exec, "simple": unit.Simple, "notify": unit.Notify, "notify-reload": unit.NotifyReload, "oneshot": unit.Oneshot,
		}),
		"sandbox": choice(&a.sandbox, map[string]unit.Sandbox{
			"network": unit.NetworkSandbox(), "low-port": unit.LowPortSandbox(), "activated": unit.ActivatedSandbox(), "job": unit.JobSandbox(), "off": {Off: true},
		}),
		"on_change": choice(&a.onChange, map[string]unit.ChangePolicy{
			"restart": unit.RestartChanged, "reload": unit.ReloadChanged, "leave": unit.LeaveRunning,
		}),
		"state":   choice(&a.absent, map[string]bool{"present": false, "absent": true}),
		"enabled": parsed(&a.enabled, boolean), "started": parsed(&a.started, boolean),
		"_ansible_check_mode": parsed(&a.check, boolean), "_ansible_diff": parsed(&a.diff, boolean), "_ansible_no_log": parsed(&a.noLog, boolean),
	}
}

// file is one of files. What not everybody may read is a secret.
func file(to *layout.File) decoder {
	return func(name string, raw json.RawMessage) error {
		content := ""
		to.Mode = 0o640
		err := object(map[string]decoder{"path": text(&to.Path), "content": text(&content), "group": text(&to.Group), "mode": parsed(&to.Mode, octal)})(name, raw)
		to.Content, to.Secret = []byte(content), to.Mode&0o004 == 0
		return err
	}
}

// octal wants the zero in front: without quotes, 0640 is 416 for YAML.
func octal(s string) (layout.FileMode, error) {
	n, err := strconv.ParseUint(s, 8, 12)
	if err != nil || n == 0 || s[0] != '0' {
		return 0, fmt.Errorf(`%.60q is no mode; give it in octal and in quotes, such as "0640"`, s)
	}
	return layout.FileMode(n), nil
}

// parse reads the file that Ansible writes. With an error it gives what it could
// read all the same: no_log is about errors, too. No error repeats what a file or a
// variable holds.
func parse(b []byte) (a arguments, err error) {
	a.enabled, a.started = true, true
	b = bytes.TrimSpace(b)
	if !json.Valid(b) || b[0] != '{' {
		return a, errors.New("the arguments are no JSON object; leave it to Ansible to write them")
	}
	err = object(a.known())("", b)
	a.started = a.started && a.root == ""
	if a.user == "" {
		a.user = a.name
	}
	switch {
	case err != nil:
	case a.name == "" || strings.ContainsAny(a.name, ".@/:"):
		err = fmt.Errorf("name=%.60q; give a plain name, such as hello", a.name)
	case a.root != "" && !filepath.IsAbs(a.root):
		err = fmt.Errorf("root=%.60q; give an absolute path", a.root)
	case !a.absent && len(a.exec) == 0:
		err = errors.New("exec is missing; give the program and its arguments as a list")
	}
	return a, err
}
