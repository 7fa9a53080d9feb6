package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain is also the service itself, so that signals, descriptors and the
// environment are those of a real process.
func TestMain(m *testing.M) {
	if os.Getenv("HELLO_TEST_SERVE") != "" {
		os.Args = append(os.Args[:1], "-listen", "127.0.0.1:0", "-config", os.Getenv("HELLO_TEST_SERVE"))
		if os.Getenv("LISTEN_FDS") != "" {
			os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid())) // systemd sets it between fork and exec
		}
		main()
		return
	}
	os.Exit(m.Run())
}

// process is a running hello beside a stand-in for systemd's notify socket.
type process struct {
	*exec.Cmd
	notes  *net.UnixConn
	log    *bufio.Scanner
	config string
}

func start(t *testing.T, socket net.Listener, env ...string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{Cmd: exec.Command(os.Args[0]), config: filepath.Join(dir, "hello.json")}
	p.configure(t, `{"greeting": "first"}`)
	notes, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { notes.Close() })
	p.notes = notes
	p.Env = append(os.Environ(), "HELLO_TEST_SERVE="+p.config, "NOTIFY_SOCKET="+filepath.Join(dir, "notify"))
	p.Env = append(p.Env, env...)
	if socket != nil {
		f, err := socket.(*net.TCPListener).File()
		require.NoError(t, err)
		defer f.Close()
		p.ExtraFiles = []*os.File{f}
		p.Env = append(p.Env, "LISTEN_FDS=1")
	}
	stderr, err := p.StderrPipe()
	require.NoError(t, err)
	p.log = bufio.NewScanner(stderr)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	return p
}

func (p *process) configure(t *testing.T, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(p.config, []byte(text), 0o600))
}

// note waits for what the service tells systemd next.
func (p *process) note(t *testing.T) string {
	t.Helper()
	b := make([]byte, 4096)
	n, err := p.notes.Read(b)
	require.NoError(t, err)
	return string(b[:n])
}

// logged waits for a log line that holds text.
func (p *process) logged(t *testing.T, text string) string {
	t.Helper()
	for p.log.Scan() {
		if strings.Contains(p.log.Text(), text) {
			return p.log.Text()
		}
	}
	require.Fail(t, "the log ended without "+text)
	return ""
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, string(b))
	return string(b)
}

func TestLife(t *testing.T) {
	p := start(t, nil, "GOMEMLIMIT=100MiB", "GOMAXPROCS=1", "WATCHDOG_USEC=200000")
	line := p.logged(t, `"listening"`)
	require.Contains(t, line, `"activated":false`)
	_, rest, _ := strings.Cut(line, `"address":"`)
	address, _, _ := strings.Cut(rest, `"`)
	require.Equal(t, "READY=1", p.note(t))
	require.Equal(t, "first\n", get(t, "http://"+address))

	metrics := get(t, "http://"+address+"/metrics")
	require.Contains(t, metrics, "hello_memory_limit_bytes 1.048576e+08\n")
	require.Contains(t, metrics, "hello_gomaxprocs 1\n")
	require.Contains(t, metrics, "go_gc_heap_allocs_bytes ")
	require.Contains(t, metrics, "hello_requests_total ")

	require.Equal(t, "WATCHDOG=1", p.note(t))

	p.configure(t, `{"greeting": "second"}`)
	require.NoError(t, p.Process.Signal(syscall.SIGHUP))
	require.Contains(t, p.next(t, "RELOADING=1"), "\nMONOTONIC_USEC=")
	require.Equal(t, "READY=1", p.next(t, "READY=1"))
	require.Equal(t, "second\n", get(t, "http://"+address))

	p.configure(t, `{"greting": "misspelt"}`)
	require.NoError(t, p.Process.Signal(syscall.SIGHUP))
	require.Contains(t, p.logged(t, "configuration kept"), "greting")
	require.Equal(t, "second\n", get(t, "http://"+address))

	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, "STOPPING=1", p.next(t, "STOPPING=1"))
	require.Contains(t, p.logged(t, `"stopped"`), `"clean":true`)
	require.NoError(t, p.Wait())
}

// next waits for a note of one kind; watchdog notes come in between.
func (p *process) next(t *testing.T, prefix string) string {
	t.Helper()
	for {
		if n := p.note(t); strings.HasPrefix(n, prefix) {
			return n
		}
	}
}

func TestSocketActivation(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := start(t, l)
	require.NoError(t, l.Close())
	require.Contains(t, p.logged(t, `"listening"`), `"activated":true`)
	require.Equal(t, "first\n", get(t, "http://"+l.Addr().String()))
}

func TestBadConfigurationIsOneLine(t *testing.T) {
	var stderr bytes.Buffer
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HELLO_TEST_SERVE="+filepath.Join(t.TempDir(), "absent.json"))
	cmd.Stderr = &stderr
	require.Error(t, cmd.Run())
	require.Equal(t, 1, strings.Count(stderr.String(), "\n"))
	require.Contains(t, stderr.String(), "absent.json: no such file")
}
