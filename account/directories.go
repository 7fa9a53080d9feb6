package account

import (
	"fmt"
	"path"
	"slices"

	"github.com/bedplate/bedplate"
)

// absent are the directories that are not there yet and that the backend makes
// for what it writes, the root itself among them, the outermost first.
func (p *planner) absent() (dirs []string, err error) {
	dir := "/etc"
	switch p.backend {
	case Files:
	case Record, Sysusers:
		dir = recordDir
	default:
		return nil, nil // on a machine that has its tools
	}
	for {
		there, err := p.root.Exists(dir)
		if err != nil {
			return nil, fmt.Errorf("account: %w", err)
		}
		if there {
			break
		}
		dirs = append(dirs, dir)
		if dir == "/" {
			break
		}
		dir = path.Dir(dir)
	}
	slices.Reverse(dirs)
	return dirs, nil
}

// directory makes a directory and those above it, the root included.
func (p *planner) directory(dir string) error {
	missing := p.root.Missing()
	if err := p.root.Make(); err != nil {
		return fmt.Errorf("account: %w", err)
	}
	if missing {
		p.created = append(p.created, "/")
	}
	created, err := p.root.MkdirAll(dir, 0o755)
	p.created = append(p.created, created...)
	if err != nil {
		return fmt.Errorf("account: %w", err)
	}
	return nil
}

func creations(dirs []string) (all []bedplate.Change) {
	for _, dir := range dirs {
		all = append(all, bedplate.Change{Op: bedplate.OpCreate, Kind: "directory", Target: dir, Detail: "0755"})
	}
	return all
}
