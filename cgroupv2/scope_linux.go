package cgroupv2

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// Start makes the scope and moves its processes to the leaf. The group that it
// gives is the scope's own: make others below it.
func (s Scope) Start(ctx context.Context) (Group, error) {
	if err := s.validate(); err != nil {
		return Group{}, err
	}
	connect := systemd.NewWithContext
	if s.User {
		connect = systemd.NewUserConnectionContext
	}
	conn, err := connect(ctx)
	if err != nil {
		return Group{}, fmt.Errorf("cgroupv2: asking systemd for %s: %w", s.Name, err)
	}
	defer conn.Close()
	properties, err := s.properties(conn)
	if err != nil {
		return Group{}, err
	}
	done := make(chan string, 1)
	if _, err := conn.StartTransientUnitContext(ctx, s.Name, "fail", properties, done); err != nil {
		return Group{}, fmt.Errorf("cgroupv2: systemd does not make %s: %w", s.Name, err)
	}
	select {
	case result := <-done:
		if result != "done" {
			return Group{}, fmt.Errorf("cgroupv2: making %s: systemd's job ended as %q", s.Name, result)
		}
	case <-ctx.Done():
		return Group{}, fmt.Errorf("cgroupv2: making %s: %w", s.Name, context.Cause(ctx))
	}
	p, err := conn.GetUnitTypePropertyContext(ctx, s.Name, "Scope", "ControlGroup")
	if err != nil {
		return Group{}, fmt.Errorf("cgroupv2: where %s is: %w", s.Name, err)
	}
	at, ok := p.Value.Value().(string)
	if !ok || at == "" {
		return Group{}, fmt.Errorf("cgroupv2: %s has no cgroup; its processes have ended", s.Name)
	}
	g := Group{Path: at}
	return g, g.Vacate(s.leaf())
}

func (s Scope) properties(conn *systemd.Conn) (list []systemd.Property, err error) {
	text, err := conn.GetManagerProperty("Version")
	if err != nil {
		return nil, fmt.Errorf("cgroupv2: systemd's version: %w", err)
	}
	digits := strings.Trim(text, `"`)
	if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = digits[:i]
	}
	version, err := strconv.Atoi(digits)
	if err != nil {
		return nil, fmt.Errorf("cgroupv2: systemd's version %s: %w", text, err)
	}
	if lost := s.Limits.Undirected(version); len(lost) > 0 {
		return nil, fmt.Errorf("cgroupv2: %s: %s: %w", s.Name, strings.Join(lost, "; "), errors.ErrUnsupported)
	}
	add := func(name string, value any) {
		list = append(list, systemd.Property{Name: name, Value: dbus.MakeVariant(value)})
	}
	add("Description", s.Description)
	add("Delegate", true)
	if s.Slice != "" {
		add("Slice", s.Slice)
	}
	pids := []uint32{}
	for _, pid := range s.Processes {
		pids = append(pids, uint32(pid))
	}
	if len(pids) == 0 {
		pids = []uint32{uint32(os.Getpid())}
	}
	add("PIDs", pids)
	for name, value := range s.Limits.Properties(version) {
		add(name, value)
	}
	return list, nil
}
