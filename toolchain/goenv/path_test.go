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

// shell runs a real shell that reads its rc file, or skips where there is none.
func shell(t testing.TB, name, home string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("BEDPLATE_REQUIRE_TOOLS") != "" {
			t.Fatalf("%s is not installed, and BEDPLATE_REQUIRE_TOOLS is set", name)
		}
		t.Skipf("%s is not installed", name)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = []string{"HOME=" + home, "PATH=/usr/bin:/bin", "TERM=dumb"}
	out, err := cmd.Output()
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

func TestShellPath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shell goenv.Shell
		file  string
		args  []string
	}{
		{goenv.Bash, ".bashrc", []string{"-i", "-c", `echo "$PATH"`}},
		{goenv.Zsh, ".zshrc", []string{"-i", "-c", `echo "$PATH"`}},
		{goenv.Fish, ".config/fish/config.fish", []string{"-i", "-c", "string join : $PATH"}},
	} {
		for name, before := range map[string]string{"no file": "", "a file": "export A=1\n", "no line break": "export A=1"} {
			t.Run(string(c.shell)+" "+name, func(t *testing.T) {
				t.Parallel()
				home := t.TempDir()
				file := filepath.Join(home, c.file)
				if before != "" {
					require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
					require.NoError(t, os.WriteFile(file, []byte(before), 0o600))
				}
				bin := "/opt/it's 100% go $HOME/bin"
				p := goenv.ShellPath{Bin: bin, Shell: c.shell, Home: home}
				made := converge(t, p)
				require.Equal(t, "PATH: "+bin+" first", made[len(made)-1].Detail)
				with, err := os.ReadFile(file)
				require.NoError(t, err)
				require.True(t, strings.HasPrefix(string(with), before))
				p.Absent = true
				converge(t, p)
				p.Absent = false
				if before == "" {
					require.NoFileExists(t, file)
				} else {
					got, err := os.ReadFile(file)
					require.NoError(t, err)
					require.Equal(t, before, string(got))
				}
				converge(t, p)
				again, err := os.ReadFile(file)
				require.NoError(t, err)
				require.Equal(t, string(with), string(again))
				// Read twice, it still acts once.
				require.Equal(t, bin+":/usr/bin:/bin", shell(t, string(c.shell), home, c.args...))
				twice := append([]string{}, c.args...)
				twice[2] = "source '" + file + "'; " + twice[2]
				require.Equal(t, bin+":/usr/bin:/bin", shell(t, string(c.shell), home, twice...))
				// Another directory takes the first one's place.
				p.Bin = "/opt/go/bin"
				converge(t, p)
				require.Equal(t, "/opt/go/bin:/usr/bin:/bin", shell(t, string(c.shell), home, c.args...))
			})
		}
	}
}

func TestShellPathRefuses(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	p := goenv.ShellPath{Bin: "/opt/go/bin", Shell: goenv.Bash, Home: home}
	file := filepath.Join(home, ".bashrc")
	dotfiles := filepath.Join(home, "dotfiles")
	require.NoError(t, os.WriteFile(dotfiles, []byte("A=1\n"), 0o644))
	require.NoError(t, os.Symlink("dotfiles", file))
	_, err := p.Ensure(t.Context())
	var irregular *goenv.IrregularError
	require.ErrorAs(t, err, &irregular)
	require.ErrorContains(t, err, "is a link to dotfiles")
	p.File = dotfiles
	converge(t, p)
	p.File = ""
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.WriteFile(file, []byte("A=1\n"), 0o444))
	_, err = p.Ensure(t.Context())
	require.ErrorContains(t, err, "is read-only")

	const begin, end = "# >>> bedplate: Go in PATH >>>\n", "# <<< bedplate: Go in PATH <<<\n"
	for _, damaged := range []string{begin, end, end + begin, begin + begin + end, begin + end + begin + end, begin + "x\n" + end + end} {
		require.NoError(t, os.Chmod(file, 0o644))
		require.NoError(t, os.WriteFile(file, []byte(damaged), 0o644))
		_, err = p.Ensure(t.Context())
		require.ErrorContains(t, err, "its marks are damaged")
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, damaged, string(got))
	}
	// Lines around the block, and those that came below it, are kept.
	require.NoError(t, os.WriteFile(file, []byte("A=1\n"+begin+"old\n"+end+"B=2"), 0o644))
	converge(t, p)
	p.Absent = true
	converge(t, p)
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "A=1\nB=2", string(got))

	for want, bad := range map[string]goenv.ShellPath{
		`Shell="csh"`:          {Bin: "/b", Shell: "csh", Home: home},
		"belongs to user 0":    {Bin: "/b", Shell: goenv.Bash, Home: "/etc"},
		`Bin="b"`:              {Bin: "b", Shell: goenv.Bash, Home: home},
		"can't stand in PATH":  {Bin: "/a:/b", Shell: goenv.Bash, Home: home},
		`Home=""`:              {Bin: "/b", Shell: goenv.Bash},
		"no such file or dire": {Bin: "/b", Shell: goenv.Bash, Home: "/no/such/home"},
	} {
		if strings.HasPrefix(want, "belongs") && os.Getuid() == 0 {
			other := t.TempDir()
			require.NoError(t, os.Chown(other, 65534, 65534))
			bad.Home, want = other, "belongs to user 65534"
		}
		_, err := bad.Plan(t.Context())
		require.ErrorContains(t, err, want)
	}
}

func TestLoginPath(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	p := goenv.LoginPath{Bin: "/usr/local/lib/go/current/bin", Root: root}
	made := converge(t, p)
	require.Equal(t, "/etc/profile.d/bedplate-go.sh", made[len(made)-1].Target)
	file := filepath.Join(root, "etc/profile.d/bedplate-go.sh")
	for _, sh := range []string{"sh", "bash"} {
		require.Equal(t, "/usr/local/lib/go/current/bin:/usr/bin:/bin", shell(t, sh, root, "-c", ". "+file+"; . "+file+`; echo "$PATH"`))
	}
	p.Bin = "/opt/go/bin"
	require.Equal(t, bedplate.OpUpdate, converge(t, p)[0].Op)
	p.Absent = true
	require.Equal(t, bedplate.OpDelete, converge(t, p)[0].Op)
	require.NoFileExists(t, file)
	require.NoError(t, os.WriteFile(file, []byte("foreign\n"), 0o644))
	p.Absent = false
	_, err := p.Ensure(t.Context())
	require.ErrorContains(t, err, "was not written by this package")
	p.Absent = true
	_, err = p.Ensure(t.Context())
	require.ErrorContains(t, err, "was not written by this package")
	p.Name = "../x"
	_, err = p.Plan(t.Context())
	require.ErrorContains(t, err, "must be the name of a file")
}

func TestServicePath(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	p := goenv.ServicePath{Bin: `/opt/"go"/bin`, Root: root}
	made := converge(t, p)
	for _, c := range made {
		require.NotEqual(t, bedplate.OpRun, c.Op, "no manager runs in a Root")
	}
	b, err := os.ReadFile(filepath.Join(root, "etc/systemd/system.conf.d/bedplate-go.conf"))
	require.NoError(t, err)
	require.Contains(t, string(b), "[Manager]\nDefaultEnvironment=\"PATH=/opt/\\\"go\\\"/bin:/usr/local/sbin:")
	p.Absent = true
	converge(t, p)
	require.NoFileExists(t, filepath.Join(root, "etc/systemd/system.conf.d/bedplate-go.conf"))
	p.Bin, p.Absent = "/opt/50%/bin", false
	_, err = p.Plan(t.Context())
	require.ErrorContains(t, err, "means one thing to systemd")
}
