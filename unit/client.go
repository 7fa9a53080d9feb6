package unit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// client is a connection to a manager that is made anew when it breaks: when the
// bus is restarted, and when systemd executes itself again.
type client struct {
	manager Manager

	mu   sync.Mutex
	conn *sd.Conn
	held *dbus.Conn // to the bus, for as long as units are held
	free bool       // there is no holding: the bus did not answer
}

func (m Manager) connect(ctx context.Context) (*client, error) {
	c := &client{manager: m}
	began := time.Now()
	for tries := 1; ; tries++ {
		_, err := c.connection(ctx)
		if err == nil {
			return c, nil
		}
		// A bus that is being restarted hangs up on those who come; one that is not
		// there at all is not waited for.
		if !broken(err) || tries > 3 && time.Since(began) > 300*time.Millisecond {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
	if c.held != nil {
		_ = c.held.Close() // nothing is lost with it but what it held
		c.held = nil
	}
}

// hold keeps a unit in systemd's memory until the client is closed: one that
// ends, or never starts, is forgotten at once otherwise, and with it why. It
// takes a bus. Without one less is known, and what is known is as true.
func (c *client) hold(ctx context.Context, unit string) {
	ctx, cancel := context.WithTimeout(ctx, holding)
	defer cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.free {
		return
	}
	if c.held != nil && !c.held.Connected() {
		_ = c.held.Close()
		c.held = nil
	}
	for _, e := range c.manager.endpoints() {
		if c.held != nil || !e.bus {
			continue
		}
		held, err := e.greet(ctx)
		if err == nil {
			c.held = held
		}
		c.free = errors.Is(err, context.DeadlineExceeded)
	}
	if c.held != nil {
		systemd := c.held.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1")
		_ = systemd.CallWithContext(ctx, "org.freedesktop.systemd1.Manager.RefUnit", 0, unit)
	}
}

// holding is how long a bus is waited for that is not needed for anything else. A
// busy machine takes its time; one that hangs is waited for once.
const holding = 5 * time.Second

// connection gives the connection that there is, or makes one.
func (c *client) connection(ctx context.Context) (*sd.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil && c.conn.Connected() {
		return c.conn, nil
	}
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
	var errs []error
	for _, e := range c.manager.endpoints() {
		conn, err := e.dial(ctx)
		if err == nil {
			c.conn = conn
			return conn, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", e.address, err))
		if ctx.Err() != nil {
			return nil, fmt.Errorf("unit: connect to %v: %w", c.manager, errors.Join(errs...))
		}
	}
	return nil, fmt.Errorf("unit: %w (%v) answers here: %w", ErrNoManager, c.manager, errors.Join(errs...))
}

// greet connects to a socket, and gives up when the context ends: whoever
// listens may never answer.
func (e endpoint) greet(ctx context.Context) (*dbus.Conn, error) {
	conn, err := dbus.Dial(e.address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends whatever waits on it
	err = conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))})
	if err == nil && e.bus {
		err = conn.Hello()
	}
	if !stop() && ctx.Err() != nil {
		return nil, fmt.Errorf("no answer: %w", context.Cause(ctx))
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// dial makes a connection to the manager.
func (e endpoint) dial(ctx context.Context) (*sd.Conn, error) {
	var mu sync.Mutex
	var dialed []*dbus.Conn
	conn, err := within(ctx, func() (*sd.Conn, error) {
		return sd.NewConnection(func() (*dbus.Conn, error) {
			conn, err := e.greet(ctx)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				dialed = append(dialed, conn)
			}
			return conn, err
		})
	})
	if err != nil {
		mu.Lock()
		defer mu.Unlock()
		for _, conn := range dialed { // go-systemd may still wait on them
			_ = conn.Close()
		}
		return nil, err
	}
	return conn, nil
}

// patience bounds how long a broken connection is made again, where the caller
// gave no deadline: systemd executes itself again in about a second.
const patience = 30 * time.Second

// call does something with the connection. If that breaks under way, it is done
// again, so that what is done has to bear it.
func (c *client) call(ctx context.Context, what string, do func(*sd.Conn) error) error {
	began := time.Now()
	for {
		conn, err := c.connection(ctx)
		if err == nil {
			if err = do(conn); err == nil {
				return nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("unit: %s: %w", what, errors.Join(context.Cause(ctx), err))
		case !broken(err) && !errors.Is(err, ErrNoManager):
			return explained(what, err)
		case time.Since(began) > patience:
			return fmt.Errorf("unit: %s: %w", what, err)
		}
		if broken(err) && conn != nil {
			c.drop(conn)
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *client) drop(conn *sd.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == conn {
		c.conn = nil
	}
	conn.Close()
}

// broken says whether an error is the connection's, and not an answer.
func broken(err error) bool {
	var answer dbus.Error
	if errors.As(err, &answer) {
		switch answer.Name {
		case "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Disconnected", "org.freedesktop.DBus.Error.NameHasNoOwner",
			"org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NoServer":
			return true
		}
		return false
	}
	return errors.Is(err, dbus.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// explained turns an answer into an error that callers can match.
func explained(what string, err error) error {
	var answer dbus.Error
	if !errors.As(err, &answer) {
		return fmt.Errorf("unit: %s: %w", what, err)
	}
	said := answer.Error()
	switch short := answer.Name[strings.LastIndex(answer.Name, ".")+1:]; short {
	case "AccessDenied", "InteractiveAuthorizationRequired", "AuthFailed", "NotAuthorized":
		return fmt.Errorf("unit: %s: %s: %w", what, said, fs.ErrPermission)
	case "NoSuchUnit":
		return fmt.Errorf("unit: %s: %s: %w", what, said, fs.ErrNotExist)
	default:
		return fmt.Errorf("unit: %s: %s: %s", what, short, said)
	}
}

func (c *client) version(ctx context.Context) (v int, err error) {
	err = c.call(ctx, "ask for the version", func(conn *sd.Conn) error {
		text, err := within(ctx, func() (string, error) { return conn.GetManagerProperty("Version") })
		if err != nil {
			return err
		}
		if v = leadingNumber(strings.Trim(text, `"`)); v == 0 {
			return fmt.Errorf("systemd says that its version is %s", text)
		}
		return nil
	})
	return v, err
}

// within calls a function that knows no context.
func within[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// reload has systemd read all unit files again.
func (c *client) reload(ctx context.Context) error {
	return c.call(ctx, "daemon-reload", func(conn *sd.Conn) error { return conn.ReloadContext(ctx) })
}

// properties are those of a unit, and of its kind. A unit that is not loaded is
// loaded for it.
func (c *client) properties(ctx context.Context, unit string) (p properties, err error) {
	err = c.call(ctx, "read the state of "+unit, func(conn *sd.Conn) error {
		p, err = conn.GetUnitPropertiesContext(ctx, unit)
		return err
	})
	return p, err
}

func (c *client) typeProperties(ctx context.Context, unit string) (p properties, err error) {
	kind := kindOf(unit)
	err = c.call(ctx, "read the state of "+unit, func(conn *sd.Conn) error {
		p, err = conn.GetUnitTypePropertiesContext(ctx, unit, section("", kind))
		return err
	})
	return p, err
}

// properties by name, as D-Bus has them. One that is absent or of another type
// is the zero value: versions differ.
type properties map[string]any

func property[T any](p properties, name string) T {
	v, _ := p[name].(T)
	return v
}

func (p properties) text(name string) string { return property[string](p, name) }

// when is a time; the zero time for never.
func (p properties) when(name string) time.Time {
	usec := property[uint64](p, name)
	if usec == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(usec))
}
