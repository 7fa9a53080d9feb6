//go:build privileged

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/stretchr/testify/require"
)

// answer is what a client gets, however long it has to wait for it.
func answer(t *testing.T) string {
	t.Helper()
	resp, err := http.Get("http://127.0.0.1:8080/healthz")
	require.NoError(t, err, "the socket is open all the time")
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return strings.TrimSpace(string(b))
}

var again = regexp.MustCompile(`serves again (\S+) later`)

// spread says how long it took, in the middle, at the 99th percentile, at most.
func spread(took []time.Duration) string {
	slices.Sort(took)
	n := len(took)
	return fmt.Sprintf("%v p50, %v p99, %v at most (%d times)", took[n/2], took[n*99/100], took[n-1], n)
}

// rounds is how often each bad release is tried: in the long form 1,008 failures
// in the sum over four kinds and three systems, enough for a percentile.
func rounds() int {
	if os.Getenv("BEDPLATE_LONG") != "" {
		return 84
	}
	return 1
}

// Two good releases, and after each bad one the good one serves.
func TestLive(t *testing.T) {
	release := func(kind string) string { return testenv.Payload(t, "samples/"+kind) }
	do := func(args ...string) ran {
		return deployed(t, append([]string{"-app", "hello", "-start", "8s", "-stable", "500ms"}, args...)...)
	}
	got := do("-release", release("crashes"))
	require.Equal(t, exitFailed, got.code)
	require.ErrorContains(t, got.err, "none is left to go back to")

	got = do("-release", release("one"), "-expect", "one")
	require.NoError(t, got.err, got.stdout)
	require.Equal(t, "one", answer(t))
	got = do("-release", release("two"), "-expect", "two")
	require.NoError(t, got.err, got.stdout)
	require.Equal(t, "two", answer(t))
	good := current(t, "/")

	var all []time.Duration
	for kind, cause := range map[string]string{
		"crashes": "exit 3",
		"mute":    "ready",
		"leaves":  "hello.service",
		"ill":     "503",
		"foreign": "can't run here",
	} {
		t.Run(kind, func(t *testing.T) {
			var took []time.Duration
			for range rounds() {
				got := do("-release", release(kind))
				require.Equal(t, exitFailed, got.code, got.stdout)
				require.ErrorContains(t, got.err, cause)
				if kind == "crashes" {
					require.Contains(t, got.stdout, "crash on purpose", "its log comes along")
				}
				require.Equal(t, good, current(t, "/"))
				require.Equal(t, "two", answer(t))
				if kind == "foreign" {
					return // it was never current
				}
				m := again.FindStringSubmatch(got.stdout)
				require.NotNil(t, m, "%s%v", got.stdout, got.err)
				d, err := time.ParseDuration(m[1])
				require.NoError(t, err)
				took = append(took, d)
			}
			all = append(all, took...)
			t.Logf("%s: the release before serves again after %s", kind, spread(took))
		})
	}
	require.NotEmpty(t, all)
	t.Logf("all: the release before serves again after %s", spread(all))

	got = do("-rollback", "-expect", "one")
	require.NoError(t, got.err, got.stdout)
	require.Equal(t, "one", answer(t))

	// What runs is not what is current: a deployment that was killed between the two.
	out, err := exec.Command("ln", "-sfnT", good, "/opt/hello/releases/current").CombinedOutput()
	require.NoError(t, err, "%s", out)
	got = do("-release", release("two"), "-expect", "two")
	require.NoError(t, got.err, got.stdout)
	require.Equal(t, "two", answer(t))
}
