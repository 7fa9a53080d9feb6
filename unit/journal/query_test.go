package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestArguments(t *testing.T) {
	at := time.Unix(1700000000, 123456789)
	for want, q := range map[string]Query{
		"--": {},
		"--unit=app.service --identifier=-x --boot=0 --priority=0..3 --":                      {Unit: "app.service", Identifier: "-x", Boot: ThisBoot, Priority: AtLeast(Err)},
		"--user-unit=app.service --since=@1700000000.123456 --":                               {Unit: "app.service", User: true, Since: at},
		"--priority=4..6 --until=@1700000000.123456 --lines=5 -- A=1 A=2 B=x y":               {Priority: Between(Info, Warning), Until: at, Lines: 5, Match: []Match{{"A", "1"}, {"A", "2"}, {"B", "x y"}}},
		"--after-cursor=c --no-tail --follow --":                                              {After: "c", Since: at, Follow: true},
		"--directory=/j --namespace=n --":                                                     {Directory: "/j", Namespace: "n"},
		"-- A=1 _SYSTEMD_INVOCATION_ID=ab + A=1 INVOCATION_ID=ab + A=1 USER_INVOCATION_ID=ab": {Invocation: "ab", Match: []Match{{"A", "1"}}},
	} {
		got, err := q.arguments()
		require.NoError(t, err)
		require.Equal(t, "--no-pager --quiet --all --output=export "+want, strings.Join(got, " "))
	}
	for want, q := range map[string]Query{
		"pattern":           {Unit: "app*"},
		"control character": {Identifier: "a\nb"},
		"negative":          {Lines: -1},
		"0 to 7":            {Priority: Between(0, 9)},
		"Match field":       {Match: []Match{{"--since", "x"}}},
		"NUL":               {Match: []Match{{"A", "\x00"}}},
		"hexadecimal":       {Invocation: "x + A=1"},
	} {
		_, err := q.All(t.Context())
		require.ErrorContains(t, err, want)
	}
}

// script is a journalctl that goes wrong as the real one can't be made to.
func script(t *testing.T, text string) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "journalctl")
	require.NoError(t, os.WriteFile(at, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	return at
}

func TestQueryFaults(t *testing.T) {
	_, err := Query{Command: filepath.Join(t.TempDir(), "none")}.All(t.Context())
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Query{Command: "no-such-journalctl"}.All(t.Context())
	require.ErrorIs(t, err, exec.ErrNotFound)
	_, err = Query{Command: script(t, "echo oh dear >&2; exit 1")}.All(t.Context())
	require.ErrorContains(t, err, "oh dear")
	_, err = Query{Command: script(t, "echo No journal files were opened due to insufficient permissions. >&2; exit 1")}.All(t.Context())
	require.ErrorIs(t, err, fs.ErrPermission)
	got, err := Query{Command: script(t, `printf 'MESSAGE=whole\n\nMESSAGE\n\377\377\377\377\377\377\377\000x'`)}.All(t.Context())
	require.ErrorContains(t, err, "none that the journal can hold")
	require.Len(t, got, 1)
	_, err = Query{Command: script(t, `printf 'MESSAGE=whole\n\nMESS'`)}.All(t.Context())
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = Query{Follow: true}.All(t.Context())
	require.ErrorContains(t, err, "no end")
	for _, err = range (Query{Follow: true, Command: script(t, "exit 0")}).Entries(t.Context()) {
	}
	require.ErrorContains(t, err, "it was to follow")

	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	why := errors.New("enough")
	for _, err = range (Query{Follow: true, Command: script(t, "printf 'MESSAGE=x\n\n'; exec sleep 1000")}).Entries(ctx) {
		cancel(why)
	}
	require.ErrorIs(t, err, why)
	for range (Query{Command: script(t, "while :; do printf 'MESSAGE=x\n\n'; done")}).Entries(t.Context()) {
		break // and the writer is gone
	}
}

func TestEntry(t *testing.T) {
	e, err := exported{bufio.NewReader(strings.NewReader("__CURSOR=s=1\n__REALTIME_TIMESTAMP=1700000000000001\n_BOOT_ID=b\nPRIORITY=3\n_COMM=sh\n_PID=7\nMESSAGE=\n_SYSTEMD_UNIT=init.scope\nUNIT=app.service\n"))}.next()
	require.NoError(t, err)
	fields := e.Fields
	e.Fields = nil
	require.Equal(t, Entry{Cursor: "s=1", Time: time.UnixMicro(1700000000000001), Boot: "b", Priority: Err, Identifier: "sh", Unit: "app.service", PID: 7}, e)
	require.Equal(t, []string{""}, fields["MESSAGE"])
	require.Equal(t, "err", e.Priority.String())
	require.Equal(t, "9", Priority(9).String())

	m, err := Entry{Message: ` {"a":1.50,"b":{"c":null}} `}.JSON()
	require.NoError(t, err)
	require.Equal(t, "1.50", m["a"].(interface{ String() string }).String())
	for _, bad := range []string{"", "text", "[1]", `{"a":1} x`, "null", `{"a"`} {
		_, err := Entry{Message: bad}.JSON()
		require.Error(t, err, bad)
	}
	require.Contains(t, Entry{Identifier: "app", PID: 3, Message: "a\nb"}.String(), " app[3]: a\n    b")
}

// Whatever comes, the reader ends; and what was read, written again, reads the same.
func FuzzExport(f *testing.F) {
	f.Add([]byte("__CURSOR=x\nMESSAGE=a\nMESSAGE=b\n\nA\n\x03\x00\x00\x00\x00\x00\x00\x00x\ny\n\n"))
	f.Add([]byte("\n\n=x\n"))
	f.Add([]byte("A\n\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, _ := readAll(b)
		var again []byte
		for _, e := range entries {
			for name, values := range e.Fields {
				for _, v := range values {
					again = appendText(again, name, v)
				}
			}
			again = append(again, '\n')
		}
		twice, err := readAll(again)
		require.NoError(t, err)
		require.Equal(t, entries, twice)
	})
}

func readAll(b []byte) (entries []Entry, err error) {
	x := exported{bufio.NewReader(bytes.NewReader(b))}
	for {
		e, err := x.next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return entries, nil
		}
		if err != nil {
			return entries, err
		}
		entries = append(entries, e)
	}
}
