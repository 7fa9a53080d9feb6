package unit_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// bus is a socket in a bus's place.
func bus(t *testing.T, serve func(net.Conn)) unit.Manager {
	t.Helper()
	at := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", at)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return unit.Manager{Address: "unix:path=" + at}
}

// Without a manager that answers, a live Set touches nothing. HOME is the
// test's, so that the user manager's directory is.
func TestNoManager(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	none := unit.Manager{Address: "unix:path=" + filepath.Join(home, "none"), User: true}
	nothing := func(c net.Conn) { c.Close() }
	garbage := func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		c.Close()
	}
	refusing := func(c net.Conn) {
		_, _ = io.WriteString(c, "REJECTED\r\nREJECTED\r\nREJECTED\r\n")
		_, _ = io.Copy(io.Discard, c)
	}
	for name, m := range map[string]unit.Manager{"none": none, "closing": bus(t, nothing), "garbage": bus(t, garbage), "refusing": bus(t, refusing)} {
		m.User = true
		_, err := unit.Set{Manager: m, Units: []unit.Unit{app()}, Enable: true}.Ensure(t.Context())
		require.ErrorIs(t, err, unit.ErrNoManager, name)
		_, err = m.Start(t.Context(), "app.service")
		require.ErrorIs(t, err, unit.ErrNoManager, name)
		_, err = m.Version(t.Context())
		require.ErrorIs(t, err, unit.ErrNoManager, name)
	}
	require.NoDirExists(t, filepath.Join(home, ".config"))
}

func TestSilentManager(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	m := bus(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	m.User = true
	for _, do := range []func(context.Context) error{
		func(ctx context.Context) error {
			_, err := unit.Set{Manager: m, Units: []unit.Unit{app()}}.Ensure(ctx)
			return err
		},
		func(ctx context.Context) error { _, err := m.Status(ctx, "app.service"); return err },
		func(ctx context.Context) error { _, err := m.Run(ctx, unit.Transient{Service: app()}); return err },
		func(ctx context.Context) error { _, err := m.Tighten(ctx, "app.service"); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		require.ErrorIs(t, do(ctx), context.DeadlineExceeded)
		cancel()
	}
	require.NoDirExists(t, filepath.Join(home, ".config"))
}

func ExampleSet() {
	root, err := os.MkdirTemp("", "image-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	set := unit.Set{
		Root: root,
		Units: []unit.Unit{
			unit.Socket{Name: "app", Listen: []string{"8080"}},
			unit.Service{Name: "app", Exec: []string{"/opt/app/current/bin/app"}, User: "app", Sockets: []string{"app.socket"}, Sandbox: unit.ActivatedSandbox()},
		},
		Enable: true,
	}
	changes, err := set.Ensure(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range changes {
		if c.Kind != "directory" {
			fmt.Println(c)
		}
	}
	// Output:
	// create file /etc/systemd/system/app.socket
	// create file /etc/systemd/system/app.service
	// create symlink /etc/systemd/system/sockets.target.wants/app.socket: → /etc/systemd/system/app.socket
	// create symlink /etc/systemd/system/multi-user.target.wants/app.service: → /etc/systemd/system/app.service
}
