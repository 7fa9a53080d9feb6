package goenv_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
)

// The forms of GOFLAGS, GOTOOLCHAIN and GOVCS, each given to the real go command.
// The proxies' and databases' tables are in goenv_test.go.
func TestOtherSettingsAreTheGoCommands(t *testing.T) {
	t.Parallel()
	empty := "GOPROXY=file://" + t.TempDir()
	for name, values := range map[string][]string{
		"GOFLAGS": {
			"", " ", "-mod=mod", "--mod=mod", "-mod=mod -trimpath", "'-ldflags=-X a=b'", `"-ldflags=-X a='b'"`, "\t-mod=mod\n", "-trimpath '-ldflags=x'",
			"mod", "-", "--", "---mod=mod", "-=x", "--=x", "-mod=mod x", "'-mod=mod", `"-mod=mod`, "-mod=mod '", "'' -mod=mod", "x=-y",
		},
		"GOTOOLCHAIN": {
			"", "auto", "path", "local", "local+auto", "local+path", "go1.26.8", "go1.26.8+auto", "go1.26rc1", "go1.21", "go1.26.8-custom", "go1.26.8-custom+path",
			"new", "1.26.8", "go", "gox", "default", "go1.26.8+new", "local+", "local+new", "go1.26.8+", "go1.26.x", "go1.26.8/x", "LOCAL", " local", "bash",
		},
		"GOVCS": {
			"", " ", "*:off", "*:all", "public:git,private:all", "*.example.com:git|hg", " * : git ", "example.com:off , *:all",
			"git", ":git", "*:", "*:git,", ",*:git", "*:git,*:hg", "*:git|", "*:|git", "./x:git", "../x:git", ".:git",
		},
	} {
		for _, value := range values {
			t.Run(name+"="+value, func(t *testing.T) {
				t.Parallel()
				m := goenv.Modules{VCS: value}
				var err error
				switch name {
				case "GOFLAGS":
					_, err = goenv.Parse(map[string]string{name: value})
				case "GOTOOLCHAIN":
					m = goenv.Modules{Toolchain: value}
					err = m.Validate()
				default:
					err = m.Validate()
				}
				var verdict string
				if name == "GOVCS" {
					verdict = askAboutVCS(t, value)
				} else {
					verdict = askGo(t, empty, "GOSUMDB=off", name+"="+value)
				}
				refused := strings.Contains(verdict, "parsing $GOFLAGS") || strings.Contains(verdict, "invalid GOTOOLCHAIN") || strings.Contains(verdict, "in GOVCS")
				require.Equal(t, refused, err != nil, "the go command says: %s (we: %v)", verdict, err)
			})
		}
	}
}

// askAboutVCS lets the go command look for a repository whose address says what
// program it takes. It reads GOVCS first; then it finds no such program.
func askAboutVCS(t *testing.T, value string) string {
	t.Helper()
	dir, bin := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module probe\ngo 1.26\n"), 0o600))
	program, err := exec.LookPath("go")
	require.NoError(t, err)
	cmd := exec.Command(program, "mod", "download", "example.com/absent.git@v1.0.0")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOENV=off", "GOSUMDB=off", "GOPROXY=direct", "GOTOOLCHAIN=local", "GOMODCACHE="+filepath.Join(dir, "cache"), "PATH="+bin, "GOVCS="+value)
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	return string(out)
}

// A private name that would go to the public database is a conflict; the same
// patterns with a database of one's own are not.
func TestConflictingPatterns(t *testing.T) {
	t.Parallel()
	m := goenv.Modules{Private: []string{"*.corp.example.com", "x.example.com"}, NoSumDB: []string{"x.example.com"}}
	require.ErrorContains(t, m.Validate(), `GOPRIVATE has "*.corp.example.com", but GONOSUMDB, which replaces it, has not`)
	require.NotContains(t, m.Validate().Error(), `has "x.example.com"`)
	m.NoSumDB = append(m.NoSumDB, "*.corp.example.com")
	require.NoError(t, m.Validate())
	m.NoSumDB, m.SumDB = []string{"none"}, goenv.SumDB{Name: "db.example.com", Key: otherKey}
	require.NoError(t, m.Validate())
}

// The go command refuses no pattern; it just never matches some. Each is given
// to it with a database that can't be reached: only a module that the pattern
// exempts can be had.
func TestPatternsAreTheGoCommands(t *testing.T) {
	t.Parallel()
	c := newCorp(t)
	for pattern, matches := range map[string]bool{
		"example.com/lib": true, "example.com": true, "*.com": true, "example.com/*": true, "*/lib": true, "example.com/lib/": true, "e*/l?b": true, "x.org,example.com": true,
		"none": false, "EXAMPLE.com": false, "example.com/lib/v2": false, "*": true, "example.co": false, "[ed]xample.com": true,
		"https://example.com/lib": false, " example.com/lib": false, "x.org, example.com": false, "example.com ": false, "[a": false, "example.com\t": false,
	} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			m, err := goenv.Parse(map[string]string{"GONOSUMDB": pattern, "GOPROXY": c.URL, "GOSUMDB": c.db.Key + " http://127.0.0.1:1"})
			require.NoError(t, err)
			out, err := goRun(t, program(t, ""), append(machine(t, m), "GOFLAGS=-mod=mod"), "mod", "download")
			require.Equal(t, matches, err == nil, out)
			if m.Validate() != nil {
				require.False(t, matches, "we say that it never matches")
			}
		})
	}
}
