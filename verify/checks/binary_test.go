package checks_test

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
)

// program builds one for Linux, whatever runs the test.
func program(t *testing.T, env ...string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/app\n\ngo 1.26\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o644))
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", "app", ".")
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOFLAGS=", "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK=off"), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return filepath.Join(dir, "app")
}

func TestBinaries(t *testing.T) {
	bin := program(t)
	root, app := filepath.Dir(bin), "/"+filepath.Base(bin)
	require.NoError(t, os.WriteFile(filepath.Join(root, "script"), []byte("#!/bin/sh\n"), 0o755))
	require.NoError(t, os.Symlink("app", filepath.Join(root, "link")))
	judge(t, []want{
		{checks.Static(root, app), verify.Pass, "nothing"},
		{checks.Static(root, "/link"), verify.Pass, ""},
		{checks.Static(root, "/none"), verify.Fail, "is not there"},
		{checks.Static(root, "/script"), verify.Fail, "wanted an ELF file"},
		{checks.Libraries(root, app), verify.Pass, "nothing"},
		{checks.Libraries(root, app, "libc.so.6"), verify.Fail, "wanted libc.so.6, found nothing"},
		{checks.BuiltWith(root, app, runtime.Version()), verify.Pass, ""},
		{checks.BuiltWith(root, app, "go1.20"), verify.Fail, "another Go built it"},
		{checks.BuiltWith(root, "/script", "go1.20"), verify.Fail, "wanted a Go program"},
		{checks.BuiltFor(root, app, "linux/amd64"), verify.Pass, ""},
		{checks.BuiltFor(root, app, "linux/arm64"), verify.Fail, "another platform"},
		{checks.BuildSettings(root, app, map[string]string{"CGO_ENABLED": "0", "-trimpath": "true", "-race": ""}), verify.Pass, ""},
		{checks.BuildSettings(root, app, map[string]string{"CGO_ENABLED": "1"}), verify.Fail, "CGO_ENABLED is 0"},
		{checks.Module(root, app, "example.com/app", ""), verify.Pass, ""},
		{checks.Module(root, app, "example.com/other", ""), verify.Fail, "another program"},
		{checks.Module(root, app, "example.com/app", "v1.2.3"), verify.Fail, "wanted example.com/app@v1.2.3"},
	})
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		whole, err := os.ReadFile(bin)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, "half"), whole[:len(whole)/2], 0o755))
		judge(t, []want{{checks.Starts("", filepath.Join(root, "half")), verify.Fail, "wanted a program"}})
		judge(t, []want{{checks.Starts("", bin), verify.Pass, "needs nothing"}, {checks.Starts("", filepath.Join(root, "script")), verify.Fail, "another file"}})
		require.NoError(t, os.Chmod(bin, 0o644))
		judge(t, []want{{checks.Starts("", bin), verify.Fail, "nobody may execute it"}})
		judge(t, []want{{checks.Starts("", program(t, "GOARCH=arm64")), verify.Fail, "it is for arm64"}})
	}
	require.NoError(t, os.Symlink("/app", filepath.Join(root, "absolute")))
	judge(t, []want{{checks.Static(root, "/absolute"), verify.Pass, "nothing"}, {checks.Starts(root, "/absolute"), verify.Unknown, "name the file that it leads to"}})
	if sh, err := filepath.EvalSymlinks("/bin/sh"); err == nil && runtime.GOOS == "linux" {
		judge(t, []want{{checks.Static("", sh), verify.Fail, "it needs them of its host"}, {checks.BuiltWith("", sh, "go1.26"), verify.Fail, "wanted a Go program"}})
	}
}

// The database's layout and entries are those of vulndb.zip.
func TestVulnerabilities(t *testing.T) {
	bin := program(t)
	info, err := buildinfo.ReadFile(bin)
	require.NoError(t, err)
	version := info.GoVersion[2:]
	entry := func(id, module, introduced, fixed, more string) string {
		return `{"id":"` + id + `","summary":"Bad things"` + more + `,"affected":[{"package":{"name":"` + module + `","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"` +
			introduced + `"}` + map[bool]string{true: `,{"fixed":"` + fixed + `"}`}[fixed != ""] + `]}]}]}`
	}
	db := func(entries map[string]string) string {
		files := map[string]string{}
		index := ""
		for id, text := range entries {
			files["ID/"+id+".json"] = text
			index += `,{"id":"` + id + `","modified":"2026-01-01T00:00:00Z"}`
		}
		files["index/modules.json"] = `[{"path":"example.com/unused","vulns":[{"id":"GO-1"}]},{"path":"stdlib","vulns":[` + index[1:] + `]}]`
		return tree(t, files)
	}
	root, app := filepath.Dir(bin), "/app"
	check := func(entries map[string]string) verify.Check { return checks.Vulnerabilities(root, app, db(entries)) }
	judge(t, []want{
		{check(map[string]string{"GO-2026-1": entry("GO-2026-1", "stdlib", "0", "1.20.0", "")}), verify.Pass, "none known"},
		{check(map[string]string{"GO-2026-2": entry("GO-2026-2", "stdlib", "0", "1.999.0", "")}), verify.Fail, "GO-2026-2 in stdlib v" + version + " (Bad things): fixed in 1.999.0"},
		{check(map[string]string{"GO-2026-3": entry("GO-2026-3", "stdlib", version, "", "")}), verify.Fail, "no version yet"},
		{check(map[string]string{"GO-2026-4": entry("GO-2026-4", "stdlib", "1.998.0-0", "1.999.0", "")}), verify.Pass, ""},
		{check(map[string]string{"GO-2026-5": entry("GO-2026-5", "stdlib", "0", "", `,"withdrawn":"2026-02-01T00:00:00Z"`)}), verify.Pass, ""},
		{check(map[string]string{"GO-2026-6": entry("GO-2026-6", "toolchain", "0", "", "")}), verify.Pass, ""},
		{check(map[string]string{"GO-2026-7": `{"id":`}), verify.Unknown, "GO-2026-7.json"},
		{checks.Vulnerabilities(root, app, t.TempDir()), verify.Unknown, "modules.json"},
		{checks.Vulnerabilities(root, app, tree(t, map[string]string{"index/modules.json": "[]"})), verify.Unknown, "lists no modules"},
		{checks.Vulnerabilities(root, app, tree(t, map[string]string{"index/modules.json": `[{"path":"stdlib","vulns":[{"id":"../../etc/passwd"}]}]`})), verify.Unknown, "has an entry"},
	})
}
