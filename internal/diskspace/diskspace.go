// Package diskspace asks how much room a file system has.
package diskspace

import (
	"os"

	"golang.org/x/sys/unix"
)

// Free is the number of bytes that an ordinary user can still write to the file
// system that holds dir.
func Free(dir *os.File) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir.Name(), Err: err}
	}
	return uint64(st.Bavail) * uint64(st.Bsize), nil
}
