//go:build !linux

package cgfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Tree is Linux's. Nobody ever has one elsewhere.
type Tree struct{}

// Dir is Linux's.
type Dir struct{}

// Watch is Linux's.
type Watch struct{}

// Armed is Linux's.
type Armed struct{}

var errOther = fmt.Errorf("%w: %w", ErrNotCgroup2, errors.ErrUnsupported)

// What there is elsewhere: the names, so that callers build.
func Open() (*Tree, error)                                    { return nil, errOther }
func (*Tree) Close() error                                    { return errOther }
func (*Tree) Hold(string) error                               { return errOther }
func (*Tree) OpenDir(string) (*os.File, error)                { return nil, errOther }
func (*Tree) OpenFile(string, string) (*os.File, error)       { return nil, errOther }
func (*Tree) Writable(string, string) bool                    { return false }
func (*Tree) Mode(string, string) (fs.FileMode, error)        { return 0, errOther }
func (*Tree) Read(string, string) (string, error)             { return "", errOther }
func (*Tree) Now(string, string) (string, error)              { return "", errOther }
func (*Tree) Write(string, string, string) error              { return errOther }
func (*Tree) Exchange(string, string, string) (string, error) { return "", errOther }
func (*Tree) Mkdir(string) error                              { return errOther }
func (*Tree) Rmdir(string) error                              { return errOther }
func (*Tree) Children(string) ([]string, error)               { return nil, errOther }
func (*Tree) Exists(string) (bool, error)                     { return false, errOther }
func (*Tree) Delegated(string) (bool, error)                  { return false, errOther }
func (*Tree) Dir(string) (Dir, error)                         { return Dir{}, errOther }
func (*Tree) Watch(string, ...string) (*Watch, error)         { return nil, errOther }
func (Dir) Below([]byte, *Tree) (Dir, error)                  { return Dir{}, errOther }
func (*Tree) Arm(string, string, string) (*Armed, error)      { return nil, errOther }
func (*Armed) Wait(context.Context) error                     { return errOther }
func (*Armed) Read() (string, error)                          { return "", errOther }
func (*Armed) Close() error                                   { return errOther }
func (Dir) Close() error                                      { return errOther }
func (Dir) Leaf() bool                                        { return true }
func (Dir) There() bool                                       { return false }
func (Dir) Read(_ *Name, into []byte) ([]byte, error)         { return into, errOther }
func (Dir) Entries(into []byte) ([]byte, error)               { return into, errOther }
func (*Watch) Close() error                                   { return errOther }
func (*Watch) Wait(context.Context) error                     { return errOther }
func Next([]byte) (name, rest []byte)                         { return nil, nil }
