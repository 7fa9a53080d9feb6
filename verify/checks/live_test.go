package checks_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
)

func TestLiveService(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/down", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "database gone", http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/healthz", http.StatusFound) })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half")
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "# TYPE heap gauge\nheap 6e+07\nlimit 1e8 1700000000000\nnolimit 9.223372036854776e+18\njobs{queue=\"a b\"} 3\nbroken NaN\n\n")
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	address := s.Listener.Addr().String()
	closed := freeAddress(t)
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	defer l.Close()
	judge(t, []want{
		{checks.HTTP(s.URL+"/healthz", "ok"), verify.Pass, "200 OK in "},
		{checks.HTTP(s.URL+"/healthz", "great"), verify.Fail, `it answers, but not as wanted`},
		{checks.HTTP(s.URL+"/down", ""), verify.Fail, `it says "database gone\n"`},
		{checks.HTTP(s.URL+"/moved", ""), verify.Fail, "302 Found"},
		{checks.HTTP(s.URL+"/cut", ""), verify.Fail, "cut off"},
		{checks.HTTP("http://"+closed, ""), verify.Fail, "refused"},
		{checks.HTTP("::bad", ""), verify.Unknown, ""},
		{checks.TCP(address), verify.Pass, "accepted in "},
		{checks.TCP(closed), verify.Fail, "refused"},
		{checks.TCP("nonsense"), verify.Unknown, "missing port"},
		{checks.Unix(socket), verify.Pass, "accepted in "},
		{checks.Unix(socket + "2"), verify.Fail, "no such file"},
		{checks.Latency(s.URL+"/healthz", time.Minute), verify.Pass, "µs"},
		{checks.Latency(s.URL+"/healthz", time.Nanosecond), verify.Fail, "answers too slowly"},
		{checks.Latency(s.URL+"/down", time.Minute), verify.Fail, "503"},
		{checks.MetricBelow(s.URL+"/metrics", `jobs{queue="a b"}`, 4), verify.Pass, "3"},
		{checks.MetricBelow(s.URL+"/metrics", `jobs{queue="a b"}`, 3), verify.Fail, "reached its limit"},
		{checks.MetricBelow(s.URL+"/metrics", "broken", 3), verify.Fail, "NaN"},
		{checks.MetricBelow(s.URL+"/metrics", "absent", 3), verify.Unknown, "exports no absent"},
		{checks.MetricBelow(s.URL+"/healthz", "absent", 3), verify.Unknown, "no metrics"},
		{checks.Heap(s.URL+"/metrics", "heap", "limit", 0.8), verify.Pass, "60000000 bytes, 60.0%"},
		{checks.Heap(s.URL+"/metrics", "heap", "limit", 0.5), verify.Fail, "close to the limit"},
		{checks.Heap(s.URL+"/metrics", "heap", "nolimit", 0.5), verify.Fail, "no memory limit"},
		{checks.Heap(s.URL+"/metrics", "heap", "absent", 0.5), verify.Fail, "no memory limit"},
		{checks.Heap(s.URL+"/metrics", "absent", "limit", 0.5), verify.Unknown, "exports no absent"},
		{checks.Heap(s.URL+"/metrics", "heap", "limit", 80), verify.Unknown, "at most 1"},
	})
}

// A server that accepts and says nothing does not hold up a run.
func TestASilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c := checks.HTTP("http://"+l.Addr().String(), "")
	c.Timeout = 50 * time.Millisecond
	r := verify.Run(context.Background(), c)
	require.False(t, r.OK())
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}
