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
	var out, all bytes.Buffer
	cmd.Stdout = &tee{&out, &all}
	cmd.Stderr = &all
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w:\n%s", strings.Join(argv[:min(3, len(argv))], " "), err, tail(all.String(), 15))
	}
	return out.Bytes(), nil
}

// tee keeps what was printed both alone and among the messages.
type tee struct{ a, b *bytes.Buffer }

func (t *tee) Write(p []byte) (int, error) {
	t.a.Write(p)
	return t.b.Write(p)
}

// tail is the last n lines of a text.
func tail(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
