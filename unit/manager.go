package unit

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Manager is a systemd that runs: the machine's, or a user's own. The zero value
// is the machine's.
type Manager struct {
	// User is the calling user's own manager (systemd --user). It runs while the
	// user is logged in, and always with linger (loginctl enable-linger).
	User bool
	// Address is where it is reached, as D-Bus writes addresses. "": its own
	// socket where the caller may use it, the bus otherwise.
	Address string
	// Stable is how long a unit must stay well behind its start, before it counts
	// as started. Zero: 1 s. Negative: it is looked at once.
	Stable time.Duration
	// Lines is how many of the last log lines a Status carries. Zero: 10.
	Lines int
}

const (
	defaultStable = time.Second
	defaultLines  = 10
)

func (m Manager) stable() time.Duration {
	if m.Stable == 0 {
		return defaultStable
	}
	return max(m.Stable, 0)
}

func (m Manager) lines() int {
	return cmp.Or(m.Lines, defaultLines)
}

// endpoint is a socket that a manager may be reached at.
type endpoint struct {
	address string
	bus     bool // a bus lies between
}

// endpoints are tried in order. The manager's own socket needs no bus, and works
// while that is restarted; it is open to the manager's own user only.
func (m Manager) endpoints() []endpoint {
	uid := strconv.Itoa(os.Geteuid())
	switch {
	case m.Address != "":
		return []endpoint{{m.Address, true}}
	case m.User:
		return []endpoint{{"unix:path=/run/user/" + uid + "/systemd/private", false}, {"unix:path=/run/user/" + uid + "/bus", true}}
	case os.Geteuid() == 0:
		return []endpoint{{"unix:path=/run/systemd/private", false}, {"unix:path=/run/dbus/system_bus_socket", true}}
	}
	return []endpoint{{"unix:path=/run/dbus/system_bus_socket", true}}
}

// Version is the manager's version, such as 252.
func (m Manager) Version(ctx context.Context) (int, error) {
	c, err := m.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer c.close()
	return c.version(ctx)
}

// String says which manager it is.
func (m Manager) String() string {
	if m.User {
		return "the user's systemd"
	}
	return "systemd"
}

// open checks a unit's name and connects.
func (m Manager) open(ctx context.Context, unit string) (*client, error) {
	if err := checkName("unit", unit); err != nil {
		return nil, err
	}
	if isTemplate(unit) {
		return nil, fmt.Errorf("unit: %s is a template; it is its instances that run", unit)
	}
	return m.connect(ctx)
}
