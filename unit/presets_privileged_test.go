//go:build privileged

package unit_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// Every preset runs the sample service, and has its score.
func TestPresets(t *testing.T) {
	command(t, "sh", "-c", "id h-low 2>/dev/null || useradd --system --no-create-home h-low")
	with := func(s unit.Sandbox, change func(*unit.Sandbox)) unit.Sandbox { change(&s); return s }
	presets := []struct {
		name    string
		sandbox unit.Sandbox
		address string
		tenths  int // the exposure, times ten
	}{
		{"h-net", unit.NetworkSandbox(), "127.0.0.1:9001", 12},
		{"h-low", unit.LowPortSandbox(), "127.0.0.1:443", 14},
		{"h-act", unit.ActivatedSandbox(), "127.0.0.1:9003", 3},
		{"h-netlink", with(unit.NetworkSandbox(), func(s *unit.Sandbox) { s.Netlink = true }), "127.0.0.1:9004", 12},
		{"h-chown", with(unit.NetworkSandbox(), func(s *unit.Sandbox) { s.Chown = true }), "127.0.0.1:9005", 12},
		{"h-cgo", with(unit.NetworkSandbox(), func(s *unit.Sandbox) { s.WritableCode = true }), "127.0.0.1:9006", 12},
	}
	var s unit.Set
	var names, services []string
	for _, p := range presets {
		service := hello(t, p.name, p.address)
		service.Sandbox = p.sandbox
		service.DynamicUser = p.name != "h-low"
		if p.name == "h-act" {
			s.Units = append(s.Units, unit.Socket{Name: p.name, Listen: []string{p.address}})
			service.Sockets = []string{p.name + ".socket"}
			names = append(names, p.name+".socket")
		}
		s.Units = append(s.Units, service)
		names, services = append(names, p.name+".service"), append(services, p.name+".service")
	}
	s.Units = append(s.Units, unit.Service{Name: "h-job", Type: unit.Oneshot, Restart: unit.RestartNever, StateDirectory: []string{"h-job"}, User: "h-job", DynamicUser: true,
		Exec: []string{"/bin/sh", "-c", "echo done > /var/lib/h-job/out"}, Sandbox: unit.JobSandbox()})
	gone(t, append(names, "h-job.service")...)
	s.Start = true
	s.Manager.Stable = 500 * time.Millisecond
	_, err := s.Ensure(t.Context())
	require.NoError(t, err)
	for _, p := range presets {
		require.Equal(t, "hello, world\n", get(t, "http://"+p.address+"/"), p.name)
		require.NotEqual(t, "0", show(t, p.name+".service", "MainPID"))
	}
	status, err := s.Manager.Start(t.Context(), "h-job.service")
	require.NoError(t, err)
	require.Equal(t, unit.Finished, status.Outcome)
	require.Equal(t, "done", command(t, "cat", "/var/lib/private/h-job/out"))

	scores := exposures(t, append(services, "h-job.service")...)
	for _, p := range presets {
		tenths := scores[p.name+".service"]
		t.Logf("systemd %d: %s has an exposure of %d.%d", testenv.Systemd(t), p.name, tenths/10, tenths%10)
		require.LessOrEqual(t, tenths, p.tenths, p.name)
	}
	require.LessOrEqual(t, scores["h-job.service"], 3)
}

// exposures are systemd's own scores of units, times ten.
func exposures(t *testing.T, names ...string) map[string]int {
	t.Helper()
	out, err := exec.Command("systemd-analyze", append([]string{"security", "--no-pager"}, names...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	scores := map[string]int{}
	for _, name := range names {
		_, score, ok := strings.Cut(string(out), "Overall exposure level for "+name+": ")
		require.True(t, ok, string(out))
		var whole, part int
		_, err = fmt.Sscanf(score, "%d.%d", &whole, &part)
		require.NoError(t, err)
		scores[name] = whole*10 + part
	}
	return scores
}
