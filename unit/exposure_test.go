package unit_test

import (
	"strings"
	"testing"

	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

func score(t *testing.T, systemd int, lines ...string) string {
	t.Helper()
	f, err := unit.Parse("x.service", strings.NewReader("[Service]\nExecStart=/bin/true\n"+strings.Join(lines, "\n")+"\n"))
	require.NoError(t, err)
	return unit.Score(f, unit.Target{Systemd: systemd}).String()
}

// What systemd-analyze of 252 and of 257 says of the same files. The machine's
// tests compare many more.
func TestScore(t *testing.T) {
	for name, c := range map[string]struct {
		at252, at257 string
		lines        []string
	}{
		"nothing":                {"9.6 UNSAFE", "9.4 UNSAFE", nil},
		"mounts":                 {"9.4 UNSAFE", "9.4 UNSAFE", []string{"PrivateMounts=yes"}},
		"no mounts":              {"9.4 UNSAFE", "9.4 UNSAFE", []string{"PrivateMounts=no", "PrivateTmp=yes"}},
		"none in particular":     {"9.6 UNSAFE", "9.4 UNSAFE", []string{"PrivateMounts=no", "PrivateMounts="}},
		"a user and a directory": {"9.0 UNSAFE", "8.8 EXPOSED", []string{"PrivateTmp=yes", "User=daemon"}},
		"a user and more":        {"6.9 MEDIUM", "6.8 MEDIUM", []string{"PrivateTmp=yes", "User=daemon", "RestrictNamespaces=yes", "SystemCallFilter=@system-service"}},
		"a bad value":            {"9.6 UNSAFE", "9.4 UNSAFE", []string{"PrivateTmp=si", "UMask=9", "RestrictNamespaces="}},
		"taken back":             {"9.6 UNSAFE", "9.4 UNSAFE", []string{"SystemCallFilter=@system-service", "SystemCallFilter=", "CapabilityBoundingSet=CAP_KILL", "CapabilityBoundingSet=~"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.at252, score(t, 252, c.lines...))
			require.Equal(t, c.at257, score(t, 257, c.lines...))
		})
	}
}

// The default of a service is what FACTS measured: at most 1.2 on a high port.
func TestScoreOfRendered(t *testing.T) {
	for name, c := range map[string]struct {
		s    unit.Service
		most int
	}{
		"network":       {unit.Service{}, 12},
		"port 443":      {unit.Service{Sandbox: unit.Sandbox{Capabilities: []string{"CAP_NET_BIND_SERVICE"}}}, 14},
		"by its socket": {unit.Service{Sandbox: unit.Sandbox{NoNetwork: true}}, 3},
	} {
		for _, v := range []int{252, 257} {
			c.s.Name, c.s.User, c.s.Exec = "app", "app", []string{"/opt/app/bin/app"}
			text, _, err := unit.Renderer{Target: unit.Target{Systemd: v}}.Render(c.s)
			require.NoError(t, err)
			f, err := unit.Parse("app.service", strings.NewReader(string(text)))
			require.NoError(t, err)
			e := unit.Score(f, unit.Target{Systemd: v})
			require.LessOrEqual(t, e.Tenths, c.most, "%s on %d: %v", name, v, e)
		}
	}
}
