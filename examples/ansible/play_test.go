package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// playbook runs the real Ansible, with the module as a person would install it,
// and with all that it writes in a folder of the test's.
type playbook struct{ dir, root string }

func newPlaybook(t *testing.T) playbook {
	t.Helper()
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		const missing = "ansible-playbook is not installed; apt-get install --no-install-recommends ansible-core"
		if os.Getenv("BEDPLATE_REQUIRE_TOOLS") != "" {
			t.Fatal(missing + " (BEDPLATE_REQUIRE_TOOLS is set)")
		}
		t.Skip(missing)
	}
	p := playbook{dir: t.TempDir()}
	p.root = filepath.Join(p.dir, "machine")
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "ansible.cfg"), nil, 0o600)) // and none of the user's
	build := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(p.dir, "library", "bedplate_service"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return p
}

func (p playbook) run(t *testing.T, args ...string) (recap, output string, failed bool) {
	t.Helper()
	cmd := exec.Command("ansible-playbook", append([]string{"-i", "localhost,", "-M", filepath.Join(p.dir, "library"), "-e", "root=" + p.root, "testdata/play.yml"}, args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "TMPDIR=" + p.dir, "LC_ALL=C.UTF-8", "ANSIBLE_CONFIG=" + filepath.Join(p.dir, "ansible.cfg"), "ANSIBLE_NOCOLOR=1",
		"ANSIBLE_HOME=" + p.dir, "ANSIBLE_LOCAL_TEMP=" + filepath.Join(p.dir, "local"), "ANSIBLE_REMOTE_TEMP=" + filepath.Join(p.dir, "remote"),
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	output = out.String()
	m := recapLine.FindStringSubmatch(output)
	require.NotNil(t, m, "%v\n%s", err, output)
	return m[1] + " " + m[2] + " " + m[3], output, err != nil
}

var recapLine = regexp.MustCompile(`localhost +: (ok=\d+) +(changed=\d+) .*(failed=\d+)`)

func TestPlaybook(t *testing.T) {
	p := newPlaybook(t)
	recap, out, failed := p.run(t, "--check", "--diff")
	require.False(t, failed, out)
	require.Equal(t, "ok=3 changed=2 failed=0", recap, out)
	require.NoDirExists(t, p.root, "check mode changes nothing")
	require.Contains(t, out, "\ntree: create file /etc/hello/hello.json: 0640 root:hello")
	require.Contains(t, out, "\n--- before: /etc/systemd/system/hello.service\n+++ after: /etc/systemd/system/hello.service\n")
	require.Contains(t, out, "\n+MemoryMax=256M\n")
	require.NotContains(t, out, "horse")
	require.NotContains(t, out, "quiet.service")

	recap, out, failed = p.run(t, "-v")
	require.False(t, failed, out)
	require.Equal(t, "ok=3 changed=2 failed=0", recap, out)
	require.NotContains(t, out, "horse")
	require.NotContains(t, out, "quiet.service")
	require.JSONEq(t, `{"greeting": "hello from a playbook", "phrase": "hunter2 correct horse"}`, read(t, p.root, "/etc/hello/hello.json"))
	require.Contains(t, read(t, p.root, unitFile), "\nEnvironment=LEVEL=3\n")
	require.Contains(t, read(t, p.root, unitFile), "\nTasksMax=64\n")
	require.FileExists(t, filepath.Join(p.root, "/etc/systemd/system/quiet.service"))

	recap, out, failed = p.run(t)
	require.False(t, failed, out)
	require.Equal(t, "ok=3 changed=0 failed=0", recap, out)
	require.Contains(t, out, `"0 changes"`)

	recap, out, failed = p.run(t, "-e", "memory=512M")
	require.True(t, failed, out)
	require.Equal(t, "ok=0 changed=0 failed=1", recap, out)
	require.Contains(t, out, `limits.memory_max: cgroupv2: memory \"512MM\"`)
	require.Equal(t, 1, strings.Count(out, "fatal: "), out)
	require.NotContains(t, out, "MODULE FAILURE")
}
