//go:build privileged

package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func real(t *testing.T, identifier string, o HandlerOptions) *slog.Logger {
	t.Helper()
	o.Identifier, o.Timeout, o.Fallback = identifier, 10*time.Second, slog.DiscardHandler
	h, err := NewHandler(&o)
	require.NoError(t, err)
	return slog.New(h)
}

func ask(t *testing.T, q Query) []Entry {
	t.Helper()
	require.NoError(t, Sync(t.Context()))
	entries, err := q.All(t.Context())
	require.NoError(t, err)
	return entries
}

func messages(entries []Entry) (all []string) {
	for _, e := range entries {
		all = append(all, e.Message)
	}
	return all
}

// What goes in comes out again, every kind and every byte.
func TestJournalKeepsEveryValue(t *testing.T) {
	log := real(t, "round", HandlerOptions{AddSource: true})
	large := strings.Repeat("0123456789\n", 200_000) // over two MB
	binary := make([]byte, 256)
	for i := range binary {
		binary[i] = byte(i)
	}
	began := time.Now()
	log.Error("two\nlines", "text", "a=b", "empty", "", "int", -5, "float", 0.25, "bool", true, "took", 1500*time.Millisecond, "error", errors.New("no such file"),
		"binary", binary, "large", large, "struct", point{1, 2}, slog.Group("http", "status", 500, "status", "again"), "_PID", 1, "message", "not it")
	entries := ask(t, Query{Identifier: "round", Boot: ThisBoot})
	require.Len(t, entries, 1)
	e := entries[0]
	require.Equal(t, "two\nlines", e.Message)
	require.Equal(t, Err, e.Priority)
	require.Equal(t, "round", e.Identifier)
	require.Equal(t, os.Getpid(), e.PID)
	require.WithinDuration(t, began, e.Time, time.Minute)
	require.NotEmpty(t, e.Cursor)
	require.Len(t, e.Boot, 32)
	for name, want := range map[string]string{
		"TEXT": "a=b", "EMPTY": "", "INT": "-5", "FLOAT": "0.25", "BOOL": "true", "TOOK": "1.5s", "ERROR": "no such file", "BINARY": string(binary),
		"STRUCT": `{"X":1,"Y":2}`, "PID": "1", "ATTR_MESSAGE": "not it", "_PID": strconv.Itoa(os.Getpid()),
	} {
		require.Equal(t, want, e.Field(name), name)
	}
	require.Equal(t, large, e.Field("LARGE"))
	require.ElementsMatch(t, []string{"500", "again"}, e.Fields["HTTP_STATUS"])
	require.Contains(t, e.Field("CODE_FILE"), "journal_privileged_test.go")
}

func TestQueries(t *testing.T) {
	log := real(t, "query", HandlerOptions{Level: slog.LevelDebug})
	for i, l := range []slog.Level{-4, 0, 2, 4, 8, 12, 16} {
		log.Log(t.Context(), l, l.String(), "n", i, "parity", i%2)
		time.Sleep(2 * time.Millisecond)
	}
	all := ask(t, Query{Identifier: "query"})
	require.Equal(t, []string{"DEBUG", "INFO", "INFO+2", "WARN", "ERROR", "ERROR+4", "ERROR+8"}, messages(all))
	for name, c := range map[string]struct {
		q    Query
		want []string
	}{
		"at least":    {Query{Priority: AtLeast(Err)}, []string{"ERROR", "ERROR+4", "ERROR+8"}},
		"exactly":     {Query{Priority: Between(Err, Err)}, []string{"ERROR"}},
		"between":     {Query{Priority: Between(Info, Warning)}, []string{"INFO", "INFO+2", "WARN"}},
		"since":       {Query{Since: all[4].Time}, []string{"ERROR", "ERROR+4", "ERROR+8"}},
		"until":       {Query{Until: all[1].Time}, []string{"DEBUG", "INFO"}},
		"after":       {Query{After: all[4].Cursor}, []string{"ERROR+4", "ERROR+8"}},
		"after since": {Query{After: all[4].Cursor, Since: all[6].Time}, []string{"ERROR+8"}},
		"last":        {Query{Lines: 2}, []string{"ERROR+4", "ERROR+8"}},
		"one field":   {Query{Match: []Match{{"N", "1"}, {"N", "3"}}}, []string{"INFO", "WARN"}},
		"two fields":  {Query{Match: []Match{{"N", "1"}, {"N", "3"}, {"N", "4"}, {"PARITY", "1"}}}, []string{"INFO", "WARN"}},
		"nothing":     {Query{Match: []Match{{"N", "99"}}}, nil},
		"other boot":  {Query{Invocation: strings.Repeat("0", 32)}, nil},
	} {
		c.q.Identifier = "query"
		require.Equal(t, c.want, messages(ask(t, c.q)), name)
	}

	// Follow gives what there is, and then what comes.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen := 0
	for e, err := range (Query{Identifier: "query", Follow: true}).Entries(ctx) {
		require.NoError(t, err)
		if seen++; seen == 7 {
			log.Info("later")
		}
		if e.Message == "later" {
			break
		}
	}
	require.Equal(t, 8, seen)

	// A caller that has waited long enough is told so.
	ctx, cancel = context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var last error
	for _, err := range (Query{Identifier: "query", Follow: true, After: all[6].Cursor}).Entries(ctx) {
		last = err
	}
	require.ErrorIs(t, last, context.DeadlineExceeded)
}

func TestUnitsAndInvocations(t *testing.T) {
	run := func(script string) string {
		out, err := exec.Command("systemd-run", "--wait", "--quiet", "--unit=journal-test.service", "-p", "SyslogIdentifier=runs", "sh", "-c", script).CombinedOutput()
		require.NoError(t, err, string(out))
		entries := ask(t, Query{Identifier: "runs", Lines: 1})
		return entries[0].Field("_SYSTEMD_INVOCATION_ID")
	}
	first := run("echo one; sleep 0.2")
	second := run(`echo '{"msg":"two","n":12345678901234567890}'; sleep 0.2`)
	require.NotEqual(t, first, second)
	both := ask(t, Query{Unit: "journal-test.service"})
	one := ask(t, Query{Unit: "journal-test.service", Invocation: first})
	two := ask(t, Query{Invocation: second})
	require.Contains(t, messages(one), "one")
	require.NotContains(t, messages(one), `{"msg":"two","n":12345678901234567890}`)
	require.Greater(t, len(one), 1, "what systemd says of the run is missing")
	require.Less(t, len(one), len(both))
	for _, e := range both {
		require.Equal(t, "journal-test.service", e.Unit)
	}
	decoded := false
	for _, e := range two {
		if m, err := e.JSON(); err == nil {
			decoded = true
			require.Equal(t, "two", m["msg"])
			require.Equal(t, "12345678901234567890", fmt.Sprint(m["n"]))
		}
	}
	require.True(t, decoded)
}

const floodRecords = 10_000

// flood logs as fast as it can, and says how long the slowest call took.
func flood() {
	h, err := NewHandler(&HandlerOptions{Identifier: "flood", Timeout: 5 * time.Second})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	log := slog.New(h)
	began, slowest := time.Now(), time.Duration(0)
	for i := range floodRecords {
		at := time.Now()
		log.Info("flood", "i", i, "text", "with\na newline")
		slowest = max(slowest, time.Since(at))
	}
	fmt.Printf("%d lost, %v in all, the slowest call %v\n", h.Lost(), time.Since(began), slowest)
}

// Ten thousand at once: what the handler says it delivered is in the journal.
func TestFlood(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	out, err := exec.Command("systemd-run", "--wait", "--quiet", "--pipe", "-p", "LogRateLimitIntervalSec=0", "-E", "JOURNAL_TEST_FLOOD=1", self).CombinedOutput()
	require.NoError(t, err, string(out))
	t.Log(strings.TrimSpace(string(out)))
	var lost int
	_, err = fmt.Sscanf(string(out), "%d lost", &lost)
	require.NoError(t, err)
	require.NoError(t, Sync(t.Context()))
	seen := map[string]bool{}
	for e, err := range (Query{Identifier: "flood", Match: []Match{{"MESSAGE", "flood"}}}).Entries(t.Context()) {
		require.NoError(t, err)
		require.Equal(t, "with\na newline", e.Field("TEXT"))
		seen[e.Field("I")] = true
	}
	require.Len(t, seen, floodRecords-lost)
	require.Zero(t, lost, "with five seconds of patience nothing is lost")
}
