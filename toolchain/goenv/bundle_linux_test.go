package goenv_test

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
)

// withoutNetwork starts a command in a network namespace that has nothing but a
// loopback device that is down.
func withoutNetwork(t testing.TB, goCommand, dir string, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(goCommand, args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		if os.Getenv("BEDPLATE_REQUIRE_TOOLS") != "" {
			t.Fatalf("no network namespace can be made here, and BEDPLATE_REQUIRE_TOOLS is set: %v", err)
		}
		t.Skipf("no network namespace can be made here: %v", err)
	}
	err := cmd.Wait()
	return downloading.ReplaceAllString(out.String(), ""), err
}

// nobody answers HTTP.
type nobody struct{}

func (nobody) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, errors.New("asked for " + r.URL.String())
}

// TestBundleWithoutNetwork makes a bundle of a real module here, and uses it
// where there is no network at all.
func TestBundleWithoutNetwork(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module example.com/app\n\ngo 1.26\n",
		"main.go": "package main\n\nimport \"" + realModule + "\"\n\nfunc main() { print(xerrors.New(\"from a bundle\").Error()) }\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	out, err := goRun(t, dir, append(os.Environ(), "GOFLAGS=-mod=mod"), "get", realModule+"@"+realVersion)
	require.NoError(t, err, out)
	file := filepath.Join(t.TempDir(), "bundle")
	p := goenv.Pack{Dir: dir}
	if os.Getenv("BEDPLATE_LONG") != "" {
		p.SDK = runtime.Version()
	}
	packed, err := p.Write(t.Context(), file)
	require.NoError(t, err)
	require.Contains(t, packed.Modules, realModule+"@"+realVersion)
	here, err := goenv.FromGo(t.Context(), "go")
	require.NoError(t, err)
	b := goenv.Bundle{Path: file, Dir: filepath.Join(t.TempDir(), "bundle"), SumDB: here.SumDB}
	converge(t, b)
	m, err := b.Modules()
	require.NoError(t, err)

	goCommand := "go"
	// There is no network: by the ordinary settings the module can't be had.
	out, err = withoutNetwork(t, goCommand, dir, machine(t, here), "mod", "download")
	require.Error(t, err, out)
	env := machine(t, m)
	if p.SDK != "" { // the SDK that was in the bundle builds, with nothing in its cache
		sdk := toolchain.SDK{Version: p.SDK, Dir: t.TempDir(), Source: toolchain.ModuleProxy{Proxies: m.Proxy, SumDB: m.SumDB, Client: &http.Client{Transport: nobody{}}}}
		installation, err := toolchain.Install(t.Context(), sdk)
		require.NoError(t, err)
		env = append(installation.Env(env), "GOCACHE="+t.TempDir(), "GOFLAGS=-mod=readonly")
		out, err := exec.Command(installation.Go(), "version").Output()
		require.NoError(t, err)
		require.Contains(t, string(out), runtime.Version())
		goCommand = installation.Go()
	}
	out, err = withoutNetwork(t, goCommand, dir, env, "run", ".")
	require.NoError(t, err, out)
	require.Equal(t, "from a bundle", out)
	require.NoError(t, os.Remove(filepath.Join(dir, "go.sum")))
	out, err = withoutNetwork(t, goCommand, dir, append(machine(t, m), "GOFLAGS=-mod=mod"), "mod", "tidy")
	require.NoError(t, err, out)
}

// An unusual umask doesn't lock out those who build.
func TestBundleIsReadable(t *testing.T) {
	c := newCorp(t)
	fromCorp(t, c, "")
	file := filepath.Join(t.TempDir(), "bundle")
	_, err := goenv.Pack{Dir: program(t, hashes(t, moduleZip(t, "one")))}.Write(t.Context(), file)
	require.NoError(t, err)
	defer syscall.Umask(syscall.Umask(0o077))
	b := goenv.Bundle{Path: file, Root: t.TempDir(), Dir: "/app", SumDB: c.db}
	converge(t, b)
	require.NoError(t, filepath.WalkDir(filepath.Join(b.Root, "app"), func(name string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		require.NotZero(t, info.Mode().Perm()&0o004, name)
		return nil
	}))
}
