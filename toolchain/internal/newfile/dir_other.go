//go:build !linux

package newfile

import "golang.org/x/sys/unix"

const lookup = unix.O_RDONLY

// StartWriting does nothing here.
func (f File) StartWriting() {}

func (d Dir) resolve(name string) (int, error) { return d.walk(name) }
