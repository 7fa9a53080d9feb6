package cgfs

import (
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

func isCgroup2(f *os.File) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Type != unix.CGROUP2_SUPER_MAGIC {
		return ErrNotCgroup2
	}
	return nil
}

// Delegated says whether systemd gave the cgroup away: it marks such a one with
// an extended attribute. trusted.delegate is only seen by root; user.delegate
// came with version 251.
func (t *Tree) Delegated(rel string) (bool, error) {
	d, err := t.root.OpenDir(rel)
	if err != nil {
		return false, err
	}
	defer d.Close()
	value := make([]byte, 8)
	for _, name := range []string{"trusted.delegate", "user.delegate"} {
		n, err := unix.Fgetxattr(int(d.Fd()), name, value)
		switch {
		case err == nil:
			if string(value[:n]) == "1" {
				return true, nil
			}
		case errors.Is(err, unix.ENODATA), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPERM):
		default:
			return false, fmt.Errorf("%s of %s: %w", name, path.Join(Mount, rel), err)
		}
	}
	return false, nil
}
