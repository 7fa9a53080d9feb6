package unit

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// ErrNoManager is matched where no systemd answers: it does not run here, or
// there is no bus to it.
var ErrNoManager = errors.New("no systemd manager")

// MaskedError is a unit that somebody masked: it can't be started, and its file
// can't be written.
type MaskedError struct{ Unit, Path string }

func (e *MaskedError) Error() string {
	at := ""
	if e.Path != "" {
		at = " by " + e.Path
	}
	return fmt.Sprintf("unit: %s is masked%s; systemctl unmask %[1]s takes that back", e.Unit, at)
}

// MissingError is a unit that has no file anywhere, such as an instance of a
// template that does not exist.
type MissingError struct {
	Unit string
	// File is the one that was looked for.
	File string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("unit: %s has no file; there is no %s in any of systemd's directories", e.Unit, e.File)
}

// Is matches fs.ErrNotExist.
func (e *MissingError) Is(target error) bool { return target == fs.ErrNotExist }

// OccupiedError is something of another kind in the place of a file or link of a
// Set: a link that leads elsewhere, a directory. It is left as it is.
type OccupiedError struct{ Path, Found string }

func (e *OccupiedError) Error() string {
	return fmt.Sprintf("unit: %s is %s; remove it, or leave that unit to whoever made it", e.Path, e.Found)
}

// LoadError is a unit that systemd does not take as it is written: it can't load
// it, or ignores some of its lines.
type LoadError struct {
	Unit string
	// Problems are what systemd says, one a line.
	Problems []string
}

func (e *LoadError) Error() string {
	return fmt.Sprintf("unit: systemd does not take %s as it is written: %s", e.Unit, strings.Join(e.Problems, "; "))
}
