//go:build !linux

package cgroupv2

import (
	"errors"
	"fmt"
	"os/exec"
)

// Start starts a program in the cgroup.
func (g Group) Start(*exec.Cmd) error {
	return fmt.Errorf("cgroupv2: %s: %w", g.Path, errors.ErrUnsupported)
}
