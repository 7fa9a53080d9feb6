package account

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// running names a process of this machine that has a user's id; "" if none has.
// Under a root nothing runs.
func (p *planner) running(id ID) (string, error) {
	if !p.root.Machine() {
		return "", nil
	}
	entries, err := p.root.ReadDir("/proc")
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("account: %w", err)
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		// Who owns the directory is not enough: that of a process that gave up
		// root's rights itself is still root's.
		status, err := p.root.ReadFile(path.Join("/proc", e.Name(), "status"))
		if err != nil {
			continue // it has ended
		}
		var name string
		for line := range strings.Lines(string(status)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
			switch {
			case key == "Name":
				name = value
			case key == "Uid" && slices.Contains(strings.Fields(value), strconv.FormatUint(uint64(id), 10)):
				return fmt.Sprintf("process %s (%s)", e.Name(), name), nil
			}
		}
	}
	return "", nil
}
