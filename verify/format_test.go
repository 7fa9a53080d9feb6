package verify_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bedplate/bedplate/verify"
	"github.com/stretchr/testify/require"
)

func TestFormats(t *testing.T) {
	r := sample(t)
	dir := t.TempDir()
	for _, f := range verify.Formats() {
		var b bytes.Buffer
		require.NoError(t, r.Write(&b, f, "app01"))
		require.NotEmpty(t, b.String())
		file := filepath.Join(dir, string(f))
		require.NoError(t, r.WriteFile(file, f, "app01"))
		written, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, b.String(), string(written))
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o644), info.Mode())
	}
	require.ErrorContains(t, r.Write(&bytes.Buffer{}, "yaml", ""), `no report format "yaml"; there are text, json, junit, tap, prometheus, nagios`)
	require.ErrorContains(t, r.WriteFile(filepath.Join(dir, "x"), "yaml", ""), "no report format")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, len(verify.Formats()), "nothing else is left")
}

// A report on a full disk is an error in every format, and not half a report
// that reads as a good one.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if os.IsNotExist(err) {
		t.Skip("this kernel has no /dev/full: it is Linux's")
	}
	require.NoError(t, err)
	defer full.Close()
	for _, f := range verify.Formats() {
		require.ErrorIs(t, sample(t).Write(full, f, "app01"), syscall.ENOSPC, f)
	}
	require.ErrorContains(t, sample(t).WriteFile("/proc/none/report", verify.FormatJSON, ""), "the report was not written")
}

func TestTerminal(t *testing.T) {
	require.False(t, verify.Terminal(&bytes.Buffer{}))
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	defer f.Close()
	require.False(t, verify.Terminal(f))
}

func TestNagiosStatus(t *testing.T) {
	check := func(name string, s verify.Status) verify.Check {
		return verify.Check{Name: name, Look: says(verify.Finding{Status: s})}
	}
	for _, c := range []struct {
		checks []verify.Check
		status int
		word   string
	}{
		{[]verify.Check{check("a", verify.Pass), check("b", verify.NotApplicable)}, 0, "S OK - "},
		{[]verify.Check{check("a", verify.Pass), check("b", verify.Warn)}, 1, "S WARNING - "},
		{[]verify.Check{check("a", verify.Fail), check("b", verify.Unknown)}, 2, "S CRITICAL - "},
		{[]verify.Check{check("a", verify.Warn), check("b", verify.Unknown)}, 3, "S UNKNOWN - "},
		{nil, 3, "S UNKNOWN - "},
		{[]verify.Check{{}}, 3, "S UNKNOWN - nothing was checked: verify: check 1"},
	} {
		r := verify.Run(t.Context(), c.checks...)
		require.Equal(t, c.status, r.Nagios())
		var b strings.Builder
		require.NoError(t, r.WriteNagios(&b, "S"))
		require.True(t, strings.HasPrefix(b.String(), c.word), b.String())
	}
}

// inner makes this test binary the test suite of somebody whose machine is not
// as wanted.
const inner = "BEDPLATE_VERIFY_INNER"

func TestInnerSuite(t *testing.T) {
	down := verify.Check{Name: "unit/app.service/active", Look: says(verify.Equal("active", "failed").Because("exit status 1", "journalctl -u app.service"))}
	behind := verify.Check{Name: "limits", Needs: []string{down.Name}, Look: says(verify.Passed(""))}
	switch os.Getenv(inner) {
	case "test":
		verify.Test(t, down, behind, verify.Check{Name: "fine", Look: says(verify.Passed("as wanted"))})
	case "require":
		verify.Require(t, down, behind)
		t.Log("went on")
	case "nothing":
		verify.Test(t)
	case "impossible":
		verify.Test(t, verify.Check{Name: "a"})
	default: // the suite of the inner process is what the test below starts
		require.Empty(t, os.Getenv(inner))
	}
}

func TestGoTestSaysWhatIsWrong(t *testing.T) {
	run := func(which string) string {
		t.Helper()
		cmd := exec.Command(os.Args[0], "-test.run=^TestInnerSuite$", "-test.v")
		cmd.Env = append(os.Environ(), inner+"="+which)
		out, err := cmd.CombinedOutput()
		require.Error(t, err, "%s", out)
		return string(out)
	}
	out := run("test")
	for _, want := range []string{
		"--- FAIL: TestInnerSuite/unit/app.service/active", "fail\n        wanted  active\n        found   failed\n        cause   exit status 1\n        remedy  journalctl -u app.service\n",
		"--- FAIL: TestInnerSuite/limits", "not asked: it needs unit/app.service/active", "--- PASS: TestInnerSuite/fine",
	} {
		require.Contains(t, out, want)
	}
	out = run("require")
	require.Contains(t, out, "unit/app.service/active: fail; wanted active, found failed; exit status 1")
	require.Contains(t, out, "(1 more were not asked because of that)")
	require.NotContains(t, out, "went on")
	require.Contains(t, run("nothing"), "nothing is proven")
	require.Contains(t, run("impossible"), "it has nothing to do; set Look")
}
