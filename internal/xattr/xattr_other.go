//go:build !linux

package xattr

import (
	"errors"
	"os"
)

// Get is for Linux.
func Get(f *os.File, name string) ([]byte, bool, error) {
	return nil, false, xattrError("read", f, name, errors.ErrUnsupported)
}

// List is for Linux.
func List(f *os.File) ([]string, error) {
	return nil, xattrError("list", f, "names", errors.ErrUnsupported)
}

// Set is for Linux.
func Set(f *os.File, name string, _ []byte) error {
	return xattrError("set", f, name, errors.ErrUnsupported)
}

// Remove is for Linux.
func Remove(f *os.File, name string) error {
	return xattrError("remove", f, name, errors.ErrUnsupported)
}
