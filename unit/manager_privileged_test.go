//go:build privileged

package unit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/unit"
	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"
)

// pid1 is the machine's systemd, with what it logs.
type pid1 struct {
	conn *dbus.Conn
	kmsg int
}

const runUnits = "/run/systemd/system"

// listen connects to systemd and makes it log to the kernel's buffer, which
// loses nothing and needs no other service.
func listen(t *testing.T) *pid1 {
	t.Helper()
	require.NoError(t, os.WriteFile("/proc/sys/kernel/printk_devkmsg", []byte("on\n"), 0o644))
	// Not by way of the bus, which would look at each of a million properties, too.
	conn, err := dbus.NewSystemdConnectionContext(context.Background())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	bus, err := godbus.SystemBusPrivate()
	require.NoError(t, err)
	require.NoError(t, bus.Auth(nil))
	require.NoError(t, bus.Hello())
	t.Cleanup(func() { require.NoError(t, bus.Close()) })
	manager := bus.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1")
	before, err := manager.GetProperty("org.freedesktop.systemd1.Manager.LogTarget")
	require.NoError(t, err)
	require.NoError(t, manager.SetProperty("org.freedesktop.systemd1.Manager.LogTarget", godbus.MakeVariant("kmsg")))
	t.Cleanup(func() {
		require.NoError(t, manager.SetProperty("org.freedesktop.systemd1.Manager.LogTarget", before))
	})
	fd, err := syscall.Open("/dev/kmsg", syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Close(fd)) })
	p := &pid1{conn, fd}
	p.logged(t)
	return p
}

// logged is what was logged since the last call, a message a line.
func (p *pid1) logged(t *testing.T) (lines []string) {
	t.Helper()
	buf := make([]byte, 16<<10)
	for {
		n, err := syscall.Read(p.kmsg, buf)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return lines
		case errors.Is(err, syscall.EPIPE): // overtaken by the writer
			t.Fatal("the kernel's log overflowed; read it more often")
		case errors.Is(err, syscall.EINTR):
			continue
		}
		require.NoError(t, err)
		_, text, _ := bytes.Cut(buf[:n], []byte(";"))
		line, _, _ := strings.Cut(string(text), "\n")
		lines = append(lines, line)
	}
}

func (p *pid1) reload(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, p.conn.ReloadContext(ctx))
}

// states loads units, all in one call, and says what became of each.
func (p *pid1) states(t *testing.T, names []string) map[string]string {
	t.Helper()
	list, err := p.conn.ListUnitsByNamesContext(context.Background(), names)
	require.NoError(t, err)
	states := map[string]string{}
	for _, u := range list {
		states[u.Name] = u.LoadState
	}
	return states
}

// loaded is a unit as systemd reports it: all properties in one call.
func (p *pid1) loaded(t *testing.T, name string) map[string]any {
	t.Helper()
	return p.loadedAll(t, []string{name})[0]
}

// loadedAll asks for several: one is read here while systemd writes the next.
func (p *pid1) loadedAll(t *testing.T, names []string) []map[string]any {
	t.Helper()
	all, errs := make([]map[string]any, len(names)), make([]error, len(names))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(names); i = int(next.Add(1)) - 1 {
				all[i], errs[i] = p.conn.GetAllPropertiesContext(context.Background(), names[i])
			}
		})
	}
	readers.Wait()
	require.NoError(t, errors.Join(errs...))
	return all
}

// place writes a rendered unit where systemd finds it, and gives what it is
// called when it is loaded.
func place(t *testing.T, u unit.Unit) (name string, text []byte) {
	t.Helper()
	text, _, err := unit.Renderer{Target: unit.Target{Systemd: testenv.Systemd(t)}}.Render(u)
	require.NoError(t, err, "%#v", u)
	name = u.UnitName()
	file := filepath.Join(runUnits, name)
	require.NoError(t, os.WriteFile(file, text, 0o644))
	t.Cleanup(func() { _ = os.Remove(file) }) // a machine is thrown away
	if strings.Contains(name, "@.") {
		if name, err = unit.Instance(name, "one"); err != nil {
			t.Fatal(err)
		}
	}
	return name, text
}

// complaint is a message about a line that systemd did not take, or took
// otherwise than it was written.
var complaint = regexp.MustCompile(`(?i)ignoring|failed to parse|unknown |invalid|not (absolute|normalized|supported)|obsolete|refusing|bad unit|lacks|without any effect|no effect|not executable|missing`)

// unhappy are the complaints among log lines that are about a given file.
func unhappy(lines []string, about string) (list []string) {
	for _, l := range lines {
		if strings.Contains(l, about) && complaint.MatchString(l) {
			list = append(list, l)
		}
	}
	return list
}

func shown(v any) string {
	s := fmt.Sprintf("%#v", v)
	return s[:min(len(s), 300)]
}
