package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Installation is an SDK that is there.
type Installation struct {
	Version  Version
	Platform Platform
	// GOROOT is where it lies on this machine, the Root's path included. It is
	// for commands; GOROOT itself is never exported: the go command finds its own.
	GOROOT string

	root, dir, name string
}

// Go is the path of the installation's go command.
func (i Installation) Go() string { return filepath.Join(i.GOROOT, "bin", i.Platform.program("go")) }

// misleading are variables that would make this go command use another SDK, or
// the caller's flags.
var misleading = []string{"GOROOT", "GOTOOLCHAIN", "GOFLAGS", "GOTOOLDIR", "GOOS", "GOARCH", "GOEXPERIMENT", "GO111MODULE", "GOWORK"}

// Env is the environment for this SDK's tools: the given one (os.Environ(), or
// less) with this SDK first in PATH, without what would lead to another, and
// with GOTOOLCHAIN=local, so that no go.mod line switches away from it.
// What `go env -w` wrote for the user still counts; GOENV=off turns that off.
func (i Installation) Env(environ []string) []string {
	bin := filepath.Join(i.GOROOT, "bin")
	path := bin
	var env []string
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		switch {
		case name == "PATH" && value != "":
			path = bin + string(os.PathListSeparator) + value
		case name == "PATH", contains(misleading, name):
		default:
			env = append(env, kv)
		}
	}
	return append(env, "PATH="+path, "GOTOOLCHAIN=local")
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// Command is this installation's go command with the caller's environment,
// cleaned by Env.
func (i Installation) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, i.Go(), args...)
	cmd.Env = i.Env(os.Environ())
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// Difference is a file that is not as the receipt has it.
type Difference struct {
	Path string
	// What is "changed", "missing" or "extra".
	What string
}

// AlteredError is an installation that is not as it was installed.
type AlteredError struct {
	GOROOT      string
	Differences []Difference
}

func (e *AlteredError) Error() string {
	var some []string
	for _, d := range e.Differences[:min(5, len(e.Differences))] {
		some = append(some, d.Path+" "+d.What)
	}
	if more := len(e.Differences) - len(some); more > 0 {
		some = append(some, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("toolchain: %s is not as it was installed: %s; Repair it", e.GOROOT, strings.Join(some, ", "))
}

// ErrNoReceipt is matched when nothing is known about an installation's files.
var ErrNoReceipt = errors.New("there is no receipt; it was not installed by this package")
