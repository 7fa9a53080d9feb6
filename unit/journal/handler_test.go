package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func handler(t testing.TB, s *standIn, o HandlerOptions) *Handler {
	t.Helper()
	o.Socket = s.path
	if o.Identifier == "" {
		o.Identifier = "test"
	}
	h, err := NewHandler(&o)
	require.NoError(t, err)
	return h
}

type point struct {
	X, Y int
}

type textual struct{}

func (textual) MarshalText() ([]byte, error) { return []byte("as text"), nil }

type valuer struct{}

func (valuer) LogValue() slog.Value {
	return slog.GroupValue(slog.String("user", "u"), slog.String("password", "-"))
}

type panicking struct{}

func (*panicking) String() string { panic("nil of me") }

func TestEveryKind(t *testing.T) {
	s := newStandIn(t)
	log := slog.New(handler(t, s, HandlerOptions{}))
	when := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	log.Warn("two\nlines", "text", "a = b", "empty", "", "int", -5, "uint", uint64(1<<63), "float", 0.25, "bool", true,
		"took", 1500*time.Millisecond, "when", when, "error", errors.New("no such file"), "nil", nil,
		"binary", []byte("\x00\xff\n="), "struct", point{1, 2}, "list", []string{"a", "b"}, "text", textual{}, "who", valuer{},
		"stringer", net.IPv4(10, 0, 0, 1), "panic", (*panicking)(nil),
		slog.Group("http", slog.Int("status", 500), slog.Group("request", "id", "x")), slog.Group("", "inline", 1), slog.Group("nothing"))
	fields, file := s.receive(t)
	require.False(t, file)
	require.Equal(t, []field{
		{"PRIORITY", "4"}, {"MESSAGE", "two\nlines"}, {"SYSLOG_IDENTIFIER", "test"},
		{"TEXT", "a = b"}, {"EMPTY", ""}, {"INT", "-5"}, {"UINT", "9223372036854775808"}, {"FLOAT", "0.25"}, {"BOOL", "true"},
		{"TOOK", "1.5s"}, {"WHEN", "2026-01-02T03:04:05.0000006Z"}, {"ERROR", "no such file"}, {"NIL", "null"},
		{"BINARY", "\x00\xff\n="}, {"STRUCT", `{"X":1,"Y":2}`}, {"LIST", `["a","b"]`}, {"TEXT", "as text"}, {"WHO_USER", "u"}, {"WHO_PASSWORD", "-"},
		{"STRINGER", "10.0.0.1"}, {"PANIC", "!PANIC: nil of me"},
		{"HTTP_STATUS", "500"}, {"HTTP_REQUEST_ID", "x"}, {"INLINE", "1"},
	}, fields)
}

func TestNames(t *testing.T) {
	long := strings.Repeat("long_", 20)
	require.Len(t, appendField(nil, "", long), longestField)
	require.NotEqual(t, appendField(nil, "", long), appendField(nil, "", long+"x"))
	for _, c := range []struct{ key, want string }{
		{"a", "A"}, {"requestID", "REQUESTID"}, {"user.name", "USER_NAME"}, {"größe", "GR__E"}, {"_PID", "PID"}, {"1st", "X_1ST"}, {"", "X_"}, {"é", "X__"},
		{"message", "ATTR_MESSAGE"}, {"Priority", "ATTR_PRIORITY"}, {"message_id", "MESSAGE_ID"}, {"__message", "ATTR_MESSAGE"}, {"a=b\nc", "A_B_C"},
	} {
		require.Equal(t, c.want, string(appendField(nil, "", c.key)), c.key)
	}
}

func TestGroupsAndAttrs(t *testing.T) {
	s := newStandIn(t)
	log := slog.New(handler(t, s, HandlerOptions{Prefix: "APP_", ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == "secret" {
			return slog.String("secret", strings.Join(groups, "/"))
		}
		if a.Key == "drop" {
			return slog.Attr{}
		}
		return a
	}}))
	base := log.With("a", 1)
	one := base.WithGroup("g").With("b", 2, "secret", "s")
	two := base.WithGroup("h").With("b", 3)
	one.WithGroup("deep").Info("one", "secret", "s", "drop", 1)
	two.Info("two")
	fields, _ := s.receive(t)
	require.Equal(t, []field{{"APP_A", "1"}, {"APP_G_B", "2"}, {"APP_G_SECRET", "g"}, {"APP_G_DEEP_SECRET", "g/deep"}}, fields[3:])
	fields, _ = s.receive(t)
	require.Equal(t, []field{{"APP_A", "1"}, {"APP_H_B", "3"}}, fields[3:])
	require.Same(t, log.Handler(), log.Handler().WithGroup("").WithAttrs(nil))
}

func TestSourceAndLevels(t *testing.T) {
	s := newStandIn(t)
	log := slog.New(handler(t, s, HandlerOptions{AddSource: true, Level: slog.LevelDebug - 4}))
	want := map[slog.Level]string{-8: "7", -4: "7", -1: "7", 0: "6", 2: "5", 4: "4", 7: "4", 8: "3", 11: "3", 12: "2", 16: "1", 100: "1"}
	for level, priority := range want {
		log.Log(context.Background(), level, "m")
		fields, _ := s.receive(t)
		require.Equal(t, []string{priority}, values(fields, "PRIORITY"), level)
		require.Regexp(t, `handler_test\.go$`, values(fields, "CODE_FILE")[0])
		require.Regexp(t, `^\d+$`, values(fields, "CODE_LINE")[0])
		require.Regexp(t, `TestSourceAndLevels$`, values(fields, "CODE_FUNC")[0])
	}
	require.False(t, log.Enabled(context.Background(), -9))
}

func TestLargeGoesThroughASealedFile(t *testing.T) {
	s := newStandIn(t)
	h := handler(t, s, HandlerOptions{})
	log := slog.New(h)
	log.Info("before")
	_, file := s.receive(t)
	require.False(t, file)
	big := bytes.Repeat([]byte("0123456789abcde\n"), 1<<20) // 16 MiB
	log.Info("big", "dump", big)
	fields, file := s.receive(t)
	require.True(t, file)
	require.Equal(t, string(big), values(fields, "DUMP")[0])
	log.Info("after")
	fields, file = s.receive(t)
	require.False(t, file)
	require.Equal(t, []string{"after"}, values(fields, "MESSAGE"))
}

// Nobody reads: the queue fills, one record waits, the others do not, and what
// was lost is told.
func TestNeverWaitsLongerThanAsked(t *testing.T) {
	s := newStandIn(t)
	h := handler(t, s, HandlerOptions{Timeout: time.Millisecond})
	log := func() error { return h.Handle(t.Context(), slog.NewRecord(time.Time{}, slog.LevelInfo, "m", 0)) }
	sent := 0
	for log() == nil {
		sent++
		require.Less(t, sent, 1<<20)
	}
	require.True(t, h.out.stuck.Load())
	for range 10_000 { // with a wait each, the test would time out
		h.out.timeout = time.Hour
		require.ErrorIs(t, log(), ErrLost)
	}
	require.Equal(t, uint64(10_001), h.Lost())
	for range sent {
		fields, _ := s.receive(t)
		require.Empty(t, values(fields, lostField))
	}
	require.NoError(t, log())
	fields, _ := s.receive(t)
	require.Equal(t, []string{"10001"}, values(fields, lostField))
	require.False(t, h.out.stuck.Load())
	require.NoError(t, log())
	fields, _ = s.receive(t)
	require.Empty(t, values(fields, lostField))
	require.Equal(t, uint64(10_001), h.Lost())
}

// A record that waits is sent as soon as there is room.
func TestWaitsForRoom(t *testing.T) {
	s := newStandIn(t)
	h := handler(t, s, HandlerOptions{Timeout: time.Nanosecond})
	log := slog.New(h)
	for h.Lost() == 0 {
		log.Info("m")
	}
	h.out.timeout = time.Minute
	h.out.stuck.Store(false)
	done := make(chan error)
	go func() { done <- h.Handle(t.Context(), slog.NewRecord(time.Time{}, slog.LevelInfo, "waited", 0)) }()
	var last []field
	for len(values(last, lostField)) == 0 {
		last, _ = s.receive(t)
	}
	require.NoError(t, <-done)
	require.Equal(t, []string{"waited"}, values(last, "MESSAGE"))
}

// Ten thousand to a reader that can't keep up, without any patience: each is
// either delivered or counted as lost, and the counts are delivered, too.
func TestEveryRecordIsAccountedFor(t *testing.T) {
	s := newStandIn(t)
	h := handler(t, s, HandlerOptions{Timeout: time.Nanosecond})
	log := slog.New(h)
	go func() {
		for i := range 10_000 {
			log.Info("m", "i", i)
		}
		h.out.timeout = time.Minute
		h.out.stuck.Store(false)
		log.Info("the end")
	}()
	delivered, said := uint64(0), uint64(0)
	for over := false; !over; {
		fields, _ := s.receive(t)
		for _, n := range values(fields, lostField) {
			lost, err := strconv.ParseUint(n, 10, 64)
			require.NoError(t, err)
			said += lost
		}
		if over = fields[1].value == "the end"; !over {
			delivered++
		}
	}
	t.Logf("%d delivered, %d lost", delivered, h.Lost())
	require.Equal(t, uint64(10_000), delivered+h.Lost())
	require.Equal(t, h.Lost(), said)
}

func TestNoJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	var out bytes.Buffer
	h := handler(t, &standIn{path: path}, HandlerOptions{Fallback: slog.NewJSONHandler(&out, nil)})
	log := slog.New(h).With("a", 1).WithGroup("g")
	log.Info("nobody", "b", 2)
	require.Contains(t, out.String(), `"msg":"nobody","a":1,"g":{"b":2}}`)

	first := listen(t, path) // it comes up
	log.Info("here")
	fields, _ := first.receive(t)
	require.Equal(t, []string{"here"}, values(fields, "MESSAGE"))

	require.NoError(t, first.Close()) // and is made anew
	require.NoError(t, os.Remove(path))
	out.Reset()
	log.Info("gone")
	require.Contains(t, out.String(), "gone")
	second := listen(t, path)
	log.Info("back")
	fields, _ = second.receive(t)
	require.Equal(t, []string{"back"}, values(fields, "MESSAGE"))
	require.Zero(t, h.Lost())
}

func TestOptionsRefused(t *testing.T) {
	for field, o := range map[string]HandlerOptions{
		"Timeout":    {Timeout: -1},
		"Identifier": {Identifier: "a\nPRIORITY=0"},
		"Prefix":     {Prefix: "app_"},
	} {
		_, err := NewHandler(&o)
		require.ErrorContains(t, err, "journal: "+field)
	}
	h, err := NewHandler(nil)
	require.NoError(t, err)
	require.Contains(t, string(h.head), "SYSLOG_IDENTIFIER=journal.test\n")
}

func TestManyAtOnce(t *testing.T) {
	s := newStandIn(t)
	log := slog.New(handler(t, s, HandlerOptions{Timeout: time.Minute}))
	const writers, each = 8, 1250
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			mine := log.With("writer", w)
			for i := range each {
				mine.Info("m", "i", i, "text", fmt.Sprint(w, "/", i))
			}
		})
	}
	seen := map[string]bool{}
	for range writers * each {
		fields, _ := s.receive(t)
		require.Len(t, fields, 6)
		require.Equal(t, fields[3].value+"/"+fields[4].value, strings.ReplaceAll(fields[5].value, " ", ""))
		seen[fields[5].value] = true
	}
	wg.Wait()
	require.Len(t, seen, writers*each)
}

func TestIsJournalStream(t *testing.T) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	f, other := os.NewFile(uintptr(pair[0]), "stream"), os.NewFile(uintptr(pair[1]), "other")
	defer f.Close()
	defer other.Close()
	info, err := f.Stat()
	require.NoError(t, err)
	st := info.Sys().(*syscall.Stat_t)
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", st.Dev, st.Ino))
	require.True(t, IsJournalStream(f))
	require.False(t, IsJournalStream(other))
	for _, bad := range []string{"", "1", "x:y", "-1:5"} {
		t.Setenv("JOURNAL_STREAM", bad)
		require.False(t, IsJournalStream(f), bad)
	}
}

func TestNoAllocation(t *testing.T) {
	if raceEnabled {
		return // the detector allocates, and makes a pool forget
	}
	s := newStandIn(t)
	go func() {
		b := make([]byte, 4096)
		for {
			if _, err := s.Read(b); err != nil {
				return
			}
		}
	}()
	h := handler(t, s, HandlerOptions{Timeout: time.Minute})
	r := slog.NewRecord(time.Time{}, slog.LevelInfo, "request", 0)
	r.AddAttrs(slog.String("path", "/"), slog.Int("status", 200), slog.Duration("took", time.Second))
	require.NoError(t, h.Handle(t.Context(), r))
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _ = h.Handle(context.Background(), r) }), 1.0) // the duration's text
}

var validField = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

// No key and no value can add, hide or change a field.
func FuzzRecord(f *testing.F) {
	f.Add("message", "text", "group")
	f.Add("a=b\nPRIORITY", "x\nPRIORITY=0\n", "_SYSTEMD_UNIT=")
	f.Add("", "\x00\xff", "")
	h := &Handler{level: slog.LevelInfo, head: appendText(nil, "SYSLOG_IDENTIFIER", "test"), fallback: slog.DiscardHandler}
	f.Fuzz(func(t *testing.T, key, value, group string) {
		r := slog.NewRecord(time.Time{}, slog.LevelInfo, value, 0)
		r.AddAttrs(slog.Any(key, []byte(value)), slog.String("plain", value))
		in := h.WithAttrs([]slog.Attr{slog.String(key, value)}).WithGroup(group).(*Handler)
		fields := parseNative(t, in.append(nil, r))
		require.Len(t, fields, 6)
		require.Equal(t, field{"PRIORITY", "6"}, fields[0])
		require.Equal(t, field{"MESSAGE", value}, fields[1])
		require.Equal(t, field{"SYSLOG_IDENTIFIER", "test"}, fields[2])
		for _, got := range fields[3:] {
			require.Equal(t, value, got.value)
			require.Regexp(t, validField, got.name)
			require.False(t, reserved([]byte(got.name)))
		}
	})
}
