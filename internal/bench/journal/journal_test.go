// Package journal compares what a log record costs: this module's handler,
// slog's JSON handler, and go-systemd's journal.Send. See README.md.
package journal

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	sd "github.com/coreos/go-systemd/v22/journal"

	"github.com/bedplate/bedplate/unit/journal"
)

// socket is where the linker is told to look for journald, too (README.md).
const socket = "/tmp/bedplate-bench-journal.socket"

// drain takes what is sent, as journald would, and does nothing with it.
func drain(b *testing.B) {
	b.Helper()
	_ = os.Remove(socket)
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close(); os.Remove(socket) })
	go swallow(c)
}

func swallow(r io.Reader) {
	buf := make([]byte, 64<<10)
	for {
		if _, err := r.Read(buf); err != nil {
			return
		}
	}
}

// attrs are those of a usual request.
func attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("method", "GET"), slog.String("path", "/api/v1/things"), slog.Int("status", 200),
		slog.Duration("took", 1234567*time.Nanosecond), slog.Bool("cached", false),
	}
}

func log(b *testing.B, h slog.Handler) {
	l := slog.New(h).With("service", "app", "version", "1.2.3")
	ctx, a := context.Background(), attrs()
	b.ReportAllocs()
	for b.Loop() {
		l.LogAttrs(ctx, slog.LevelInfo, "request", a...)
	}
}

func BenchmarkHandler(b *testing.B) {
	drain(b)
	h, err := journal.NewHandler(&journal.HandlerOptions{Socket: socket, Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	log(b, h)
	if h.Lost() > 0 {
		b.Fatal("records were lost")
	}
}

// BenchmarkJSONStream writes JSON lines to a stream socket, as stderr of a
// service is one: journald takes the line apart no further.
func BenchmarkJSONStream(b *testing.B) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		b.Fatal(err)
	}
	w, r := os.NewFile(uintptr(pair[0]), "stderr"), os.NewFile(uintptr(pair[1]), "journald")
	b.Cleanup(func() { w.Close(); r.Close() })
	go swallow(r)
	log(b, slog.NewJSONHandler(w, nil))
}

// BenchmarkJSONDiscard is the formatting alone.
func BenchmarkJSONDiscard(b *testing.B) { log(b, slog.NewJSONHandler(io.Discard, nil)) }

// BenchmarkSend is what a program does that uses go-systemd for the same fields.
func BenchmarkSend(b *testing.B) {
	drain(b)
	if err := sd.Send("probe", sd.PriInfo, nil); err != nil {
		b.Fatal("go-systemd does not find the socket; link with -X, as README.md says: ", err)
	}
	b.ReportAllocs()
	for b.Loop() {
		err := sd.Send("request", sd.PriInfo, map[string]string{
			"SERVICE": "app", "VERSION": "1.2.3", "METHOD": "GET", "PATH": "/api/v1/things", "STATUS": "200", "TOOK": "1.234567ms", "CACHED": "false", "SYSLOG_IDENTIFIER": "bench",
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
