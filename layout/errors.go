package layout

import (
	"errors"
	"fmt"
)

// What an EntryError can be about; match with errors.Is.
var (
	// ErrOccupied: something of another kind is in the entry's place.
	ErrOccupied = errors.New("something else is in its place")
	// ErrShared: the file has several names and belongs to somebody else.
	ErrShared = errors.New("it has several names and belongs to somebody else")
	// ErrUnsafeLink: a symlink above the entry could be replaced by somebody
	// other than root and the caller.
	ErrUnsafeLink = errors.New("a symlink that others could replace leads there")
	// ErrUnknownOwner: the owner or group does not exist.
	ErrUnknownOwner = errors.New("no such user or group")
	// ErrNoPrivilege: the owner can't be given by this process.
	ErrNoPrivilege = errors.New("only a privileged process can give files away")
	// ErrContent: the content is not what its SHA256, or a release's ID, says.
	ErrContent = errors.New("the content is not the wanted one")
)

// EntryError is an error about one entry.
type EntryError struct {
	Path string // the entry's path
	Err  error
}

func (e *EntryError) Error() string { return fmt.Sprintf("layout: %s: %v", printable(e.Path), e.Err) }

// Unwrap gives Err.
func (e *EntryError) Unwrap() error { return e.Err }
