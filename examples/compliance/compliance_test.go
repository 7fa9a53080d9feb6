package main

import (
	"bufio"
	"context"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/unit"
	"github.com/bedplate/bedplate/verify"
	file "github.com/bedplate/bedplate/verify/policy"
	"github.com/stretchr/testify/require"
)

var machine = flag.Bool("machine", false, "verify the machine that the test runs on, and not an image that it makes")

// TestPolicy is the policy as an ordinary Go test: each check a subtest. It
// verifies an image that it makes, or with -machine the machine that it runs on.
func TestPolicy(t *testing.T) {
	root := ""
	if !*machine {
		root = stage(t)
	}
	verify.Test(t, policy(root)...)
}

// TestTwoSpellings: the file and the code ask the same.
func TestTwoSpellings(t *testing.T) {
	list, err := file.Read("policy.yaml", strings.NewReader(spelled))
	require.NoError(t, err)
	still := func(list []verify.Check) (out []verify.Check) {
		for _, c := range list {
			c.Look = nil
			out = append(out, c)
		}
		return out
	}
	require.Equal(t, still(policy("")), still(list))
}

// stage makes the image: what examples/provision makes, as far as the policy
// looks at it, with a program that is quicker to build.
func stage(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	src := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(src, "go.mod"), []byte("module example.com/hello\n\ngo 1.26\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(src, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o600))
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", "hello", ".")
	build.Dir = src
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=", "GOWORK=off")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	entries := []layout.Entry{
		layout.Dir{Path: "/opt/hello/bin"}, layout.File{Path: binary, Source: layout.FromHost(filepath.Join(src, "hello")), Mode: 0o755},
		layout.File{Path: config, Content: []byte("{}\n"), Mode: 0o640}, layout.Symlink{Path: "/opt/hello/logs", Target: "/var/log/hello"},
		layout.File{Path: goroot + "/VERSION", Content: []byte("go1.26.8\n")},
	}
	for _, u := range []unit.Unit{
		unit.Service{Name: "hello", Exec: []string{binary}, User: "hello", Sockets: []string{socket}, Limits: limits}, unit.Socket{Name: "hello", Listen: []string{"127.0.0.1:8080"}},
	} {
		text, err := unit.Render(u)
		require.NoError(t, err)
		entries = append(entries, layout.File{Path: "/etc/systemd/system/" + u.UnitName(), Content: text})
	}
	_, err = layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: entries}.Ensure(t.Context())
	require.NoError(t, err)
	return root
}

func TestCommand(t *testing.T) {
	root := stage(t)
	dir := t.TempDir()
	compliance := func(args ...string) (code int, stdout, stderr string) {
		var out, complaint strings.Builder
		code = run(t.Context(), append([]string{"-root", root}, args...), &out, &complaint)
		return code, out.String(), complaint.String()
	}
	code, out, _ := compliance()
	require.Zero(t, code, out)
	require.Contains(t, out, "11 pass")

	code, out, _ = compliance("-list", "-only", "binary")
	require.Zero(t, code)
	require.Equal(t, 3, strings.Count(out, "\n"))

	for _, f := range verify.Formats() {
		code, out, _ = compliance("-format", string(f))
		require.Zero(t, code)
		require.NotEmpty(t, out)
		report := filepath.Join(dir, string(f))
		code, out, _ = compliance("-format", string(f), "-o", report)
		require.Zero(t, code)
		require.Empty(t, out)
		require.FileExists(t, report)
	}
	mine := filepath.Join(dir, "mine.yaml")
	require.NoError(t, os.WriteFile(mine, []byte("bedplate: policy/1\nroot: "+root+"\nchecks:\n  - absent: "+config+"\n  - static: "+binary+"\n"), 0o600))
	code, out, _ = compliance("-policy", mine)
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "wanted absent")
	code, out, _ = compliance("-policy", mine, "-format", "nagios", "-name", "HELLO")
	require.Equal(t, 2, code)
	require.Contains(t, out, "HELLO CRITICAL - 1 fail")
	code, _, _ = compliance("-policy", mine, "-skip", "path")
	require.Zero(t, code)

	require.NoError(t, os.WriteFile(mine, []byte("bedplate: policy/1\nchecks:\n  - statick: "+binary+"\n"), 0o600))
	for _, args := range [][]string{{"-policy", mine}, {"-only", "nothing"}, {"-format", "yaml"}, {"-o", "/proc/none/report"}, {"-frobnicate"}, {"more"}, {"-policy", filepath.Join(dir, "none")}} {
		code, out, complaint := compliance(args...)
		require.Equal(t, exitTrouble, code, args)
		require.Empty(t, out, args)
		require.NotEmpty(t, complaint, args)
	}
	_, _, complaint := compliance("-policy", mine)
	require.Contains(t, complaint, "mine.yaml:3: there is no kind of check \"statick\"; did you mean static?")
}

// A report that can't be written is trouble, whatever the machine is like.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if os.IsNotExist(err) {
		t.Skip("this kernel has no /dev/full: it is Linux's")
	}
	require.NoError(t, err)
	defer full.Close()
	var complaint strings.Builder
	require.Equal(t, exitTrouble, run(t.Context(), []string{"-root", stage(t)}, full, &complaint))
	require.Contains(t, complaint.String(), "no space left on device")
}

// TestWatch: the first report, and then a line for what turns.
func TestWatch(t *testing.T) {
	root := stage(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"-root", root, "-watch", "10ms"}, in, io.Discard)
		in.Close()
	}()
	lines := bufio.NewScanner(out)
	until := func(text string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		require.Fail(t, "it ended without "+text)
	}
	until("11 pass in ")
	require.NoError(t, os.Chmod(filepath.Join(root, config), 0o666))
	until("path" + config + "/mode: pass → fail; wanted -rw-r-----, found -rw-rw-rw-")
	require.NoError(t, os.Chmod(filepath.Join(root, config), 0o640))
	until("path" + config + "/mode: fail → pass")
	cancel()
	require.Zero(t, <-done)
}
