package goenv_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
)

func settings(t testing.TB, proxy string) goenv.Modules {
	t.Helper()
	list, err := goenv.ParseProxyList(proxy)
	require.NoError(t, err)
	return goenv.Modules{Proxy: list}
}

// goEnv is what the real go command makes of a file of settings.
func goEnv(t testing.TB, file string, names ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"env"}, names...)...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GO") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "GOENV="+file, "GOTOOLCHAIN=local")
	out, err := cmd.Output()
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

func TestEnvFile(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	file := filepath.Join(home, "config", "go", "env")
	m := settings(t, "https://proxy.example.com|direct")
	m.Private = []string{"*.corp.example.com"}
	m.Flags = []string{"-mod=readonly", `-ldflags=-X main.a="b c"`}
	f := goenv.EnvFile{Path: file, Modules: m}
	made := converge(t, f)
	require.Len(t, made, 3, "two directories and the file")
	require.Equal(t, bedplate.Change{
		Op: bedplate.OpCreate, Kind: "file", Target: file,
		Detail: `GOFLAGS: not set → -mod=readonly '-ldflags=-X main.a="b c"'; GOPRIVATE: not set → *.corp.example.com; GOPROXY: not set → https://proxy.example.com|direct`,
	}, made[2])
	require.Equal(t, []string{"https://proxy.example.com|direct", "*.corp.example.com", "*.corp.example.com", `-mod=readonly '-ldflags=-X main.a="b c"'`},
		goEnv(t, file, "GOPROXY", "GOPRIVATE", "GONOSUMDB", "GOFLAGS"))

	// The go command's own writes and ours live in one file.
	cmd := exec.Command("go", "env", "-w", "GOBIN=/opt/bin")
	cmd.Env = append(os.Environ(), "GOENV="+file)
	require.NoError(t, cmd.Run())
	changes, err := f.Plan(t.Context())
	require.NoError(t, err)
	require.Empty(t, changes)
	f.Absent = true
	converge(t, f)
	left, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "GOBIN=/opt/bin\n", string(left))
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	f.Absent = false
	converge(t, f)
	f.Absent = true
	require.Equal(t, bedplate.OpDelete, converge(t, f)[0].Op)
	require.NoFileExists(t, file)
}

// Foreign lines stay, to the byte, whatever they look like.
func TestForeignLinesStay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		format       goenv.Format
		before, want string
	}{
		{"order and duplicates", goenv.GoFormat,
			"# GOPROXY=comment\nGOBIN=/x\n\nGOPROXY=https://old.example.com\nnonsense\nGONOSUMDB=*\nGOPROXY=off\n GOSUMDB=off\ngoproxy=x\nGOFLAGS=-trimpath",
			"# GOPROXY=comment\nGOBIN=/x\n\nnonsense\nGOPROXY=https://proxy.example.com\n GOSUMDB=off\ngoproxy=x\nGOFLAGS=-trimpath"},
		{"no line break at the end", goenv.GoFormat, "GOBIN=/x", "GOBIN=/x\nGOPROXY=https://proxy.example.com\n"},
		{"carriage returns", goenv.GoFormat, "GOBIN=/x\r\nGOPROXY=https://proxy.example.com\r\n", "GOBIN=/x\r\nGOPROXY=https://proxy.example.com\n"},
		{"as it is", goenv.GoFormat, "GOPROXY=https://proxy.example.com\n", "GOPROXY=https://proxy.example.com\n"},
		{"systemd: quotes, comments, continued lines", goenv.SystemdFormat,
			"; GOPROXY=a\nC=not ours\nA='\nGOPROXY=in quotes\n'\nB=x\\\nGOPROXY=continued\n  GOPROXY = 'https://old.example.com'\nGOPRIVATE=\"x\"",
			"; GOPROXY=a\nC=not ours\nA='\nGOPROXY=in quotes\n'\nB=x\\\nGOPROXY=continued\nGOPROXY=\"https://proxy.example.com\"\n"},
		{"systemd: the same value otherwise written", goenv.SystemdFormat, "GOPROXY=https://proxy.example.com  \n", "GOPROXY=https://proxy.example.com  \n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "env")
			require.NoError(t, os.WriteFile(file, []byte(c.before), 0o640))
			f := goenv.EnvFile{Path: file, Format: c.format, Modules: settings(t, "https://proxy.example.com")}
			if c.before == c.want {
				changes, err := f.Plan(t.Context())
				require.NoError(t, err)
				require.Empty(t, changes)
				return
			}
			converge(t, f)
			got, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))
			info, err := os.Stat(file)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o640), info.Mode())
			if c.format == goenv.GoFormat {
				require.Equal(t, "https://proxy.example.com", goEnv(t, file, "GOPROXY")[0])
			}
		})
	}
	file := filepath.Join(t.TempDir(), "env")
	for _, open := range []string{"A='open", "A=x\\", "# comment \\\nGOPROXY=a\n", "; c\\\n# d\\\nGOPROXY=a\n"} {
		require.NoError(t, os.WriteFile(file, []byte(open), 0o640))
		_, err := goenv.EnvFile{Path: file, Format: goenv.SystemdFormat, Modules: settings(t, "off")}.Ensure(t.Context())
		require.ErrorContains(t, err, "the file is damaged")
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, open, string(got))
	}
}

func TestSecretsStayPrivate(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "env")
	require.NoError(t, os.WriteFile(file, []byte("GOPROXY=https://u:oldsecret@a.example.com,https://t0ken@b.example.com\n"), 0o644))
	m := settings(t, "https://user:hunter2@proxy.example.com")
	m.SumDB, _ = goenv.ParseSumDB("sum.golang.org https://user:hunter2@sums.example.com")
	f := goenv.EnvFile{Path: file, Modules: m}
	made := converge(t, f)
	for _, secret := range []string{"oldsecret", "t0ken", "hunter2"} {
		require.NotContains(t, made[0].String(), secret)
	}
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
	require.NoError(t, os.Chmod(file, 0o644))
	require.Contains(t, converge(t, f)[0].Detail, "mode 0644 → 0600")

	_, err = goenv.EnvFile{Path: "/usr/local/go/go.env", Root: t.TempDir(), Modules: m}.Plan(t.Context())
	require.ErrorContains(t, err, "is read by every user")
	require.NotContains(t, err.Error(), "hunter2")
}

// GOROOT/go.env has the defaults of all users of an SDK; theirs win.
func TestSDKFile(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	real, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "go.env"))
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "go.env")
	require.NoError(t, os.WriteFile(file, real, 0o644))
	m := settings(t, "https://proxy.example.com")
	m.SumDB, m.Toolchain = goenv.SumDB{Name: goenv.DefaultSumDB}, "local"
	f := goenv.EnvFile{Path: file, Modules: m}
	converge(t, f)
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	comments := func(b []byte) (n int) {
		for l := range bytes.Lines(b) {
			if bytes.HasPrefix(l, []byte("#")) {
				n++
			}
		}
		return n
	}
	require.Equal(t, comments(real), comments(got))
	require.Equal(t, "https://proxy.example.com", goEnv(t, file, "GOPROXY")[0])
}

func TestFilesThatAreNotOurs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	real := filepath.Join(dir, "real")
	require.NoError(t, os.WriteFile(real, []byte("A=1\n"), 0o444))
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(real, link))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "directory"), 0o755))
	for name, want := range map[string]string{
		"link": "is a link to " + real, "real": "is read-only; chmod u+w", "directory": "is no regular file", "real/x": "not a directory",
	} {
		_, err := goenv.EnvFile{Path: filepath.Join(dir, name), Modules: settings(t, "off")}.Ensure(t.Context())
		require.ErrorContains(t, err, want)
		got, err := os.ReadFile(real)
		require.NoError(t, err)
		require.Equal(t, "A=1\n", string(got))
	}
	for want, f := range map[string]goenv.EnvFile{
		`Path="env"`:        {Path: "env"},
		"Format=7":          {Path: "/env", Format: 7},
		"a line break":      {Path: "/env", Modules: goenv.Modules{Private: []string{"a\vb"}}},
		"never matches":     {Path: "/env", Modules: goenv.Modules{Private: []string{"a\nGOSUMDB=off"}}},
		"which is no flag":  {Path: "/env", Modules: goenv.Modules{Flags: []string{"mod"}}},
		`GOTOOLCHAIN="new"`: {Path: "/env", Modules: goenv.Modules{Toolchain: "new"}},
		"has no colon":      {Path: "/env", Modules: goenv.Modules{VCS: "git"}},
	} {
		f.Root = t.TempDir()
		_, err := f.Plan(t.Context())
		require.ErrorContains(t, err, want)
	}
	changes, err := goenv.EnvFile{Path: "/etc/env", Root: filepath.Join(dir, "absent"), Modules: settings(t, "off")}.Plan(t.Context())
	require.NoError(t, err)
	require.Equal(t, "directory "+filepath.Join(dir, "absent"), changes[0].Pending)
}

func TestUserFileIsTheGoCommands(t *testing.T) {
	for _, env := range []string{"", filepath.Join(t.TempDir(), "mine")} {
		t.Setenv("GOENV", env)
		out, err := exec.Command("go", "env", "GOENV").Output()
		require.NoError(t, err)
		file, err := goenv.UserFile()
		require.NoError(t, err)
		require.Equal(t, strings.TrimSpace(string(out)), file)
	}
	t.Setenv("GOENV", "off")
	_, err := goenv.UserFile()
	require.ErrorContains(t, err, "GOENV=off")
}

// FuzzEnvFile: whatever is in a file, setting and taking out leaves the foreign
// lines as they were.
func FuzzEnvFile(f *testing.F) {
	f.Add("GOBIN=/x\nGOPROXY=off\n", false)
	f.Add("A='x\n'\n# c\\\nB=\"\\\"\"", true)
	f.Add("A=x \\\n y\nGOPROXY='a'b\"c\"\n", true)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string, systemd bool) {
		file := filepath.Join(dir, "env")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		e := goenv.EnvFile{Path: file, Modules: settings(t, "https://proxy.example.com")}
		if systemd {
			e.Format = goenv.SystemdFormat
		}
		if _, err := e.Ensure(t.Context()); err != nil {
			got, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, text, string(got))
			return
		}
		changes, err := e.Plan(t.Context())
		require.NoError(t, err)
		require.Empty(t, changes)
		e.Absent = true
		_, err = e.Ensure(t.Context())
		require.NoError(t, err)
		got, err := os.ReadFile(file)
		if strings.Contains(text, "GO") {
			return // some of it may be ours
		}
		if text != "" {
			require.NoError(t, err, "a file that is not empty stays")
		}
		require.Equal(t, strings.TrimSuffix(text, "\n"), strings.TrimSuffix(string(got), "\n"))
	})
}
