package verify_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
	"golang.org/x/vuln/scan"
)

// TestGovulncheck gives one offline database and one program to govulncheck and to
// checks.Vulnerabilities: both find the same.
func TestGovulncheck(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	// A module whose version is in the program, without asking anybody for it.
	write("src/go.mod", "module example.com/app\n\ngo 1.26\n\nrequire example.com/dep v1.2.3\n\nreplace example.com/dep v1.2.3 => ./dep\n")
	write("src/main.go", "package main\n\nimport \"example.com/dep\"\n\nfunc main() { dep.F() }\n")
	write("src/dep/go.mod", "module example.com/dep\n\ngo 1.26\n")
	write("src/dep/dep.go", "package dep\n\nfunc F() {}\n")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", "app", ".")
	build.Dir = filepath.Join(dir, "src")
	build.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "CGO_ENABLED=0", "GOPROXY=off")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	app := filepath.Join(dir, "src/app")

	events := map[string]string{
		"GO-2026-0001": `{"introduced":"0"},{"fixed":"1.20.0"}`, "GO-2026-0002": `{"introduced":"0"},{"fixed":"1.999.0"}`, "GO-2026-0003": `{"introduced":"1.999.0"}`,
		"GO-2026-0004": `{"introduced":"0"},{"fixed":"1.10.0"},{"introduced":"1.20.0-0"},{"fixed":"1.999.0"}`,
	}
	var index []map[string]string
	for id, e := range events {
		write("db/ID/"+id+".json", `{"schema_version":"1.3.1","id":"`+id+`","modified":"2026-01-01T00:00:00Z","published":"2026-01-01T00:00:00Z","summary":"Bad","details":"Bad",
			"affected":[{"package":{"name":"stdlib","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[`+e+`]}],"ecosystem_specific":{"imports":[{"path":"runtime"}]}}],
			"database_specific":{"url":"https://pkg.go.dev/vuln/`+id+`","review_status":"REVIEWED"}}`)
		index = append(index, map[string]string{"id": id, "modified": "2026-01-01T00:00:00Z"})
	}
	vulns, err := json.Marshal(index)
	require.NoError(t, err)
	write("db/index/modules.json", fmt.Sprintf(`[{"path":"stdlib","vulns":%s}]`, vulns))
	write("db/index/db.json", `{"modified":"2026-01-01T00:00:00Z"}`)

	theirs := govulncheck(t, "-mode=binary", "-scan=module", "-format=json", "-db=file://"+filepath.Join(dir, "db"), app)
	require.Equal(t, []string{"GO-2026-0002", "GO-2026-0004"}, theirs)
	ours := verify.Run(t.Context(), checks.Vulnerabilities("", app, filepath.Join(dir, "db"))).Results[0]
	require.Equal(t, verify.Fail, ours.Status, ours.Finding)
	for id := range events {
		require.Equal(t, slices.Contains(theirs, id), bytes.Contains([]byte(ours.Cause), []byte(id)), id)
	}
}

// govulncheck gives the ids of what it finds.
func govulncheck(t *testing.T, args ...string) (ids []string) {
	t.Helper()
	var out, complaint bytes.Buffer
	cmd := scan.Command(t.Context(), args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	require.NoError(t, cmd.Start())
	require.NoError(t, cmd.Wait(), complaint.String())
	for dec := json.NewDecoder(&out); ; {
		var message struct{ Finding *struct{ OSV string } }
		err := dec.Decode(&message)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if message.Finding != nil {
			ids = append(ids, message.Finding.OSV)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
