package account

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bedplate/bedplate/internal/passwd"
)

// toolDirs are where the system's tools are. $PATH is not asked: these run as
// root.
var toolDirs = []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// tool finds a command of the system, "" if it has none.
func tool(name string) string {
	for _, dir := range toolDirs {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return filepath.Join(dir, name)
		}
	}
	return ""
}

// commandError is a tool that did not do what it was run for.
type commandError struct {
	argv   []string
	code   int // −1 where it did not exit by itself
	output string
	err    error
}

func (e *commandError) Error() string {
	return fmt.Sprintf("account: %s: %v: %s", strings.Join(e.argv, " "), e.err, e.output)
}

func (e *commandError) Unwrap() error { return e.err }

// command runs a tool with a clean environment: neither a translation nor a
// variable of the caller's changes what it does or says.
func command(ctx context.Context, argv ...string) ([]byte, error) {
	file := tool(argv[0])
	if file == "" {
		return nil, fmt.Errorf("account: %s: %w in %s", argv[0], exec.ErrNotFound, strings.Join(toolDirs, ", "))
	}
	cmd := exec.CommandContext(ctx, file, argv[1:]...)
	cmd.Env = []string{"PATH=" + strings.Join(toolDirs, ":"), "LC_ALL=C", "HOME=/"}
	cmd.Dir = "/"
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err == nil {
		return out.Bytes(), nil
	}
	code := -1
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	said := strings.Join(strings.Fields(errs.String()), " ")
	return out.Bytes(), &commandError{argv, code, fmt.Sprintf("%.300s", said), err}
}

// getent asks the name service switch. A machine without getent(1) has no other
// sources than the files; the answer is then nil.
func getent(ctx context.Context, database, key string) (*passwd.Table, error) {
	if tool("getent") == "" {
		return nil, nil
	}
	out, err := command(ctx, "getent", database, key)
	if failed := (*commandError)(nil); errors.As(err, &failed) && failed.code == 2 {
		return nil, nil // "one or more supplied key could not be found"
	}
	if err != nil {
		return nil, err
	}
	return passwd.Parse(out), nil
}

// initgroups asks for all the groups that a user is in.
func initgroups(ctx context.Context, user string) (ids []ID, err error) {
	if tool("getent") == "" {
		return nil, nil
	}
	out, err := command(ctx, "getent", "initgroups", user)
	if err != nil {
		return nil, err
	}
	for i, f := range strings.Fields(string(out)) {
		if i == 0 {
			continue // the name
		}
		n, err := strconv.ParseUint(f, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("account: getent initgroups %s: %q is no id", user, f)
		}
		ids = append(ids, ID(n))
	}
	return ids, nil
}
