//go:build privileged

package unit_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	m := unit.Manager{}
	var out, complaints bytes.Buffer
	r, err := m.Run(t.Context(), unit.Transient{
		Service: unit.Service{Exec: []string{"/bin/sh", "-c", `cat; echo "%n $1" >&2; head -c 30000000 /dev/urandom | sha256sum > /dev/null`, "sh", "a'b \"c\" $d"}, User: "run-user", DynamicUser: true},
		Stdin:   strings.NewReader("in and out"), Stdout: &out, Stderr: &complaints})
	require.NoError(t, err)
	require.Equal(t, unit.Finished, r.Status.Outcome)
	require.Equal(t, "in and out", out.String())
	require.Equal(t, "%n a'b \"c\" $d\n", complaints.String())
	require.NotZero(t, r.Usage.CPU)
	require.NotZero(t, r.Usage.Took)
	if testenv.Systemd(t) >= 257 {
		require.NotZero(t, r.Usage.MemoryPeak)
	}

	r, err = m.Run(t.Context(), unit.Transient{Service: unit.Service{Exec: []string{"/bin/sh", "-c", "echo to the journal; exit 42"}}})
	var failed *unit.StartError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, unit.ExitedWithError, r.Status.Outcome)
	require.Equal(t, unit.Exit{Code: 42}, r.Status.Exit)
	require.Contains(t, texts2(r.Status), "to the journal")

	r, err = m.Run(t.Context(), unit.Transient{Service: unit.Service{Exec: []string{"/nonexistent"}}})
	require.ErrorAs(t, err, &failed)
	require.Equal(t, unit.MissingProgram, r.Status.Outcome)

	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	r, err = m.Run(ctx, unit.Transient{Service: unit.Service{Name: "run-long", Exec: []string{"/bin/sleep", "1000"}}})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, "not-found", show(t, "run-long.service", "LoadState"))
	require.NotZero(t, r.Status.PID)
	require.ErrorIs(t, syscall.Kill(r.Status.PID, 0), syscall.ESRCH)

	for _, name := range []string{"run-long.service"} {
		out, _ := exec.Command("systemctl", "list-units", "--all", "--no-legend", "--type=service", "run-*").CombinedOutput()
		require.NotContains(t, string(out), name)
		require.NotContains(t, string(out), "run-", "runs were left behind")
	}
}

// Somebody has systemd reload before the command is executed: it is read from a
// file again, and is the one that was asked for.
func TestRunThroughReload(t *testing.T) {
	gone(t, "slow.service")
	const done = "/run/slow-done"
	put(t, "", etc+"slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'until test -e "+done+"; do sleep 0.1; done'\n")
	defer os.Remove(done)
	words := []string{"a;b", ";", "a b;c", `\;`, "a'b", `a"b`, "$A", "${A}", "$$", "%n", `back\slash`, "é", "", "#x", "-", `x\`}
	var out bytes.Buffer
	ended := make(chan error, 1)
	go func() {
		_, err := unit.Manager{}.Run(t.Context(), unit.Transient{Stdout: &out, Service: unit.Service{Name: "reloaded",
			Exec:  append([]string{"/bin/sh", "-c", `for w; do printf '%s\n' "$w"; done; echo $0`, "sh"}, words...),
			After: []string{"slow.service"}, Requires: []string{"slow.service"}}})
		ended <- err
	}()
	require.Eventually(t, func() bool { return show(t, "slow.service", "ActiveState") == "activating" }, 30*time.Second, 50*time.Millisecond)
	command(t, "systemctl", "daemon-reload")
	require.Equal(t, "inactive", show(t, "reloaded.service", "ActiveState"), "it was executed before the reload")
	require.NoError(t, os.WriteFile(done, nil, 0o644))
	require.NoError(t, <-ended)
	require.Equal(t, strings.Join(append(words, "sh"), "\n")+"\n", out.String())
	require.NoDirExists(t, "/run/systemd/transient/reloaded.service.d")
}

// A name that is taken is refused, and the one that has it keeps what it has.
func TestRunNameTaken(t *testing.T) {
	command(t, "systemd-run", "--quiet", "--unit=taken", "/bin/sleep", "1000")
	command(t, "systemctl", "set-property", "--runtime", "taken.service", "MemoryMax=64M")
	files := func() string {
		return command(t, "sh", "-c", "grep -r . /run/systemd/transient/taken.service* /run/systemd/system.control/taken.service* 2>/dev/null | sort")
	}
	before := files()
	require.Contains(t, before, "MemoryMax=67108864")
	_, err := unit.Manager{}.Run(t.Context(), unit.Transient{Service: unit.Service{Name: "taken", Exec: []string{"/bin/echo", "$A;"}}})
	require.ErrorContains(t, err, "taken.service")
	require.Equal(t, before, files())
	require.Equal(t, "active", show(t, "taken.service", "ActiveState"))
	command(t, "systemctl", "stop", "taken.service")
}

func texts2(s unit.Status) string {
	var b strings.Builder
	for _, e := range s.Log {
		b.WriteString(e.Message + "\n")
	}
	return b.String()
}

// What a unit file says and what is passed over D-Bus is the same to systemd.
func TestTransientIsTheFile(t *testing.T) {
	gone(t, "asfile.service")
	service := unit.Service{Name: "asfile", Description: "50% as a file", Exec: []string{"/bin/sleep", "1000"}, User: "asfile", DynamicUser: true,
		Environment: map[string]string{"A": "x y", "B": "%"}, StateDirectory: []string{"asfile"}, StopTimeout: 3500 * time.Millisecond, OpenFiles: 4096,
		Sandbox: unit.Sandbox{NoNetwork: true, Chown: true},
		Extra: []unit.Directive{{Section: "Service", Name: "MemoryMax", Value: "64M"}, {Section: "Service", Name: "MemoryHigh", Value: "25%"}, {Section: "Service", Name: "CPUQuota", Value: "50%"},
			{Section: "Service", Name: "CPUWeight", Value: "50"}, {Section: "Service", Name: "TasksMax", Value: "10"}, {Section: "Service", Name: "AllowedCPUs", Value: "0-1"},
			{Section: "Service", Name: "IOWriteBandwidthMax", Value: "/dev/vda 10M"}, {Section: "Service", Name: "IPAddressAllow", Value: "localhost 10.0.0.0/8"}, {Section: "Service", Name: "Nice", Value: "5"}},
		NoInstall: true, Restart: unit.RestartNever}
	_, err := unit.Set{Units: []unit.Unit{service}}.Ensure(t.Context())
	require.NoError(t, err)
	names := strings.Fields(`Description User DynamicUser Environment StateDirectory TimeoutStopUSec LimitNOFILE LimitNOFILESoft MemoryMax MemoryHigh CPUQuotaPerSecUSec CPUWeight TasksMax
		AllowedCPUs IOWriteBandwidthMax IPAddressAllow IPAddressDeny Nice CapabilityBoundingSet AmbientCapabilities NoNewPrivileges LockPersonality RestrictRealtime RestrictSUIDSGID
		RestrictNamespaces RemoveIPC ProtectClock ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectControlGroups PrivateTmp PrivateUsers PrivateMounts
		ProtectSystem ProtectHome PrivateDevices DevicePolicy DeviceAllow MemoryDenyWriteExecute KeyringMode UMask PrivateNetwork RestrictAddressFamilies SystemCallArchitectures
		SystemCallFilter SystemCallErrorNumber Type KillMode Restart`)
	asked := append([]string{"systemctl", "show", "-p", strings.Join(names, ",")}, "asfile.service")
	want := command(t, asked...)

	transient := service
	transient.Name = "asbus"
	running := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := unit.Manager{}.Run(ctx, unit.Transient{Service: transient})
		running <- err
	}()
	require.Eventually(t, func() bool { return show(t, "asbus.service", "ActiveState") == "active" }, 30*time.Second, 100*time.Millisecond)
	asked[len(asked)-1] = "asbus.service"
	got := command(t, asked...)
	cancel()
	require.ErrorIs(t, <-running, context.Canceled)
	strip := func(s string) string {
		var lines []string
		for _, l := range strings.Split(s, "\n") {
			if strings.HasPrefix(l, "User=") {
				continue
			}
			if name, list, ok := strings.Cut(l, "="); ok && strings.HasPrefix(name, "IPAddress") { // 247 prints them in the order they came in
				words := strings.Fields(list)
				slices.Sort(words)
				l = name + "=" + strings.Join(words, " ")
			}
			lines = append(lines, l)
		}
		return strings.Join(lines, "\n")
	}
	require.Equal(t, strip(want), strip(got))
}

func TestSetProperties(t *testing.T) {
	gone(t, "props.service")
	service := unit.Service{Name: "props", Exec: []string{"/bin/sleep", "1000"}}
	_, err := unit.Set{Units: []unit.Unit{service}, Start: true, Manager: unit.Manager{Stable: -1}}.Ensure(t.Context())
	require.NoError(t, err)
	m := unit.Manager{}
	cgroup := func(file string) string { return command(t, "cat", "/sys/fs/cgroup/system.slice/props.service/"+file) }
	require.NoError(t, m.SetProperties(t.Context(), "props.service", false,
		unit.Directive{Name: "MemoryMax", Value: "64M"}, unit.Directive{Name: "CPUQuota", Value: "50%"}, unit.Directive{Name: "TasksMax", Value: "7"}))
	require.Equal(t, "67108864", cgroup("memory.max"))
	require.Equal(t, "50000 100000", cgroup("cpu.max"))
	require.Equal(t, "7", cgroup("pids.max"))
	require.NoError(t, m.SetProperties(t.Context(), "props.service", true, unit.Directive{Name: "MemoryHigh", Value: "32M"}))
	require.Equal(t, "33554432", cgroup("memory.high"))
	found, err := unit.Set{Units: []unit.Unit{service}}.Overrides(t.Context())
	require.NoError(t, err)
	require.Contains(t, found[0].Path, "/etc/systemd/system.control/props.service.d/")

	for _, bad := range []unit.Directive{{Name: "User", Value: "root"}, {Name: "MemoryMax", Value: "64MB"}, {Name: "CPUQuota", Value: "50"}, {Name: "Nonsense", Value: "1"}, {Name: "TasksMax", Value: "7\nUser=root"}} {
		require.Error(t, m.SetProperties(t.Context(), "props.service", false, bad), bad)
	}
	require.Equal(t, "67108864", cgroup("memory.max"))
	require.ErrorAs(t, m.SetProperties(t.Context(), "none.service", false, unit.Directive{Name: "TasksMax", Value: "7"}), new(*unit.MissingError))
	command(t, "systemctl", "revert", "props.service")
}
