//go:build privileged

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/stretchr/testify/require"
)

// live are the arguments that take this machine from nothing to the service: the
// SDK and the binary come from the host, where compiling is quick.
func live(t *testing.T) []string {
	t.Helper()
	version, err := os.ReadFile(testenv.Payload(t, "sdk/version"))
	require.NoError(t, err)
	sum, err := os.ReadFile(testenv.Payload(t, "sdk/sha256"))
	require.NoError(t, err)
	return []string{
		"-live", "-json", "-go", string(version), "-source", testenv.Payload(t, "sdk/sdk.zip"), "-sha256", string(sum),
		"-binary", testenv.Payload(t, "bin/hello"), "-disk", testenv.Scratch(t),
	}
}

func output(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	require.NoError(t, err, "%v: %s", argv, out)
	return strings.TrimSpace(string(out))
}

func get(t *testing.T) string {
	t.Helper()
	resp, err := http.Get("http://127.0.0.1:8080/")
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	return string(b)
}

func kernel(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", output(t, "systemctl", "show", "-P", "ControlGroup", "hello.service"), file))
	require.NoError(t, err)
	return strings.TrimSpace(string(b))
}

// TestLive goes from nothing to a serving service, and looks with the machine's
// own tools whether it is what was asked for.
func TestLive(t *testing.T) {
	require.NoFileExists(t, "/etc/systemd/system/hello.service")
	planned := provision(t, append(live(t), "-plan")...)
	require.NoError(t, planned.err)
	require.NoFileExists(t, "/etc/systemd/system/hello.service", "a plan changes nothing")

	first := provision(t, live(t)...)
	require.NoError(t, first.err, first.stdout)
	require.Zero(t, first.code, first.stdout)
	require.Equal(t, planOf(planned.json(t).Changes), planOf(first.json(t).Changes), "the plan was honest")

	require.Equal(t, "active\nactive", output(t, "systemctl", "is-active", "hello.service", "hello.socket"))
	require.Equal(t, "enabled\nenabled", output(t, "systemctl", "is-enabled", "hello.service", "hello.socket"))
	require.Equal(t, "hello from a bounded service\n", get(t))

	require.Equal(t, strconv.Itoa(256<<20), kernel(t, "memory.max"))
	require.Equal(t, strconv.Itoa(224<<20), kernel(t, "memory.high"))
	require.Equal(t, "50000 100000", kernel(t, "cpu.max"))
	require.Equal(t, "64", kernel(t, "pids.max"))
	require.Contains(t, kernel(t, "io.max"), "rbps=20971520 wbps=20971520")
	require.Contains(t, output(t, "systemctl", "show", "-P", "ControlGroup", "hello.service"), "/hello.slice/")

	t.Run("journal", journalHasFields)
	t.Run("exposure", exposureIsLow)
	t.Run("again", againChangesNothing)
	t.Run("activation", socketStartsIt)
	t.Run("update", updateRestartsIt)
	t.Run("drift", driftIsFound)
}

// journalHasFields: native fields, not JSON in a message.
func journalHasFields(t *testing.T) {
	output(t, "journalctl", "--sync")
	for line := range strings.Lines(output(t, "journalctl", "-u", "hello.service", "-o", "json", "--no-pager")) {
		var entry map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		if entry["MESSAGE"] == "request" {
			require.Equal(t, "200", entry["HTTP_STATUS"])
			require.Equal(t, "GET", entry["HTTP_METHOD"])
			require.Equal(t, "6", entry["PRIORITY"])
			return
		}
	}
	require.Fail(t, "no entry of a request in the journal")
}

var exposure = regexp.MustCompile(`Overall exposure level for hello.service: ([0-9.]+)`)

func exposureIsLow(t *testing.T) {
	m := exposure.FindStringSubmatch(output(t, "systemd-analyze", "security", "--no-pager", "hello.service"))
	require.NotNil(t, m)
	score, err := strconv.ParseFloat(m[1], 64)
	require.NoError(t, err)
	most := 1.2
	if testenv.Systemd(t) < 252 { // it lacks some of the directives
		most = 1.5
	}
	require.LessOrEqual(t, score, most)
}

func againChangesNothing(t *testing.T) {
	pid := output(t, "systemctl", "show", "-P", "MainPID", "hello.service")
	second := provision(t, live(t)...)
	require.NoError(t, second.err)
	require.Zero(t, second.code, second.stdout)
	require.Empty(t, second.json(t).Changes)
	require.Equal(t, pid, output(t, "systemctl", "show", "-P", "MainPID", "hello.service"))
}

// socketStartsIt: the socket outlives the service, and starts it again.
func socketStartsIt(t *testing.T) {
	output(t, "systemctl", "stop", "hello.service")
	require.Equal(t, "hello from a bounded service\n", get(t))
	require.Equal(t, "active", output(t, "systemctl", "is-active", "hello.service"))
}

// updateRestartsIt: the service runs what is installed, not what was.
func updateRestartsIt(t *testing.T) {
	pid := output(t, "systemctl", "show", "-P", "MainPID", "hello.service")
	require.NoError(t, os.WriteFile(config, []byte(`{"greeting": "changed by hand"}`), 0o640))
	planned := provision(t, append(live(t), "-plan")...)
	got := provision(t, live(t)...)
	require.NoError(t, got.err)
	require.Zero(t, got.code, got.stdout)
	changes := got.json(t).Changes
	require.Equal(t, planOf(planned.json(t).Changes), planOf(changes), "the plan was honest")
	require.Len(t, changes, 2, "the file is put right, and the service restarted")
	require.Equal(t, "hello.service", changes[1].Target)
	require.NotEqual(t, pid, output(t, "systemctl", "show", "-P", "MainPID", "hello.service"))
	require.Equal(t, "hello from a bounded service\n", get(t))
}

// driftIsFound: a limit that only the kernel has is no change for any file, and
// is found all the same; provisioning again does not hide it.
func driftIsFound(t *testing.T) {
	group := output(t, "systemctl", "show", "-P", "ControlGroup", "hello.service")
	require.NoError(t, os.WriteFile(filepath.Join("/sys/fs/cgroup", group, "pids.max"), []byte("63"), 0))
	got := provision(t, live(t)...)
	require.NoError(t, got.err)
	require.Equal(t, exitFailed, got.code)
	for _, r := range got.json(t).Report.Results {
		if string(r.Status) == "fail" {
			require.Contains(t, r.Check, "pids.max")
		}
	}
}

// TestLiveRefusesAnOrdinaryUser: nothing is touched.
func TestLiveRefusesAnOrdinaryUser(t *testing.T) {
	cmd := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", testenv.Payload(t, "bin/provision"), "-live", "-binary", testenv.Payload(t, "bin/hello"))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, exitUsage, exit.ExitCode())
	require.Equal(t, 1, strings.Count(string(out), "\n"), string(out))
	require.Contains(t, string(out), "-live needs root")
}
