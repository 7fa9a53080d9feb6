//go:build !linux

package atomicfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncFS: without syncfs(2), everything is synced.
func syncFS(*os.File) error { return unix.Sync() }
