//go:build privileged

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/verify"
	"github.com/stretchr/testify/require"
)

const (
	program  = "/usr/local/bin/greeter"
	config   = "/etc/greeter/greeter.json"
	liveUnit = "/etc/systemd/system/greeter.service"
	service  = "greeter.service"
	socket   = "greeter.socket"
	address  = "127.0.0.1:18080"
)

// greeter is a task for the sample service.
func greeter() task {
	return task{
		"name": "greeter", "exec": []any{program, "-config", config}, "type": "notify-reload", "listen": []any{address}, "watchdog": "30s",
		"files":       []any{task{"path": config, "content": `{"greeting": "hello from a task"}`}},
		"limits":      task{"memory_max": "128M", "memory_swap_max": 0, "cpu_max": "50%", "tasks_max": 48},
		"environment": task{"PHRASE": secret}, "_ansible_check_mode": false, "_ansible_diff": false, "_ansible_no_log": false, "_ansible_debug": false,
		"_ansible_verbosity": 0, "_ansible_version": "2.14.18", "_ansible_module_name": "bedplate_service", "_ansible_syslog_facility": "LOG_USER",
		"_ansible_selinux_special_fs": []any{"fuse", "nfs"}, "_ansible_string_conversion_action": "warn", "_ansible_socket": nil,
		"_ansible_shell_executable": "/bin/sh", "_ansible_keep_remote_files": false, "_ansible_tmpdir": "/root/.ansible/tmp/x/", "_ansible_remote_tmp": "~/.ansible/tmp",
	}
}

// play runs the module as Ansible does on the machine: a process, one argument.
func play(t *testing.T, args task, before ...string) ran {
	t.Helper()
	b, err := json.Marshal(args)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "args")
	require.NoError(t, os.WriteFile(file, b, 0o644))
	for dir := filepath.Dir(file); dir != "/var/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755)) // for runs as another user
	}
	argv := append(slices.Clone(before), testenv.Payload(t, "bin/ansible"), file)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	require.Empty(t, stderr.String())
	require.NotContains(t, stdout.String(), secret)
	return understood(t, cmd.ProcessState.ExitCode(), stdout.String())
}

func sh(t *testing.T, line string) string {
	t.Helper()
	out, err := exec.Command("/bin/sh", "-ec", line).CombinedOutput()
	require.NoError(t, err, "%s\n%s", line, out)
	return strings.TrimSpace(string(out))
}

func show(t *testing.T, unit, property string) string {
	t.Helper()
	return sh(t, "systemctl show -P "+property+" "+unit)
}

func kernel(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", show(t, service, "ControlGroup"), file))
	require.NoError(t, err)
	return strings.TrimSpace(string(b))
}

func greeting(t *testing.T) string {
	t.Helper()
	resp, err := http.Get("http://" + address + "/")
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return strings.TrimSpace(string(b))
}

// clean leaves the machine as the next package's tests expect it.
func clean(t *testing.T) {
	sh(t, `
		systemctl disable -q --now greeter.socket greeter.service >/dev/null 2>&1 || true
		rm -rf /etc/systemd/system/greeter.* /opt/greeter /etc/greeter /var/lib/greeter /var/cache/greeter /var/log/greeter `+program+`
		rmdir --ignore-fail-on-non-empty /etc/systemd/system/sockets.target.wants 2>/dev/null || true
		! id greeter >/dev/null 2>&1 || userdel greeter
		! getent group greeter >/dev/null || groupdel greeter
		systemctl daemon-reload
		systemctl reset-failed`)
}

// TestLive: from nothing to a service that serves, through what befalls it, to
// its end. What is said is looked at with systemctl and in the kernel's files.
func TestLive(t *testing.T) {
	clean(t)
	t.Cleanup(func() { clean(t) })
	sh(t, "install -m 755 "+testenv.Payload(t, "bin/hello")+" "+program)

	planned := play(t, greeter().with(check).with(diff))
	require.False(t, planned.Failed, planned.Msg)
	require.True(t, planned.Changed)
	require.NoFileExists(t, liveUnit, "check mode changes nothing")
	sh(t, "! id greeter 2>&1; test ! -e /etc/greeter; test ! -e /var/lib/greeter")

	first := play(t, greeter())
	require.False(t, first.Failed, first.Msg)
	require.Equal(t, still(planned.Changes), still(first.Changes), "the plan was honest")
	require.Equal(t, "active\nactive", sh(t, "systemctl is-active greeter.service greeter.socket"))
	require.Equal(t, "enabled\nenabled", sh(t, "systemctl is-enabled greeter.service greeter.socket"))
	require.Equal(t, "hello from a task", greeting(t))
	require.Equal(t, "640 root:greeter", sh(t, "stat -c '%a %U:%G' "+config))
	for file, want := range map[string]string{"memory.max": "134217728", "memory.swap.max": "0", "cpu.max": "50000 100000", "pids.max": "48"} {
		require.Equal(t, want, kernel(t, file), file)
	}
	environ := sh(t, "tr '\\0' '\\n' < /proc/"+show(t, service, "MainPID")+"/environ")
	require.Contains(t, environ, "GOMEMLIMIT=120795955\n")
	require.Contains(t, environ+"\n", "PHRASE="+secret+"\n")

	t.Run("writes", writesItsOwn)
	t.Run("again", againChangesNothing)
	t.Run("other content", otherContentReloads)
	t.Run("own socket", ownSocketTakesOver)
	t.Run("drift", driftIsPutRight)
	t.Run("wrong program", wrongProgramIsExplained)
	t.Run("ordinary user", ordinaryUserIsToldSo)
	t.Run("absent", absentLeavesData)
}

// writesItsOwn: in its own directories, and nowhere else.
func writesItsOwn(t *testing.T) {
	inside := "nsenter -t " + show(t, service, "MainPID") + " -m setpriv --reuid=greeter --regid=greeter --clear-groups touch "
	for _, dir := range []string{"lib", "cache", "log"} {
		sh(t, inside+"/var/"+dir+"/greeter/x")
	}
	out := sh(t, "! nsenter -t "+show(t, service, "MainPID")+" -m touch /var/lib/x /etc/greeter/x 2>&1")
	require.Equal(t, 2, strings.Count(out, "Read-only file system"), out)
}

func againChangesNothing(t *testing.T) {
	pid := show(t, service, "MainPID")
	began := time.Now()
	again := play(t, greeter())
	t.Logf("a second run took %v", time.Since(began))
	require.False(t, again.Failed, again.Msg)
	require.False(t, again.Changed, again.Changes)
	require.Equal(t, pid, show(t, service, "MainPID"))
}

// otherContentReloads: the service is told, and not restarted, if that is wanted.
func otherContentReloads(t *testing.T) {
	pid := show(t, service, "MainPID")
	args := greeter().with(task{"on_change": "reload", "files": []any{task{"path": config, "content": `{"greeting": "hello again"}`}}})
	planned := play(t, args.with(check))
	got := play(t, args)
	require.False(t, got.Failed, got.Msg)
	require.Equal(t, planned.Changes, got.Changes)
	require.Contains(t, got.Changes[len(got.Changes)-1], "greeter.service: reload ("+config+" changed")
	require.Equal(t, "hello again", greeting(t))
	require.Equal(t, pid, show(t, service, "MainPID"))
	require.False(t, play(t, args).Changed)
}

// ownSocketTakesOver: a socket unit that is wanted no more goes, and comes again.
func ownSocketTakesOver(t *testing.T) {
	own := greeter().with(task{"listen": nil, "exec": []any{program, "-config", config, "-listen", address}})
	for _, args := range []task{own, greeter()} {
		planned := play(t, args.with(check))
		got := play(t, args)
		require.False(t, got.Failed, got.Msg)
		require.Equal(t, planned.Changes, got.Changes)
		require.Equal(t, "hello from a task", greeting(t))
		require.Equal(t, args["listen"] != nil, show(t, socket, "LoadState") == "loaded")
		require.False(t, play(t, args).Changed)
	}
}

func driftIsPutRight(t *testing.T) {
	for what, does := range map[string]struct{ line, change string }{
		"unit":     {"sed -i s/MemoryMax=.*/MemoryMax=1G/ " + liveUnit + "; systemctl daemon-reload", "update file " + liveUnit + ": MemoryMax: 1G → 128M"},
		"file":     {"echo '{}' > " + config, "update file " + config + ": content"},
		"program":  {"install -m 755 " + testenv.Payload(t, "bin/hello") + " " + program, program + " changed since its start"},
		"stopped":  {"systemctl stop " + socket + " " + service, "run unit greeter.service: start (was inactive)"},
		"disabled": {"systemctl disable -q " + service, "create symlink /etc/systemd/system/multi-user.target.wants/greeter.service"},
	} {
		sh(t, does.line)
		planned := play(t, greeter().with(check).with(diff))
		got := play(t, greeter())
		require.False(t, got.Failed, "%s: %s", what, got.Msg)
		require.True(t, got.Changed, what)
		require.Equal(t, planned.Changes, got.Changes, what)
		require.Contains(t, strings.Join(got.Changes, "\n"), does.change, what)
		require.Equal(t, "134217728", kernel(t, "memory.max"), what)
		require.Equal(t, "hello from a task", greeting(t), what)
		require.False(t, play(t, greeter()).Changed, what)
	}
}

// wrongProgramIsExplained: with systemd's reason, and what was done until then.
func wrongProgramIsExplained(t *testing.T) {
	wrong := greeter().with(task{"exec": []any{"/usr/local/bin/nowhere"}})
	got := play(t, wrong)
	require.True(t, got.Failed)
	require.Contains(t, got.Msg, "greeter.service: missing program: /usr/local/bin/nowhere")
	require.Contains(t, strings.Join(got.Changes, "\n"), "update file "+liveUnit)

	got = play(t, greeter().with(task{"exec": []any{"/bin/false"}, "type": "exec", "watchdog": nil}))
	require.True(t, got.Failed)
	require.Contains(t, got.Msg, "exit 1")

	require.Equal(t, result{Changed: got.Changed, Failed: true, Msg: noReason}, play(t, wrong.with(noLog)).result)

	got = play(t, greeter())
	require.False(t, got.Failed, got.Msg)
	require.Equal(t, "hello from a task", greeting(t))
}

func ordinaryUserIsToldSo(t *testing.T) {
	for say, args := range map[string]task{
		"permission denied":       greeter(),
		"it takes more privilege": greeter().with(task{"name": "other", "listen": nil, "files": nil}),
	} {
		got := play(t, args, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
		require.True(t, got.Failed)
		require.False(t, got.Changed)
		require.Contains(t, got.Msg, say)
	}
}

func absentLeavesData(t *testing.T) {
	gone := task{"name": "greeter", "state": "absent"}
	group := filepath.Join("/sys/fs/cgroup", show(t, service, "ControlGroup"))
	planned := play(t, gone.with(check))
	require.Equal(t, "active", sh(t, "systemctl is-active greeter.service"))
	got := play(t, gone)
	require.False(t, got.Failed, got.Msg)
	require.Equal(t, planned.Changes, got.Changes)
	for _, u := range []string{service, socket} {
		require.Equal(t, "not-found", show(t, u, "LoadState"))
		require.NoFileExists(t, "/etc/systemd/system/"+u)
	}
	require.NoDirExists(t, group)
	require.ErrorContains(t, verify.Run(t.Context(), runs(service)).Err(), "greeter.service: fail; wanted running, found ")
	sh(t, "id greeter; test -f /var/lib/greeter/x; test -f "+config+"; test -x "+program)
	require.False(t, play(t, gone).Changed)
	require.Empty(t, sh(t, "systemctl --failed --no-legend --plain | grep greeter || true"))
}
