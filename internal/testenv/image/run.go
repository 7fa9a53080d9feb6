package image

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// tool runs one of the host's programs, without input, and gives its output. An
// error holds the end of what it said.
func tool(ctx context.Context, dir string, env []string, argv ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	// Messages are matched by people, not by us; but package tools ask questions.
	cmd.Env = append(append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"), env...)
	cmd.WaitDelay = 10 * time.Second
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		last := strings.TrimLeft(tail(out.String(), 5)+"\n"+tail(complaints.String(), 15), "\n")
		return nil, fmt.Errorf("%s: %w:\n%s", strings.Join(argv[:min(3, len(argv))], " "), err, last)
	}
	return out.Bytes(), nil
}

// tail is the last n lines of a text.
func tail(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
