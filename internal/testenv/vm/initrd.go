package vm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bedplate/bedplate/internal/testenv/cpio"
)

// agentUnit runs the agent as soon as there is a bus. If it dies the machine
// goes with it, so that the host need not guess.
const agentUnit = `[Unit]
Description=bedplate agent
After=dbus.socket systemd-journald.socket
FailureAction=poweroff-force

[Service]
Type=exec
ExecStart=/run/bedplate-machine/agent
StandardOutput=journal+console
StandardError=journal+console
TimeoutStopSec=2s
TasksMax=infinity
LimitNOFILE=65536
`

// writeInitrd writes the initial root: the init, the modules, and what it
// copies to /run of the real root.
func (c Config) writeInitrd(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := cpio.NewWriter(f)
	w.Directory("dev", 0o755)
	w.Character("dev/console", 0o600, 5, 1)
	program, err := os.ReadFile(c.Init)
	if err != nil {
		return err
	}
	w.File("init", 0o755, program)
	w.Directory("modules", 0o755)
	for _, m := range c.Machine.Modules {
		data, err := os.ReadFile(m)
		if err != nil {
			return err
		}
		w.File("modules/"+filepath.Base(m), 0o644, data)
	}
	agent, err := os.ReadFile(c.Agent)
	if err != nil {
		return err
	}
	for _, dir := range []string{"inject", "inject/bedplate-machine", "inject/systemd", "inject/systemd/system", "inject/systemd/system/multi-user.target.wants"} {
		w.Directory(dir, 0o755)
	}
	w.File("inject/bedplate-machine/suite", 0o644, []byte(c.Machine.Suite+"\n"))
	w.File("inject/bedplate-machine/agent", 0o755, agent)
	const units = "inject/systemd/system/"
	w.File(units+"bedplate-agent.service", 0o644, []byte(agentUnit))
	w.Symlink(units+"multi-user.target.wants/bedplate-agent.service", "../bedplate-agent.service")
	if !c.Full {
		for _, m := range masks() {
			w.Symlink(units+m, "/dev/null")
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("initial root: %w", err)
	}
	return nil
}
