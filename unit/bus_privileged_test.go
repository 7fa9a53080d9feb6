//go:build privileged

package unit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

const systemBus = "/run/dbus/system_bus_socket"

// cutter is a way to the bus that breaks when it is told to.
type cutter struct {
	path string
	mu   sync.Mutex
	open []net.Conn
	left int // bytes until the next cut; negative: none
	cuts int
}

func newCutter(t *testing.T) *cutter {
	c := &cutter{path: filepath.Join(t.TempDir(), "bus"), left: -1}
	l, err := net.Listen("unix", c.path)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", systemBus)
			if err != nil {
				in.Close()
				continue
			}
			c.mu.Lock()
			c.open = append(c.open, in, out)
			c.mu.Unlock()
			go c.carry(in, out)
			go c.carry(out, in)
		}
	}()
	return c
}

func (c *cutter) carry(dst, src net.Conn) {
	b := make([]byte, 2048)
	for {
		n, err := src.Read(b)
		if err != nil || c.spend(n) {
			break
		}
		if _, err := dst.Write(b[:n]); err != nil {
			break
		}
	}
	src.Close()
	dst.Close()
}

// spend says whether it is time, and then cuts everything.
func (c *cutter) spend(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left < 0 {
		return false
	}
	if c.left -= n; c.left > 0 {
		return false
	}
	c.left = -1
	c.cuts++
	for _, conn := range c.open {
		conn.Close()
	}
	c.open = nil
	return true
}

// The connection breaks at another place each time, while units are enabled and
// started: nothing is left half done, and nobody notices.
func TestConnectionsCut(t *testing.T) {
	gone(t, "cut.service")
	c := newCutter(t)
	m := unit.Manager{Address: "unix:path=" + c.path, Stable: -1}
	s := unit.Set{Manager: m, Enable: true, Start: true}
	// In CI each release has a third of them.
	from, rounds := map[string]int{"bullseye": 0, "bookworm": 7, "trixie": 14}[testenv.Suite(t)], 7
	if os.Getenv("BEDPLATE_LONG") != "" {
		from, rounds = 0, 100
	}
	for i := from; i < from+rounds; i++ {
		s.Units = []unit.Unit{unit.Service{Name: "cut", Description: fmt.Sprint("round ", i), Exec: []string{"/bin/sleep", "1000"}}}
		c.mu.Lock()
		c.left = 300 + i*1700%30000
		c.mu.Unlock()
		_, err := s.Ensure(t.Context())
		require.NoError(t, err, "round %d", i)
		plan, err := s.Plan(t.Context())
		require.NoError(t, err)
		require.Empty(t, plan, "round %d", i)
	}
	require.Equal(t, fmt.Sprint("round ", from+rounds-1), show(t, "cut.service", "Description"))
	require.Equal(t, "active", show(t, "cut.service", "ActiveState"))
	require.Greater(t, c.cuts, rounds*2/3, "the cuts came too late")
	t.Logf("%d cuts in %d rounds", c.cuts, rounds)
}

// The same with the real thing: the bus is restarted, and systemd executes
// itself again, while a service takes its time to start.
func TestBusRestartsAndReexec(t *testing.T) {
	gone(t, "slow.service")
	for _, how := range []struct {
		address string
		cut     []string
	}{{"unix:path=" + systemBus, []string{"systemctl", "restart", "dbus.service"}}, {"", []string{"systemctl", "daemon-reexec"}}} {
		s := unit.Set{Manager: unit.Manager{Stable: -1, Address: how.address}, Enable: true, Start: true, Units: []unit.Unit{unit.Service{
			Name: "slow", Description: how.cut[1], Exec: []string{"/bin/sleep", "1000"},
			Extra: []unit.Directive{{Section: "Service", Name: "ExecStartPre", Value: "/bin/sleep 1"}}}}}
		cut := make(chan error)
		go func() {
			time.Sleep(500 * time.Millisecond)
			cut <- exec.Command(how.cut[0], how.cut[1:]...).Run()
		}()
		_, err := s.Ensure(t.Context())
		require.NoError(t, <-cut)
		require.NoError(t, err, "%v", how)
		plan, err := s.Plan(t.Context())
		require.NoError(t, err)
		require.Empty(t, plan)
	}
}

// A bus that takes connections and never answers, or answers the greeting only.
func TestBusHangs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	silent, err := net.Listen("unix", filepath.Join(dir, "silent"))
	require.NoError(t, err)
	defer silent.Close()
	deaf, err := net.Listen("unix", filepath.Join(dir, "deaf"))
	require.NoError(t, err)
	defer deaf.Close()
	go func() {
		for {
			in, err := deaf.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", systemBus)
			if err != nil {
				in.Close()
				continue
			}
			go io.Copy(in, out)
			go func() { // the greeting goes through: auth and Hello are less than this
				_, _ = io.CopyN(out, in, 250)
				_, _ = io.Copy(io.Discard, in)
			}()
		}
	}()
	for _, name := range []string{"silent", "deaf"} {
		m := unit.Manager{Address: "unix:path=" + filepath.Join(dir, name)}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		_, err := unit.Set{Manager: m, Units: []unit.Unit{app()}, Enable: true}.Ensure(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded, name)
		_, err = os.Lstat(etc + "app.service")
		require.ErrorIs(t, err, os.ErrNotExist, "something was installed")
		cancel()
	}
	m := unit.Manager{Address: "unix:path=" + filepath.Join(dir, "none")}
	_, err = unit.Set{Manager: m, Units: []unit.Unit{app()}}.Ensure(t.Context())
	require.ErrorIs(t, err, unit.ErrNoManager)
	_, err = m.Start(t.Context(), "app.service")
	require.ErrorIs(t, err, unit.ErrNoManager)
}

// An ordinary user with linger has a manager of his own, and no right to the
// machine's. The test is run again as that user.
func TestUserManager(t *testing.T) {
	if os.Getenv("UNIT_TEST_USER") != "" {
		asUser(t)
		return
	}
	// logind makes the directory that a user's manager runs in; the lean machine
	// has it masked.
	for _, name := range []string{"systemd-logind.service", "dbus-org.freedesktop.login1.service", "systemd-user-sessions.service"} {
		if to, err := os.Readlink("/run/systemd/system/" + name); err == nil && to == "/dev/null" {
			require.NoError(t, os.Remove("/run/systemd/system/"+name))
		}
	}
	command(t, "systemctl", "daemon-reload")
	command(t, "systemctl", "start", "systemd-user-sessions.service", "systemd-logind.service")
	command(t, "useradd", "--create-home", "--shell", "/bin/sh", "lin")
	command(t, "loginctl", "enable-linger", "lin")
	self, err := os.Executable()
	require.NoError(t, err)
	b, err := os.ReadFile(self)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("/usr/local/bin/unit-user.test", b, 0o755))
	uid := command(t, "id", "-u", "lin")
	require.Eventually(t, func() bool {
		_, err := os.Stat("/run/user/" + uid + "/systemd/private")
		return err == nil
	}, time.Minute, 100*time.Millisecond, "the user's manager did not start")
	cmd := exec.Command("runuser", "-u", "lin", "--", "env", "-C", "/home/lin", "HOME=/home/lin", "UNIT_TEST_USER=lin",
		"/usr/local/bin/unit-user.test", "-test.run=^TestUserManager$", "-test.v")
	out, err := cmd.CombinedOutput()
	t.Log(string(out))
	require.NoError(t, err)
	require.Contains(t, string(out), "--- PASS: TestUserManager")
	require.Equal(t, "→ /home/lin/.config/systemd/user/mine.service", tree(t, "/home/lin/.config/systemd/user/default.target.wants")["/mine.service"])
}

func asUser(t *testing.T) {
	mine := unit.Service{Name: "mine", Exec: []string{"/bin/sleep", "1000"}, WantedBy: []string{"default.target"}, Sandbox: unit.Sandbox{Off: true}}
	s := unit.Set{Manager: unit.Manager{User: true, Stable: 100 * time.Millisecond}, Units: []unit.Unit{mine}, Enable: true, Start: true}
	ensure(t, s)
	status, err := s.Manager.Status(t.Context(), "mine.service")
	require.NoError(t, err)
	require.Equal(t, unit.Running, status.Outcome)
	require.True(t, strings.HasPrefix(status.Fragment, "/home/lin/"), status.Fragment)

	bad := mine
	bad.Exec = []string{"/nonexistent"}
	s.Units = []unit.Unit{bad}
	_, err = s.Ensure(t.Context())
	var failed *unit.StartError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, unit.MissingProgram, failed.Status.Outcome, err)

	var out bytes.Buffer
	_, err = s.Manager.Run(t.Context(), unit.Transient{Service: unit.Service{Exec: []string{"/bin/sh", "-c", `echo "$1"`, "sh", "a;b $c"}, Sandbox: unit.Sandbox{Off: true}}, Stdout: &out})
	require.NoError(t, err)
	require.Equal(t, "a;b $c\n", out.String())

	// The machine's manager is not his.
	machine := unit.Manager{}
	_, err = machine.Status(t.Context(), "dbus.service")
	require.NoError(t, err)
	_, err = machine.Restart(t.Context(), "dbus.service")
	require.ErrorIs(t, err, os.ErrPermission)
	_, err = unit.Set{Units: []unit.Unit{mine}}.Ensure(t.Context())
	require.True(t, errors.Is(err, os.ErrPermission), err)
}
