package unit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// oneOfEach is a property of each controller: setting it makes systemd write all
// files of the controller anew.
var oneOfEach = []string{"MemoryMax", "CPUWeight", "IOWeight", "TasksMax", "AllowedCPUs"}

// ApplyLimits has the cgroup of a running unit take the limits that its files
// have, without a restart. A daemon-reload, and with it a Set whose OnChange is
// LeaveRunning, makes them known to systemd; that the kernel gets them, too, was
// seen with systemd 247 and 252, and not with 257. Limits of single disks that are
// in no file any more stay until it is restarted.
func (m Manager) ApplyLimits(ctx context.Context, unit string) error {
	c, err := m.open(ctx, unit)
	if err != nil {
		return err
	}
	defer c.close()
	s, err := c.status(ctx, unit)
	if err == nil {
		err = loaded(s)
	}
	if err != nil {
		return err
	}
	if s.ControlGroup == "" {
		return fmt.Errorf("unit: %s has no cgroup; what does not run gets its limits when it is started", s)
	}
	if s.NeedsReload {
		return &LoadError{unit, []string{"its files changed since systemd read them; systemctl daemon-reload"}}
	}
	p, err := c.typeProperties(ctx, unit)
	if err != nil {
		return err
	}
	var set []sd.Property
	for _, name := range oneOfEach {
		if v, ok := p[name]; ok {
			set = append(set, sd.Property{Name: name, Value: dbus.MakeVariant(v)})
		}
	}
	forget, err := m.remember(unit)
	if err != nil {
		return err
	}
	err = c.call(ctx, "set limits of "+unit, func(conn *sd.Conn) error {
		return conn.SetUnitPropertiesContext(ctx, unit, true, set...)
	})
	// systemd has written the values to files that would outlive those they are from.
	if made, forgetErr := forget(); made || forgetErr != nil {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		err = errors.Join(err, forgetErr, c.reload(after))
	}
	return err
}

// remember notes which files of properties a unit has, and gives what removes
// those that were made since.
func (m Manager) remember(unit string) (forget func() (made bool, err error), err error) {
	dir := "/run/systemd/system.control"
	if m.User {
		dir = fmt.Sprintf("/run/user/%d/systemd/user.control", os.Geteuid())
	}
	dir = filepath.Join(dir, unit+".d")
	before := map[string]bool{}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("unit: %w", err)
	}
	there := err == nil
	for _, e := range entries {
		before[e.Name()] = true
	}
	return func() (made bool, err error) {
		var errs []error
		for _, name := range oneOfEach {
			file := "50-" + name + ".conf"
			if before[file] {
				continue
			}
			err := os.Remove(filepath.Join(dir, file))
			if made = made || err == nil; err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("unit: %w", err))
			}
		}
		if made && !there && len(errs) == 0 {
			err := os.Remove(dir)
			errs = append(errs, err)
		}
		return made, errors.Join(errs...)
	}, nil
}
