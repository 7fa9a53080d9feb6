//go:build !linux

package versiondir

import (
	"os"

	"golang.org/x/sys/unix"
)

func openRoot(dir *os.File) (*os.Root, error) { return os.OpenRoot(dir.Name()) }

// syncFS: without syncfs(2), everything is synced.
func syncFS(*os.File) error { unix.Sync(); return nil }

// exchange: without renameat2(2) there is a moment in which the name is gone.
func exchange(dir int, a, b string) error {
	if err := unix.Renameat(dir, b, dir, leaving(b)); err != nil {
		return err
	}
	return unix.Renameat(dir, a, dir, b)
}
