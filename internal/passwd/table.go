// Package passwd reads and edits the account files, passwd(5), group(5),
// shadow(5) and gshadow(5), byte for byte: what an edit is not about stays as it
// was, be it a comment, a NIS line or nonsense.
//
//	users, err := passwd.Read(root, passwd.UserFile)
//	app, ok := users.User("app")
//	users.SetUser(passwd.User{Name: "app", ...})
package passwd

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// The files. Only the first two are readable by everybody.
const (
	UserFile        = "/etc/passwd"
	GroupFile       = "/etc/group"
	ShadowFile      = "/etc/shadow"
	GroupShadowFile = "/etc/gshadow"
	SubUIDFile      = "/etc/subuid"
	SubGIDFile      = "/etc/subgid"
)

// Table is the content of one of the files, line by line.
type Table struct {
	lines []string // each with its newline, but perhaps the last
}

// Parse takes any bytes. What is no entry is kept, and found by nobody.
func Parse(b []byte) *Table {
	return &Table{slices.Collect(strings.Lines(string(b)))}
}

// Read parses a file of a root. One that is missing is empty.
func Read(root *rootfs.Root, file string) (*Table, error) {
	b, err := root.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("passwd: %w", err)
	}
	return Parse(b), nil
}

// Bytes is what Parse took, with the edits made since.
func (t *Table) Bytes() []byte { return []byte(strings.Join(t.lines, "")) }

// Clone is a copy that is edited on its own.
func (t *Table) Clone() *Table { return &Table{slices.Clone(t.lines)} }

// Mentions says whether a line has this name, a malformed one included.
func (t *Table) Mentions(name string) bool {
	return slices.ContainsFunc(t.lines, func(l string) bool { return nameOf(l) == name })
}

// Delete removes all lines of a name.
func (t *Table) Delete(name string) bool {
	n := len(t.lines)
	t.lines = slices.DeleteFunc(t.lines, func(l string) bool { return nameOf(l) == name })
	return len(t.lines) != n
}

// set replaces the line that was found as old, or adds one.
func (t *Table) set(old, line string) {
	line += "\n"
	if i := slices.Index(t.lines, old); old != "" && i >= 0 {
		t.lines[i] = line
		return
	}
	if n := len(t.lines); n > 0 && !strings.HasSuffix(t.lines[n-1], "\n") {
		t.lines[n-1] += "\n"
	}
	// What follows a NIS line ("+::::::", nsswitch's compat) is read only after
	// all that NIS has: entries of this machine come before it.
	at := slices.IndexFunc(t.lines, func(l string) bool { return strings.HasPrefix(l, "+") || strings.HasPrefix(l, "-") })
	if at < 0 {
		at = len(t.lines)
	}
	t.lines = slices.Insert(t.lines, at, line)
}

// fields splits a line as glibc's fgetpwent(3) does: blanks in front are
// skipped; comments and NIS lines are no entries.
func fields(line string) ([]string, bool) {
	line = strings.TrimLeft(strings.TrimSuffix(line, "\n"), " \t\r\v\f")
	if line == "" || strings.ContainsRune("#+-", rune(line[0])) {
		return nil, false
	}
	return strings.Split(line, ":"), true
}

func nameOf(line string) string {
	f, ok := fields(line)
	if !ok || len(f) < 2 {
		return ""
	}
	return f[0]
}
