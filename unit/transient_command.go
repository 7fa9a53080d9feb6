package unit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// pin makes sure that a transient service runs what it was asked to, and gives
// how to undo it. systemd keeps such a unit as a file, and reads it again at every
// daemon-reload, whoever asks for one: 252 gets another argument back for one with
// a ";" or a "$", 257 for one with a "$", and if that comes between a start and
// its execution, another command is run. A drop-in is read behind that file; this
// one is where systemd itself removes it with the unit, should we not come to it.
//
// Of a manager at an address of its own it is not known where it reads drop-ins.
// A unit that is there already keeps its own: systemd will refuse to make it.
func (c *client) pin(ctx context.Context, name string, argv []string, line string) (undo func() error, err error) {
	undo = func() error { return nil }
	if c.manager.Address != "" || !slices.ContainsFunc(argv, func(a string) bool { return strings.ContainsAny(a, ";$") }) {
		return undo, nil
	}
	if s, err := c.status(ctx, name); err != nil || s.Load != "not-found" {
		return undo, err
	}
	dir := "/run/systemd/transient"
	if c.manager.User {
		dir = "/run/user/" + strconv.Itoa(os.Geteuid()) + "/systemd/transient"
	}
	dir = filepath.Join(dir, name+".d")
	file := filepath.Join(dir, "50-ExecStart.conf")
	undo = func() error { // of the directory, if nobody else has put something there
		return errors.Join(unless(os.Remove(file), fs.ErrNotExist), unless(os.Remove(dir), fs.ErrNotExist, syscall.ENOTEMPTY))
	}
	err = os.MkdirAll(dir, 0o755)
	if err == nil {
		err = os.WriteFile(file, []byte("[Service]\nExecStart=\nExecStart="+line+"\n"), 0o600)
	}
	switch {
	case err == nil:
		return undo, nil
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("unit: run %s: an argument with ; or $ is safe from a daemon-reload only with a file that may not be written: %w; run it as the manager's own user, or pass such text in Environment or Stdin", name, err)
	default:
		err = fmt.Errorf("unit: run %s: %w", name, err)
	}
	return undo, errors.Join(err, undo())
}

// unless is an error that is none of those that do not matter.
func unless(err error, fine ...error) error {
	if slices.ContainsFunc(fine, func(f error) bool { return errors.Is(err, f) }) {
		return nil
	}
	return err
}
