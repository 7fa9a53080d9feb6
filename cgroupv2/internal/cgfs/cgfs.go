// Package cgfs opens files of the cgroup v2 file system and of nothing else.
package cgfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// Mount is where systemd and everybody else mounts the unified hierarchy.
const Mount = "/sys/fs/cgroup"

// ErrNotCgroup2 is matched where a directory is not of a cgroup v2 file system.
var ErrNotCgroup2 = errors.New("not on a cgroup v2 file system")

// Relative gives a cgroup's path below the mount: paths come absolute or
// relative to it. A path with ".." is refused: it would be resolved by text
// here and by the kernel there.
func Relative(p string) (string, error) {
	rel := strings.TrimPrefix(p, Mount)
	if rel == p && path.IsAbs(p) {
		// As /proc/self/cgroup has it: absolute, below the mount.
		rel = p
	}
	rel = strings.Trim(rel, "/")
	for part := range strings.SplitSeq(rel, "/") {
		if part == ".." || part == "." || strings.ContainsAny(part, "\x00\n") || rel != "" && part == "" {
			return "", fmt.Errorf("cgroupv2: path %q; write it without dots, as systemctl show -p ControlGroup does", p)
		}
	}
	return rel, nil
}

// Tree is the open hierarchy.
type Tree struct{ root *rootfs.Root }

// Open opens the hierarchy and makes sure that it is one.
func Open() (*Tree, error) { return openAt(Mount) }

func openAt(mount string) (*Tree, error) {
	root, err := rootfs.Open(mount)
	if err != nil {
		return nil, err
	}
	t := &Tree{root}
	if _, err := t.Dir(""); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return t, nil
}

// Close closes the hierarchy.
func (t *Tree) Close() error { return t.root.Close() }

// Dir makes sure that a cgroup is there and is one, and gives its path.
func (t *Tree) Dir(rel string) (string, error) {
	d, err := t.root.OpenDir(rel)
	if err != nil {
		return "", err
	}
	defer d.Close()
	if err := isCgroup2(d); err != nil {
		return "", fmt.Errorf("%s: %w", d.Name(), err)
	}
	return d.Name(), nil
}

// Read reads a file whole.
func (t *Tree) Read(rel, file string) (string, error) {
	b, err := t.root.ReadFile(path.Join("/", rel, file))
	return strings.TrimSuffix(string(b), "\n"), err
}

// Write writes a value in one write(2), as the kernel wants it.
func (t *Tree) Write(rel, file, value string) error {
	f, err := t.root.OpenFile(path.Join("/", rel, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := isCgroup2(f); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", f.Name(), err), f.Close())
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// Mkdir makes a cgroup.
func (t *Tree) Mkdir(rel string) error {
	err := t.root.Mkdir(rel, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Rmdir removes an empty cgroup.
func (t *Tree) Rmdir(rel string) error { return t.root.Remove(rel) }

// Children lists the cgroups directly below one, sorted.
func (t *Tree) Children(rel string) (names []string, err error) {
	entries, err := t.root.ReadDir(rel)
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Exists says whether a cgroup is there.
func (t *Tree) Exists(rel string) (bool, error) { return t.root.Exists(rel) }
