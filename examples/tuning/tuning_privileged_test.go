//go:build privileged

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func show(t *testing.T, property string) string {
	t.Helper()
	out, err := exec.Command("systemctl", "show", "-P", property, "tuned.service").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.TrimSpace(string(out))
}

func kernel(t *testing.T, file string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", show(t, "ControlGroup"), file))
	require.NoError(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	require.NoError(t, err)
	return n
}

// seen is what the command prints.
type seen struct {
	Advice  []cgroupv2.Advice
	Go      []string
	Load    answers
	Changes []struct{ Target string }
}

func tuning(t *testing.T, args ...string) (code int, s seen) {
	t.Helper()
	var out, progress bytes.Buffer
	code, err := run(t.Context(), append([]string{"-unit", "tuned", "-json", "-for", "1s", "-url", "http://127.0.0.1:8089/", "-clients", "1"}, args...), &out, &progress)
	require.NoError(t, err, "%s", &progress)
	require.NoError(t, json.Unmarshal(out.Bytes(), &s), "%s", &out)
	return code, s
}

// A service with far more memory than it needs, and whose Go runtime knows of no
// limit, is given what fits, while it runs; and back.
func TestTunesWhatRuns(t *testing.T) {
	program, err := os.ReadFile(testenv.Payload(t, "bin/hello"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("/usr/local/bin/tuned", program, 0o755))
	given := unit.Set{Start: true, Units: []unit.Unit{unit.Service{
		Name: "tuned", Exec: []string{"/usr/local/bin/tuned", "-listen", "127.0.0.1:8089"}, Type: unit.NotifyReload, User: "tuned", DynamicUser: true,
		Limits: cgroupv2.Limits{MemoryMax: cgroupv2.MiB(400)}.ForService(), StartTimeout: 20 * time.Second,
	}}}
	t.Cleanup(func() {
		_, err := unit.Set{Absent: []string{"tuned.service"}, AbsentDropIns: []unit.DropIn{options{unit: "tuned.service"}.dropIn()}}.Ensure(context.Background())
		require.NoError(t, err)
		require.NoError(t, os.Remove("/usr/local/bin/tuned"))
	})
	_, err = run(t.Context(), []string{"-unit", "tuned"}, os.Stdout, os.Stderr)
	require.ErrorContains(t, err, "tuned.service: can't be loaded")
	_, err = given.Ensure(t.Context())
	require.NoError(t, err)
	pid := show(t, "MainPID")

	code, s := tuning(t)
	require.Equal(t, exitAdvice, code)
	require.Len(t, s.Advice, 2, "%v", s.Advice)
	require.Equal(t, "MemoryMax", s.Advice[0].Field)
	require.Equal(t, "400M", s.Advice[0].From)
	require.Len(t, s.Go, 1, "%v", s.Go)
	require.Positive(t, s.Load.Good)
	require.Zero(t, s.Load.Failed)
	require.Equal(t, 400<<20, kernel(t, "memory.max"), "nobody said -write")

	code, s = tuning(t, "-write")
	require.Equal(t, exitFits, code)
	const dropIn = "/etc/systemd/system/tuned.service.d/60-tuning.conf"
	require.Equal(t, dropIn, s.Changes[1].Target)
	want, err := cgroupv2.ParseMemory(s.Advice[0].To)
	require.NoError(t, err)
	bytes, _ := want.Bytes()
	require.Equal(t, int(bytes), kernel(t, "memory.max"))
	require.Less(t, kernel(t, "memory.max"), 200<<20)
	require.Less(t, kernel(t, "memory.high"), kernel(t, "memory.max"))
	require.Equal(t, pid, show(t, "MainPID"), "it was restarted")

	// Its environment is as it was until it is started again. Nothing else is left
	// to say.
	code, s = tuning(t, "-write")
	require.Equal(t, exitFits, code)
	require.Empty(t, s.Advice)
	require.Len(t, s.Go, 1)
	require.Empty(t, s.Changes)
	_, err = unit.Manager{}.Restart(t.Context(), "tuned.service")
	require.NoError(t, err)
	environ, err := os.ReadFile("/proc/" + show(t, "MainPID") + "/environ")
	require.NoError(t, err)
	require.Contains(t, string(environ), "GOMEMLIMIT=")
	code, s = tuning(t)
	require.Equal(t, exitFits, code, "%v", s)

	pid = show(t, "MainPID")
	for _, changes := range []int{3, 0} { // the file, its directory, systemd
		code, s = tuning(t, "-undo")
		require.Equal(t, exitFits, code)
		require.Len(t, s.Changes, changes)
	}
	require.NoDirExists(t, filepath.Dir(dropIn))
	require.Equal(t, 400<<20, kernel(t, "memory.max"))
	require.Equal(t, pid, show(t, "MainPID"))
}

// Counts of a run that is over say nothing of the next, and there is no waiting
// for the end.
func TestRestartedMeanwhile(t *testing.T) {
	_, err := unit.Set{Start: true, Units: []unit.Unit{unit.Service{Name: "tuned", Exec: []string{"/bin/sleep", "1000"}}}}.Ensure(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := unit.Set{Absent: []string{"tuned.service"}}.Ensure(context.Background())
		require.NoError(t, err)
	})
	// The first question comes when it is watched already.
	restart := sync.OnceValue(func() error { return exec.Command("systemctl", "restart", "tuned.service").Run() })
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { assert.NoError(t, restart()) }))
	defer server.Close()
	code, err := run(t.Context(), []string{"-unit", "tuned", "-for", "1m", "-url", server.URL, "-clients", "1"}, os.Stdout, os.Stderr)
	require.ErrorContains(t, err, "stopped or restarted while it was watched")
	require.Equal(t, exitTrouble, code)
}
