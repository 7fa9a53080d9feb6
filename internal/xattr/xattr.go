// Package xattr reads and writes extended attributes of open files (xattr(7)).
package xattr

import (
	"io/fs"
	"os"
)

func xattrError(op string, f *os.File, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op + " attribute " + name + " of", Path: f.Name(), Err: err}
}
