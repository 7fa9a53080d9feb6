package account

import (
	"errors"
	"fmt"
)

// What an error can be about; match with errors.Is.
var (
	// ErrUnknown: no such user or group, anywhere.
	ErrUnknown = errors.New("no such user or group")
	// ErrNoPrivilege: this process may not do or see it.
	ErrNoPrivilege = errors.New("it takes more privilege")
)

// ConflictError is a difference that a person has to decide about. Nothing was
// changed.
type ConflictError struct {
	Kind  string // "user" or "group"
	Name  string
	Field string // "name", "uid", "gid", "home", ...
	Have  string // what is there
	Want  string // what was asked for
	Fix   string // the way out
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("account: %s %s: %s: have %s, want %s; %s", e.Kind, e.Name, e.Field, e.Have, e.Want, e.Fix)
}

// FieldError is a value that can't be used, wherever it is to be applied.
type FieldError struct {
	Kind  string // "user", "group", "set"
	Name  string
	Field string // as in the struct: "UID"
	Value string
	Fix   string // why, and what would do
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("account: %s %q: %s %q: %s", e.Kind, e.Name, e.Field, e.Value, e.Fix)
}
