package checks

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSpan(t *testing.T) {
	for text, want := range map[string]uint64{
		"5s": 5e6, "90": 90e6, "1min 30s": 90e6, "100ms": 1e5, "1h": 3600e6, "2min": 120e6, "1.5s": 15e5, "10us": 10, "1 min": 60e6, "5 sec": 5e6, "infinity": math.MaxUint64, "0": 0, "1d": 86400e6,
	} {
		got, ok := span(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "soon", "5x", "s", "-1s"} {
		got, ok := span(text)
		require.False(t, ok, "%q is %d", text, got)
	}
}

// FuzzSpan: what is read is never read differently with a blank before it.
func FuzzSpan(f *testing.F) {
	f.Add("1min 30s")
	f.Add("5")
	f.Fuzz(func(t *testing.T, text string) {
		a, okA := span(text)
		b, okB := span(" " + text)
		if text != "infinity" && (a != b || okA != okB) {
			t.Fatalf("%q is %d %v, with a blank %d %v", text, a, okA, b, okB)
		}
	})
}

func TestSocketAddress(t *testing.T) {
	for text, want := range map[string]string{"0100007F:1F90": "127.0.0.1:8080", "00000000:0050": "0.0.0.0:80", "00000000000000000000000001000000:1F90": "[::1]:8080"} {
		got, err := socketAddress(text)
		require.NoError(t, err)
		require.Equal(t, want, got, "on a little-endian machine, as all that Go's Linux ports of Debian are but s390x")
	}
	for _, text := range []string{"", "0100007F", "0100007F:", "XX00007F:1F90", "0100007F00:1F90", "0100007F:1F90F"} {
		_, err := socketAddress(text)
		require.Error(t, err, text)
	}
}

func TestUnixListener(t *testing.T) {
	inode, path, ok := unixListener("0000000000000000: 00000002 00000000 00010000 0001 01   123 /run/a b  c.sock\n")
	require.True(t, ok)
	require.Equal(t, []string{"123", "/run/a b  c.sock"}, []string{inode, path})
	for _, line := range []string{
		"Num       RefCount Protocol Flags    Type St Inode Path\n", "0000000000000000: 00000003 00000000 00000000 0001 03 123 /run/connected.sock\n",
		"0000000000000000: 00000002 00000000 00010000 0001 01 123\n", "",
	} {
		_, _, ok := unixListener(line)
		require.False(t, ok, line)
	}
}

func TestPerSecond(t *testing.T) {
	for text, want := range map[string]uint64{"50000 100000": 5e5, "max 100000": math.MaxUint64, "50000 10000": 5e6} {
		got, err := perSecond(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "x 1", "1 0", "1"} {
		_, err := perSecond(text)
		require.Error(t, err, text)
	}
}

// What systemd ignores is found in what it has instead.
func TestComparisons(t *testing.T) {
	p := properties{
		"MemoryMax": uint64(math.MaxUint64), "CPUQuotaPerSecUSec": uint64(500000), "TasksMax": uint64(64), "NoNewPrivileges": true, "Restart": "on-failure", "User": "app",
		"LimitNOFILE": uint64(4096), "LimitNOFILESoft": uint64(1024), "Environment": []string{"A=b", "SECRET=hunter2"}, "RestartUSec": uint64(1e6),
		"ExecStart": [][]any{{"/bin/app", []string{"/bin/app", "-v"}}}, "Listen": [][]any{{"Stream", "[::]:8080"}},
	}
	for _, c := range []struct {
		key    string
		values []string
		drift  string
		ok     bool
	}{
		{"MemoryMax", []string{"512MB"}, "MemoryMax=512MB, systemd has infinity", true},
		{"MemoryMax", []string{"infinity"}, "", true},
		{"MemoryMax", []string{"50%"}, "", false},
		{"CPUQuota", []string{"50%"}, "", true},
		{"CPUQuota", []string{"75"}, "CPUQuota=75, systemd has 50%", true},
		{"TasksMax", []string{"10", "64"}, "", true},
		{"TasksMax", []string{"lots"}, "TasksMax=lots, systemd has 64", true},
		{"NoNewPrivileges", []string{"yes"}, "", true},
		{"NoNewPrivileges", []string{"off"}, "NoNewPrivileges=off, systemd has yes", true},
		{"NoNewPrivileges", []string{"maybe"}, "NoNewPrivileges=maybe, systemd has yes", true},
		{"Restart", []string{"on-failures"}, "Restart=on-failures, systemd has on-failure", true},
		{"User", []string{"%i"}, "", false},
		{"User", []string{"app"}, "", true},
		{"LimitNOFILE", []string{"1024:4096"}, "", true},
		{"LimitNOFILE", []string{"4096"}, "LimitNOFILE=4096, systemd has 1024:4096", true},
		{"Environment", []string{"A=b", "SECRET=hunter2"}, "", true},
		{"Environment", []string{"A=c SECRET=hunter3", "B=d"}, "Environment= differs in A, B, SECRET", true},
		{"RestartSec", []string{"1s"}, "", true},
		{"RestartSec", []string{"5"}, "RestartSec=5, systemd has 1s", true},
		{"ExecStart", []string{"/bin/app -v"}, "", true},
		{"ExecStart", []string{"-/bin/app  -v"}, "", true},
		{"ExecStart", []string{"/bin/app"}, "ExecStart=/bin/app, systemd has /bin/app -v", true},
		{"ExecStart", []string{"/bin/app '-v'"}, "", false},
		{"ListenStream", []string{"8080"}, "", true},
		{"ListenStream", []string{"127.0.0.1:8080"}, "ListenStream=127.0.0.1:8080, systemd has [::]:8080", true},
	} {
		drift, ok := directives[c.key](p, c.key, c.values)
		require.Equal(t, c.drift, drift, "%s=%v", c.key, c.values)
		require.Equal(t, c.ok, ok, "%s=%v", c.key, c.values)
	}
}

// A drop-in that systemd has not read is found by its name; systemd says itself
// which file of a name it took, and that one of those it read has changed.
func TestUnreadDropIn(t *testing.T) {
	root := t.TempDir()
	p := properties{"DropInPaths": []string{"/usr/lib/systemd/system/app.service.d/10-a.conf"}}
	unread := func() string {
		file, err := unreadDropIn(root, "app.service", p)
		require.NoError(t, err)
		return strings.TrimPrefix(file, root)
	}
	put := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	require.Empty(t, unread())
	put("usr/lib/systemd/system/app.service.d/10-a.conf", "[Service]\n")
	put("etc/systemd/system/app.service.d/10-a.conf", "[Service]\n") // which wins, and of that systemd knows
	put("etc/systemd/system/app.service.d/README", "text")
	put("etc/systemd/system/other.service.d/20-b.conf", "[Service]\n")
	put("etc/systemd/system/app.service.d/30-c.conf", "") // hides others
	require.Empty(t, unread())
	put("run/systemd/system/service.d/40-d.conf", "[Service]\n")
	require.Equal(t, "/run/systemd/system/service.d/40-d.conf", unread())
}
