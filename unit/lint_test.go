package unit_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// sound is a service that no rule has anything against.
const sound = `[Unit]
Description=x
[Service]
Type=exec
ExecStart=/opt/app/bin/app
User=app
`

// Each rule, with lines that it speaks up at and lines that it lets pass. The
// lines stand below [Service] of a sound service, or are a file of their own.
var rules = []struct {
	rule, bad, good string
	systemd         int
}{
	{"unknown-section", "[Servise]\nX=1", "[X-Mine]\nX=1", 0},
	{"unknown-section", "[Socket]\nListenStream=80", "[Install]\nWantedBy=a.target", 0},
	{"unknown-directive", "RestartSteps=5", "Nice=5", 252},
	{"unknown-directive", "ExecStrat=/bin/x", "X-Mine=1", 0},
	{"bad-value", "MemoryMax=512MB", "MemoryMax=512M", 0},
	{"bad-value", "CPUQuota=75", "CPUQuota=75%", 0},
	{"bad-value", "Restart=on-failures", "Restart=no", 0},
	{"bad-value", "TimeoutStopSec=soon", "TimeoutStopSec=1min 30s", 0},
	{"bad-value", "UMask=9", "UMask=0077", 0},
	{"bad-value", "KillSignal=SIGFOO", "KillSignal=SIGINT", 0},
	{"bad-value", "Environment=A B=c", "Environment=A=b \"B=c d\"", 0},
	{"bad-value", "CapabilityBoundingSet=CAP_FLY", "CapabilityBoundingSet=CAP_CHOWN", 0},
	{"bad-value", "SystemCallFilter=@everything", "SystemCallFilter=@system-service\nSystemCallErrorNumber=EPERM", 0},
	{"bad-value", "StateDirectory=/var/lib/app", "StateDirectory=app", 0},
	{"bad-value", "IPAddressAllow=nonsense", "IPAddressAllow=localhost 10.0.0.0/8", 0},
	{"bad-value", "RestartSteps=5", "RestartSteps=5\nRestartMaxDelaySec=1min", 0},
	{"bad-value", "Type=oneshot\nRuntimeMaxSec=5min", "Type=oneshot\nRuntimeMaxSec=infinity\nTimeoutStartSec=5min", 0},
	{"bad-value", "User=4294967295", "User=1000", 0},
	{"bad-value", "LoadCredential=key", "LoadCredential=key:/etc/app/key", 247},
	{"bad-value", "StateDirectory=%d", "StateDirectory=50%% 7%_x %N", 0},
	{"bad-value", "Environment=A=%d", "Environment=A=%t", 247},
	{"bad-value", "[Unit]\nAfter=%t.service", "[Unit]\nAfter=%N.target\nDescription=50% done", 0},
	{"unloadable", "ExecStart=/bin/second", "Type=oneshot\nExecStart=/bin/second", 0},
	{"unloadable", "ExecStart=", "ExecStart=\nExecStart=/bin/x", 0},
	{"unloadable", "Type=dbus", "Type=dbus\nBusName=com.example.App", 0},
	{"online-without-wants", "[Unit]\nAfter=network-online.target", "[Unit]\nAfter=network-online.target\nWants=network-online.target", 0},
	{"online-without-wants", "[Unit]\nWants=network-online.target", "[Unit]\nAfter=basic.target", 0},
	{"network-target", "[Unit]\nAfter=network.target", "[Unit]\nAfter=sysinit.target", 0},
	{"bindsto-without-after", "[Unit]\nBindsTo=a.service", "[Unit]\nBindsTo=a.service\nAfter=a.service", 0},
	{"bindsto-socket", "[Unit]\nBindsTo=a.socket\nAfter=a.socket", "[Unit]\nAfter=a.socket", 0},
	{"restart-never-trips", "Restart=always\nRestartSec=5", "Restart=always\nRestartSec=1", 0},
	{"restart-never-trips", "Restart=always\nStartLimitInterval=0", "Restart=no\nRestartSec=5", 0},
	{"killmode-none", "KillMode=none", "KillMode=mixed", 0},
	{"killmode-process", "KillMode=process", "KillMode=control-group", 0},
	{"forking", "Type=forking\nPIDFile=/run/x", "Type=notify", 0},
	{"pidfile-outside-run", "Type=forking\nPIDFile=/var/lib/x", "PIDFile=%t/x", 0},
	{"type-simple", "Type=simple", "Type=oneshot", 0},
	{"shell-syntax", "ExecStartPre=/bin/echo a > /tmp/b", "ExecStartPre=/bin/sh -c 'echo a > /tmp/b'", 0},
	{"limit-as", "LimitAS=1G", "LimitAS=infinity", 0},
	{"proc-subset-pid", "ProcSubset=pid", "ProcSubset=all", 0},
	{"no-af-unix", "Type=notify\nRestrictAddressFamilies=AF_INET AF_NETLINK", "Type=notify\nRestrictAddressFamilies=AF_INET AF_NETLINK AF_UNIX", 0},
	{"no-af-netlink", "RestrictAddressFamilies=AF_INET", "RestrictAddressFamilies=~AF_PACKET", 0},
	{"syscall-kill", "SystemCallFilter=~@privileged", "SystemCallFilter=~@privileged\nSystemCallErrorNumber=EPERM", 0},
	{"privateusers-ambient", "PrivateUsers=yes\nAmbientCapabilities=CAP_CHOWN", "PrivateUsers=yes", 0},
	{"root-without-sandbox", "User=root", "User=root\nProtectSystem=strict", 0},
	{"writable-program", "ExecStart=\nExecStart=/var/lib/app/app\nStateDirectory=app", "StateDirectory=app", 0},
	{"writable-program", "ExecStart=\nExecStart=/home/app/bin/app", "ReadWritePaths=/srv", 0},
	{"memory-high-over-max", "MemoryHigh=2G\nMemoryMax=1G", "MemoryHigh=900M\nMemoryMax=1G", 0},
	{"cpu-quota-over-machine", "CPUQuota=500%", "CPUQuota=200%", 0},
	{"user-nobody", "User=nobody", "User=app", 0},
	{"obsolete", "MemoryLimit=1G", "MemoryMax=1G", 0},
	{"obsolete", "StandardOutput=syslog", "StandardOutput=journal", 0},
	{"obsolete", "PIDFile=/var/run/x", "PIDFile=/run/x", 0},
	{"environment-secret", "Environment=DB_PASSWORD=hunter2", "Environment=DB_PASSWORD_FILE=/run/x", 0},
	{"environment-secret", "Environment=URL=https://me:hunter2@example.com/", "Environment=URL=https://example.com/", 0},
}

func lintOf(t *testing.T, text string, systemd int) []unit.Finding {
	t.Helper()
	f, err := unit.Parse("app.service", strings.NewReader(text))
	require.NoError(t, err)
	return unit.Lint(f, unit.Target{Systemd: systemd, CPUs: 2})
}

func TestRules(t *testing.T) {
	require.Empty(t, lintOf(t, sound, 252))
	for _, r := range rules {
		t.Run(r.rule, func(t *testing.T) {
			var found *unit.Finding
			for _, f := range lintOf(t, sound+r.bad+"\n", r.systemd) {
				if f.Rule == r.rule {
					found = &f
				}
			}
			require.NotNil(t, found, "%s says nothing of\n%s", r.rule, r.bad)
			require.NotEmpty(t, found.Message)
			require.NotEmpty(t, found.Fix)
			require.NotZero(t, found.Line)
			require.NotContains(t, found.String(), "hunter2")
			for _, f := range lintOf(t, sound+r.good+"\n", r.systemd) {
				require.NotEqual(t, r.rule, f.Rule, "%s\n%s", f, r.good)
			}
		})
	}
}

func TestReports(t *testing.T) {
	found := lintOf(t, sound+"MemoryMax=512MB\nLimitAS=1G\n", 0)
	require.Len(t, found, 2)
	var text bytes.Buffer
	require.NoError(t, unit.WriteText(&text, found))
	require.Equal(t, found[0].String()+"\n"+found[1].String()+"\n", text.String())
	text.Reset()
	require.NoError(t, unit.WriteSARIF(&text, found))
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID, Level string
				Locations     []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(text.Bytes(), &log))
	require.Equal(t, "2.1.0", log.Version)
	require.Len(t, log.Runs[0].Tool.Driver.Rules, 2)
	r := log.Runs[0].Results[0]
	require.Equal(t, "bad-value", r.RuleID)
	require.Equal(t, "error", r.Level)
	require.Equal(t, 7, r.Locations[0].PhysicalLocation.Region.StartLine)
	require.Equal(t, "app.service", r.Locations[0].PhysicalLocation.ArtifactLocation.URI)
	text.Reset()
	require.NoError(t, unit.WriteSARIF(&text, nil))
	require.Contains(t, text.String(), `"results": []`)
}

func TestDropInDirs(t *testing.T) {
	require.Equal(t, []string{"app-web-a@one.service.d", "app-web-a@.service.d", "app-web-.service.d", "app-.service.d", "service.d"}, unit.DropInDirs("app-web-a@one.service"))
	require.Equal(t, []string{"app.socket.d", "socket.d"}, unit.DropInDirs("app.socket"))
}

func TestLoad(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	tree := fstest.MapFS{
		"usr/lib/systemd/system/app.service":                  file("[Service]\nExecStart=/bin/a\nEnvironment=A=1\nUser=app\nType=exec\n"),
		"usr/lib/systemd/system/app.service.d/20-b.conf":      file("[Service]\nEnvironment=B=2\n"),
		"etc/systemd/system/app.service.d/10-a.conf":          file("[Service]\nEnvironment=\nEnvironment=C=3\nMemoryMax=512MB\n"),
		"etc/systemd/system/service.d/20-b.conf":              file("[Service]\nEnvironment=HIDDEN=1\n"),
		"usr/lib/systemd/system/service.d/30-all.conf":        file("[Service]\nNice=5\n"),
		"usr/lib/systemd/system/app.service.d/40-gone.conf":   file("[Service]\nNice=7\n"),
		"etc/systemd/system/app.service.d/40-gone.conf":       file(""),
		"usr/lib/systemd/system/tmpl@.service":                file("[Service]\nExecStart=/bin/%i\n"),
		"run/systemd/system/tmpl@one.service.d/instance.conf": file("[Service]\nNice=1\n"),
	}
	f, err := unit.Load(tree, nil, "app.service")
	require.NoError(t, err)
	require.Equal(t, []string{"C=3", "B=2"}, f.All("Service", "Environment"))
	v, _ := f.Get("Service", "Nice")
	require.Equal(t, "5", v)
	var bad []unit.Finding
	for _, x := range unit.Lint(f, unit.Target{}) {
		if x.Rule == "bad-value" {
			bad = append(bad, x)
		}
	}
	require.Len(t, bad, 1)
	require.Equal(t, "/etc/systemd/system/app.service.d/10-a.conf", bad[0].File)
	require.Equal(t, 4, bad[0].Line)
	require.Error(t, f.Set("Service", "Nice", "1"), "a merged unit can't be edited")
	f, err = unit.Load(tree, nil, "tmpl@one.service")
	require.NoError(t, err)
	v, _ = f.Get("Service", "Nice")
	require.Equal(t, "1", v)
	_, err = unit.Load(tree, nil, "none.service")
	require.ErrorContains(t, err, "none.service")
}

func TestInstances(t *testing.T) {
	for text, escaped := range map[string]string{"a/b": "a-b", "a-b": `a\x2db`, ".x": `\x2ex`, "a b": `a\x20b`, "ü": `\xc3\xbc`, "a:b_c.d": "a:b_c.d", "": ""} {
		require.Equal(t, escaped, unit.Escape(text))
		back, err := unit.Unescape(escaped)
		require.NoError(t, err)
		require.Equal(t, text, back)
	}
	require.Equal(t, "srv-data", unit.EscapePath("/srv//data/"))
	require.Equal(t, "-", unit.EscapePath("/"))
	back, err := unit.UnescapePath("-")
	require.NoError(t, err)
	require.Equal(t, "/", back)
	for _, bad := range []string{`a\`, `\x`, `\xzz`, `\n`} {
		_, err := unit.Unescape(bad)
		require.Error(t, err, bad)
	}
	name, err := unit.Instance("app@.service", "a/b")
	require.NoError(t, err)
	require.Equal(t, "app@a-b.service", name)
	for _, bad := range [][2]string{{"app.service", "x"}, {"app@.service", ""}, {"app@x.service", "y"}, {"@.service", "x"}} {
		_, err := unit.Instance(bad[0], bad[1])
		require.Error(t, err)
	}
	template, instance, ok := unit.Template("app@a-b.service")
	require.True(t, ok)
	require.Equal(t, "app@.service", template)
	require.Equal(t, "a-b", instance)
}
