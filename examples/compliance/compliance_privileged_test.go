//go:build privileged

package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/internal/testenv/provisioned"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func sh(t *testing.T, line string) string {
	t.Helper()
	out, err := exec.Command("/bin/sh", "-ec", line).CombinedOutput()
	require.NoError(t, err, "%s\n%s", line, out)
	return strings.TrimSpace(string(out))
}

// started runs a program and gives what became of it.
func started(t *testing.T, argv ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	var out, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), out.String(), complaint.String()
	}
	require.NoError(t, err)
	return 0, out.String(), complaint.String()
}

func TestProvisionedMachine(t *testing.T) {
	provisioned.Machine(t)
	require.NoError(t, verify.Run(t.Context(), checks.HTTP(url+"/", "hello")).Err())
	t.Run("on the target", onTheTarget)
	t.Run("without root", withoutRoot)
}

// onTheTarget: this test binary is static, and there is no Go in PATH; the
// policy is run by it, by the command, and from the file, and all say the same.
func onTheTarget(t *testing.T) {
	_, err := exec.LookPath("go")
	require.ErrorIs(t, err, exec.ErrNotFound)
	self, err := os.Executable()
	require.NoError(t, err)
	command := testenv.Payload(t, "bin/compliance")
	verify.Require(t, checks.Static("", self), checks.Static("", command))
	yaml := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(yaml, []byte(spelled), 0o600))

	inTest := []string{self, "-test.run", "^TestPolicy$", "-test.v", "-machine"}
	code, out, _ := started(t, inTest...)
	require.Zero(t, code, out)
	require.Contains(t, out, "--- PASS: TestPolicy/unit/hello.service/active")
	for _, argv := range [][]string{{command}, {command, "-policy", yaml}} {
		code, out, complaint := started(t, argv...)
		require.Zero(t, code, out+complaint)
	}
	code, out, _ = started(t, command, "-format", "nagios")
	require.Zero(t, code, out)

	sh(t, "systemctl stop hello.service")
	code, out, _ = started(t, inTest...)
	require.Equal(t, 1, code)
	require.Contains(t, out, "--- FAIL: TestPolicy/unit/hello.service/active")
	require.Contains(t, out, "found   inactive (dead)")
	for _, argv := range [][]string{{command}, {command, "-policy", yaml}} {
		code, out, _ := started(t, argv...)
		require.Equal(t, exitFailed, code)
		require.Contains(t, out, "wanted active, found inactive (dead)")
		require.Contains(t, out, "not asked because of it: unit/hello.service/ready")
		require.Contains(t, out, "1 fail, ", "one fault is reported once")
	}
	code, out, _ = started(t, command, "-format", "nagios")
	require.Equal(t, 2, code, out)
	code, _, complaint := started(t, "/bin/sh", "-c", command+" > /dev/full")
	require.Equal(t, exitTrouble, code)
	require.Contains(t, complaint, "no space left on device")
	sh(t, "systemctl start hello.service")
}

// needRoot are the checks that only root can answer.
var needRoot = []string{
	"account/password/hello", "path" + config + "/mode", "path" + config + "/owned by", "unit/hello.service/go limits", "unit/hello.service/listening", "write audit/hello", "go/stray",
}

// withoutRoot: what an ordinary user can't see is unknown, and nothing fails
// for that.
func withoutRoot(t *testing.T) {
	code, out, complaint := started(t, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", testenv.Payload(t, "bin/compliance"), "-format", "json")
	require.Equal(t, exitFailed, code, complaint)
	var report struct {
		Results []struct{ Check, Status, Cause string }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Len(t, report.Results, len(policy("")))
	var unknown []string
	for _, r := range report.Results {
		require.NotEqual(t, "fail", r.Status, "%s: %s", r.Check, r.Cause)
		if r.Status == "unknown" {
			unknown = append(unknown, r.Check)
			require.NotEmpty(t, r.Cause)
		}
	}
	require.ElementsMatch(t, needRoot, unknown)
}
