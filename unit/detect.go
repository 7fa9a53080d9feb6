package unit

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// detect finds out which systemd the Set is for.
func (p *preparation) detect(ctx context.Context) (err error) {
	if p.live != nil {
		p.target.Systemd, err = p.live.version(ctx)
		return err
	}
	p.target.Systemd, err = p.installed()
	return err
}

// installed is the version of the systemd under the Root, by the name of its
// library; zero if there is none. It lies in a directory of the architecture on
// Debian, and right in lib or lib64 elsewhere.
func (p *preparation) installed() (int, error) {
	dirs := []string{"/usr/lib/systemd", "/usr/lib64/systemd", "/lib/systemd"}
	for _, lib := range []string{"/usr/lib", "/lib"} {
		entries, err := p.root.ReadDir(lib)
		if missing(err) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("unit: %w", err)
		}
		for _, e := range entries {
			if strings.Contains(e.Name(), "-linux-") {
				dirs = append(dirs, path.Join(lib, e.Name(), "systemd"))
			}
		}
	}
	for _, dir := range dirs {
		entries, err := p.root.ReadDir(dir)
		if missing(err) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("unit: %w", err)
		}
		for _, e := range entries {
			if name, ok := strings.CutPrefix(e.Name(), "libsystemd-shared-"); ok {
				if v := leadingNumber(name); v > 0 {
					return v, nil
				}
			}
		}
	}
	return 0, nil
}

// leadingNumber reads the version out of "257.so", "252-14.el9.so" or "v254.5".
func leadingNumber(s string) int {
	s = strings.TrimPrefix(s, "v")
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(s)
	}
	n, err := strconv.Atoi(s[:end])
	if err != nil {
		return 0
	}
	return n
}
