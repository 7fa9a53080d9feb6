package unit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Opinion is what systemd-analyze says of unit files: a second opinion, beside
// Lint and Score.
type Opinion struct {
	// Systemd is the version that says it.
	Systemd int
	// Complaints are the lines of systemd-analyze verify. It passes over much that
	// Lint finds, and also looks for programs and units that are on this machine.
	Complaints []string
	// Exposure is the score of each service in tenths, by its unit's name; nil
	// before systemd 250, which can't reckon it offline.
	Exposure map[string]int
}

// ErrNoAnalyze says that there is no systemd-analyze here.
var ErrNoAnalyze = errors.New("unit: systemd-analyze is not installed")

var (
	analyzeVersion = regexp.MustCompile(`^systemd ([0-9]+)`)
	overall        = regexp.MustCompile(`Overall exposure level for (.+\.service): ([0-9]+)\.([0-9]) `)
)

// Ask runs systemd-analyze verify, and security for the services, on unit files.
// It changes nothing. Where there is no systemd-analyze the error is ErrNoAnalyze.
func Ask(ctx context.Context, files ...string) (Opinion, error) {
	var o Opinion
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return o, ErrNoAnalyze
	}
	out, complaints, err := analyze(ctx, program, "--version")
	m := analyzeVersion.FindStringSubmatch(out)
	if err != nil || m == nil {
		return o, fmt.Errorf("unit: systemd-analyze --version: %w\n%s", err, complaints)
	}
	if o.Systemd, err = strconv.Atoi(m[1]); err != nil {
		return o, fmt.Errorf("unit: systemd-analyze --version says %q", out)
	}
	args := []string{"verify", "--man=no"}
	if o.Systemd >= 250 {
		args = append(args, "--recursive-errors=no")
	}
	_, complaints, err = analyze(ctx, program, append(args, files...)...)
	if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
		return o, fmt.Errorf("unit: systemd-analyze verify: %w", err)
	}
	for line := range strings.Lines(complaints) {
		o.Complaints = append(o.Complaints, strings.TrimSuffix(line, "\n"))
	}
	var services []string
	for _, f := range files {
		if filepath.Ext(f) == ".service" {
			services = append(services, f)
		}
	}
	if o.Systemd < 250 || len(services) == 0 {
		return o, ctx.Err()
	}
	o.Exposure = map[string]int{}
	out, complaints, err = analyze(ctx, program, append([]string{"security", "--offline=true", "--no-pager"}, services...)...)
	for _, m := range overall.FindAllStringSubmatch(out, -1) {
		// The pattern has digits only.
		whole, _ := strconv.Atoi(m[2])
		tenth, _ := strconv.Atoi(m[3])
		o.Exposure[m[1]] = 10*whole + tenth
	}
	if err != nil && len(o.Exposure) < len(services) {
		return o, fmt.Errorf("unit: systemd-analyze security: %w\n%s", err, complaints)
	}
	return o, ctx.Err()
}

func analyze(ctx context.Context, program string, args ...string) (out, complaints string, err error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(cmd.Environ(), "LC_ALL=C", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=", "SYSTEMD_LOG_LEVEL=info")
	cmd.WaitDelay = 5 * time.Second
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err = cmd.Run()
	return o.String(), e.String(), err
}
