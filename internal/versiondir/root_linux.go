package versiondir

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openRoot opens the very directory that is open, whatever its path leads to now.
func openRoot(dir *os.File) (*os.Root, error) {
	return os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", dir.Fd()))
}

func syncFS(dir *os.File) error { return unix.Syncfs(int(dir.Fd())) }

// exchange gives two directories each other's name, at once.
func exchange(dir int, a, b string) error {
	return unix.Renameat2(dir, a, dir, b, unix.RENAME_EXCHANGE)
}
