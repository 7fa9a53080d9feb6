package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/verify"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// ran is what a run of the command said.
type ran struct {
	code           int
	stdout, stderr string
	err            error
}

func provision(t *testing.T, args ...string) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code, err := run(t.Context(), args, &stdout, &stderr)
	return ran{code, stdout.String(), stderr.String(), err}
}

// outcome is the JSON form, as a program would read it.
type outcome struct {
	Changes []bedplate.Change
	Report  struct {
		OK      bool
		Results []verify.Result
	}
}

func (r ran) json(t *testing.T) (o outcome) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &o), r.stdout)
	return o
}

// archive is the running Go's SDK as the go command downloads and verifies it,
// and its digest. The download is kept in the module cache.
var archive = sync.OnceValues(func() ([]string, error) {
	version, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "mod", "download", "-json", "golang.org/toolchain@v0.0.1-"+strings.TrimSpace(string(version))+".linux-amd64")
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var got struct{ Zip string }
	if err := json.Unmarshal(out, &got); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(got.Zip)
	sum := sha256.Sum256(b)
	return []string{"-go", strings.TrimSpace(string(version)), "-source", got.Zip, "-sha256", hex.EncodeToString(sum[:])}, err
})

// TestStaged is the main job, but for the download, which CI's run of the
// README's command and package toolchain's tests do for real.
func TestStaged(t *testing.T) {
	if testing.Short() {
		t.Skip("installs a whole SDK and builds with it")
	}
	from, err := archive()
	require.NoError(t, err)
	root := filepath.Join(t.TempDir(), "machine")
	args := append([]string{"-root", root, "-src", "../..", "-json"}, from...)

	planned := provision(t, append(args, "-plan")...)
	require.NoError(t, planned.err)
	require.NoDirExists(t, root, "a plan changes nothing")

	first := provision(t, args...)
	require.NoError(t, first.err, first.stdout)
	require.Zero(t, first.code, first.stdout)
	got := first.json(t)
	require.True(t, got.Report.OK)
	require.Equal(t, planOf(planned.json(t).Changes), planOf(got.Changes), "the plan was honest")

	// Neither the network nor a go command is needed again.
	t.Setenv("PATH", "")
	t.Setenv("GOPROXY", "off")
	second := provision(t, "-root", root, "-src", "../..", "-go", from[1])
	require.NoError(t, second.err)
	require.Zero(t, second.code)
	require.Contains(t, second.stdout, "nothing to change")

	// What somebody else changed is named, and put right.
	require.NoError(t, os.Remove(filepath.Join(root, config)))
	third := provision(t, "-root", root, "-src", "../..", "-go", from[1], "-json")
	require.NoError(t, third.err)
	require.Len(t, third.json(t).Changes, 1)
	require.Equal(t, config, third.json(t).Changes[0].Target)
}

// planOf makes a plan what is done of it: what was pending no longer is. A
// record of owners says how many lines it gets, and those of directories that an
// earlier step made are not among them when its turn comes.
func planOf(changes []bedplate.Change) []bedplate.Change {
	for i, c := range changes {
		changes[i].Pending = ""
		if strings.HasPrefix(c.Target, "/etc/tmpfiles.d/bedplate-") {
			changes[i].Detail = ""
		}
	}
	return changes
}

// TestBadInput: one clear line each, a status that says whose fault it is, and
// nothing half-made.
func TestBadInput(t *testing.T) {
	garbage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>not what you think</html>"))
	}))
	defer garbage.Close()
	none := httptest.NewServer(http.NotFoundHandler())
	defer none.Close()
	file := filepath.Join(t.TempDir(), "go1.26.8.linux-amd64.tar.gz")
	require.NoError(t, os.WriteFile(file, []byte("not an archive"), 0o600))

	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		code int
		say  string
	}{
		"an unknown flag":        {[]string{"-rooot", "x"}, nil, exitUsage, "flag provided but not defined: -rooot"},
		"an argument":            {[]string{"live"}, nil, exitUsage, `unexpected argument "live"`},
		"no root":                {[]string{"-root", ""}, nil, exitUsage, "-root is empty"},
		"no version":             {[]string{"-go", "1.26.8.9"}, nil, exitFailed, "1.26.8.9"},
		"an old Go":              {[]string{"-go", "1.25.x"}, nil, exitUsage, "needs Go 1.26"},
		"a limit of nothing":     {[]string{"-memory", "0"}, nil, exitUsage, "-memory=0"},
		"megabytes":              {[]string{"-memory", "512MB"}, nil, exitUsage, "512MB"},
		"no CPU":                 {[]string{"-cpu", "0%"}, nil, exitUsage, "-cpu"},
		"a bare number":          {[]string{"-cpu", "75"}, nil, exitUsage, "75"},
		"a socket that is none":  {[]string{"-listen", "localhost"}, nil, exitUsage, `"localhost"`},
		"a line in an address":   {[]string{"-listen", "1\nExecStart=/bin/sh"}, nil, exitUsage, "Listen"},
		"a source that is none":  {[]string{"-source", "/nowhere/at/all"}, nil, exitFailed, "none of proxy, official"},
		"an archive without pin": {[]string{"-source", file}, nil, exitFailed, "-sha256"},
		"another digest":         {[]string{"-source", file, "-go", "1.26.8", "-sha256", strings.Repeat("0", 64)}, nil, exitFailed, "0000"},
		"a mirror with garbage":  {[]string{"-source", garbage.URL, "-go", "1.26.8"}, nil, exitFailed, "1.26.8"},
		"a mirror with nothing":  {[]string{"-source", none.URL, "-go", "1.26.8"}, nil, exitFailed, "1.26.8"},
		"a proxy with nothing":   {[]string{"-go", "1.26.8"}, map[string]string{"GOPROXY": none.URL}, exitFailed, "404"},
		"a proxy with garbage":   {[]string{"-go", "1.26.8"}, map[string]string{"GOPROXY": garbage.URL}, exitFailed, "1.26.8"},
		"nobody there":           {[]string{"-go", "1.26.8"}, map[string]string{"GOPROXY": "http://127.0.0.1:1"}, exitFailed, "127.0.0.1:1"},
		"direct alone":           {[]string{"-go", "1.26.8"}, map[string]string{"GOPROXY": "direct"}, exitFailed, "direct"},
		"a module that is none":  {[]string{"-src", t.TempDir()}, nil, exitUsage, "examples/hello"},
		"a binary that is none":  {[]string{"-binary", "/nowhere/at/all"}, nil, exitUsage, "/nowhere/at/all"},
		"a disk without a node":  {[]string{"-disk", "vda"}, nil, exitUsage, "vda"},
		"a root that can't be":   {[]string{"-root", "/proc/bedplate"}, nil, exitFailed, "/proc/bedplate"},
		"a root that is a file":  {[]string{"-root", file}, nil, exitFailed, filepath.Base(file)},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			root := filepath.Join(t.TempDir(), "machine")
			got := provision(t, append([]string{"-root", root, "-src", "../.."}, c.args...)...)
			require.Error(t, got.err)
			said := got.err.Error()
			require.Contains(t, said, c.say)
			require.Equal(t, c.code, got.code, said)
			if entries, err := os.ReadDir(filepath.Join(root, sdkDir)); err == nil {
				for _, e := range entries {
					require.True(t, strings.HasPrefix(e.Name(), "."), "%s was left half-made", e.Name())
				}
			}
		})
	}
}

func TestLiveNeedsRootAndSystemd(t *testing.T) {
	require.NoError(t, fit(0, true))
	require.ErrorContains(t, fit(1000, true), "-live needs root")
	require.ErrorContains(t, fit(0, false), "-live needs systemd")
}
