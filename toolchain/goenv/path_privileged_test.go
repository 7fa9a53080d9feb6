//go:build privileged

package goenv_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
)

// environment is that of a new system service, by the real manager.
func environment(t testing.TB, properties ...string) map[string]string {
	t.Helper()
	args := []string{"--quiet", "--wait", "--pipe"}
	for _, p := range properties {
		args = append(args, "-p", p)
	}
	out, err := exec.Command("systemd-run", append(args, "/usr/bin/env", "-0")...).Output()
	require.NoError(t, err)
	env := map[string]string{}
	for kv := range strings.SplitSeq(string(out), "\x00") {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	return env
}

// TestServicePathLive: services that are started afterwards have it, and no
// longer once it is taken out; profile.d does not reach them.
func TestServicePathLive(t *testing.T) {
	before := environment(t)["PATH"]
	login := goenv.LoginPath{Bin: "/opt/go/bin"}
	converge(t, login)
	require.Equal(t, before, environment(t)["PATH"], "/etc/profile.d does not reach services")

	bin := `/opt/$HOME of \"go" 'x'/bin`
	p := goenv.ServicePath{Bin: bin}
	made := converge(t, p)
	require.Equal(t, bedplate.Change{Op: bedplate.OpRun, Kind: "process", Target: "systemctl daemon-reload"}, made[len(made)-1])
	require.Equal(t, bin+":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", environment(t)["PATH"])
	require.Equal(t, "/own", environment(t, "Environment=PATH=/own")["PATH"], "a unit's own wins")
	p.Absent = true
	converge(t, p)
	require.Equal(t, before, environment(t)["PATH"])

	for _, shell := range []string{"bash", "sh"} {
		out, err := exec.Command(shell, "-lc", `echo "$PATH"`).Output()
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(out), "/opt/go/bin:"), "%s: %s", shell, out)
	}
	login.Absent = true
	converge(t, login)
	out, err := exec.Command("bash", "-lc", `echo "$PATH"`).Output()
	require.NoError(t, err)
	require.NotContains(t, string(out), "/opt/go/bin")
}

// TestServicePathOwesReload: a reload that failed, or that somebody was killed
// before, is made up for by the next Ensure.
func TestServicePathOwesReload(t *testing.T) {
	before := environment(t)["PATH"]
	p := goenv.ServicePath{Bin: "/opt/owed/bin", Name: "owed"}
	broken := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(broken, "systemctl"), []byte("#!/bin/sh\necho no bus; exit 1\n"), 0o755))
	path := os.Getenv("PATH")
	fails := func() {
		t.Setenv("PATH", broken+":"+path)
		made, err := p.Ensure(t.Context())
		require.ErrorContains(t, err, "no bus; until it is run, which the next Ensure tries again")
		for _, c := range made {
			require.NotEqual(t, bedplate.OpRun, c.Op, "it was not reloaded")
		}
		t.Setenv("PATH", path)
	}
	reload := bedplate.Change{Op: bedplate.OpRun, Kind: "process", Target: "systemctl daemon-reload"}

	fails()
	fails()
	require.Equal(t, before, environment(t)["PATH"], "the manager does not know it yet")
	planned, err := p.Plan(t.Context())
	require.NoError(t, err)
	require.Equal(t, []bedplate.Change{reload}, planned)
	converge(t, p)
	require.True(t, strings.HasPrefix(environment(t)["PATH"], "/opt/owed/bin:"))

	p.Absent = true
	fails()
	require.NoFileExists(t, "/etc/systemd/system.conf.d/owed.conf")
	require.Equal(t, []bedplate.Change{reload}, converge(t, p))
	require.Equal(t, before, environment(t)["PATH"])
}

// TestEnvironmentFileLive: what we take for a line is what systemd takes for
// one, and our lines say the same to both.
func TestEnvironmentFileLive(t *testing.T) {
	key := keyOf("db.example.com")
	db, err := goenv.ParseSumDB(key + " https://user:pa$$w'o$HOME@db.example.com")
	require.NoError(t, err)
	m := settings(t, "https://proxy.example.com|direct")
	m.SumDB, m.Private, m.Flags = db, []string{"*.corp.example.com", "x"}, []string{"-mod=readonly", "-ldflags=-X a.b=\"c \\d\\ `$HOME ${x} %h\""}
	for name, foreign := range map[string]string{
		"plain":           "A=1\nB=2\n",
		"quotes":          "A='one\ntwo'\nB=\"a \\\"b\\\" \\$c\"\n",
		"continued":       "A=one \\\n two\n# comment \\\nC=comment\nB=3\n",
		"blanks":          "  A =  x y  \n\n;x\nB='a'\"b\"c\n",
		"no break at end": "A=1\nB=2",
		"old settings":    "GOPROXY=https://old.example.com\nA=1\nGOPROXY='off'\nGONOSUMDB=*\nB=2\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "env")
			require.NoError(t, os.WriteFile(file, []byte(foreign), 0o600))
			before := environment(t, "EnvironmentFile="+file)
			converge(t, goenv.EnvFile{Path: file, Format: goenv.SystemdFormat, Modules: m})
			after := environment(t, "EnvironmentFile="+file)
			for _, n := range []string{"A", "B"} {
				require.Contains(t, before, n)
				require.Equal(t, before[n], after[n])
			}
			for _, kv := range m.Env() {
				n, value, _ := strings.Cut(kv, "=")
				require.Equal(t, value, after[n], n)
			}
			converge(t, goenv.EnvFile{Path: file, Format: goenv.SystemdFormat, Modules: m, Absent: true})
			gone := environment(t, "EnvironmentFile="+file)
			for _, kv := range m.Env() {
				n, _, _ := strings.Cut(kv, "=")
				require.NotContains(t, gone, n)
			}
			require.Equal(t, before["A"]+before["B"], gone["A"]+gone["B"])
		})
	}
}
