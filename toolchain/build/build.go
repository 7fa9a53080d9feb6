package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// Build builds the binary whether or not it has to be, proves it from its ELF
// header, and puts it in place at once.
func (s Spec) Build(ctx context.Context) (_ Binary, err error) {
	if err := s.validate(); err != nil {
		return Binary{}, err
	}
	version, err := goVersion(s.GOROOT)
	if err != nil {
		return Binary{}, err
	}
	root, err := rootfs.Open(s.Root)
	if err != nil {
		return Binary{}, fmt.Errorf("build: %w", err)
	}
	defer root.Close()
	dir, err := os.MkdirTemp("", "bedplate-build-")
	if err != nil {
		return Binary{}, fmt.Errorf("build: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	tools, err := s.probeCompiler(ctx, dir)
	if err != nil {
		return Binary{}, err
	}

	r := receipt{Format: receiptFormat, Go: version, Arguments: s.arguments(), Target: s.target(), Package: s.pkg()}
	// The inputs are recorded first: what changes during the build is noticed next time.
	env, settings, err := s.environment(ctx)
	if err != nil {
		return Binary{}, err
	}
	list, _, err := s.run(ctx, env, append([]string{"list", "-deps", "-json=" + listFields}, append(s.listArguments(), s.pkg())...)...)
	if err != nil {
		return Binary{}, err
	}
	if err := r.collect(list, tools, settings["GOMOD"], settings["GOMODCACHE"], hidden(root.Host(s.Output))); err != nil {
		return Binary{}, fmt.Errorf("build: inputs: %w", err)
	}
	staged := filepath.Join(dir, path.Base(s.Output))
	_, said, err := s.run(ctx, env, append(s.arguments(), "-o", staged, s.pkg())...)
	if err != nil {
		return Binary{}, err
	}
	b := Binary{Path: staged}
	if s.os() == "linux" {
		if b, err = Inspect(staged); err != nil {
			return b, err
		}
		if err := s.prove(b, said); err != nil {
			return b, err
		}
	}
	b.Path = root.Host(s.Output)
	return b, s.publish(root, staged, &r)
}

// publish puts binary and receipt in place, the binary first: one without a
// receipt is built again, which does no harm.
func (s Spec) publish(root *rootfs.Root, staged string, r *receipt) error {
	f, err := os.Open(staged)
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	dir, name, err := root.Parent(s.Output)
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	defer dir.Close()
	if _, err := atomicfile.WriteFromAt(dir, name, f, info.Size(), atomicfile.Options{Mode: s.mode()}); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	out, err := rootfs.LstatAt(dir, name)
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	if r.Output, err = record(staged); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	r.Output.Path, r.Output.stamp = s.Output, outputStamp(out)
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	if _, err := root.WriteFile(receiptPath(s.Output), append(text, '\n'), atomicfile.Options{}); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	return nil
}

// shown is how much of the go command's complaints an error repeats.
const shown = 20

// run runs the SDK's go command, and gives what it printed and what it complained of.
func (s Spec) run(ctx context.Context, env []string, args ...string) (printed, said []byte, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.GOROOT, "bin", "go"), args...)
	cmd.Dir, cmd.Env = s.Dir, env
	cmd.WaitDelay = 10 * time.Second
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err = cmd.Run()
	if err == nil {
		return out.Bytes(), complaints.Bytes(), nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	lines := strings.Split(strings.TrimSpace(complaints.String()), "\n")
	if more := len(lines) - shown; more > 0 {
		lines = append(lines[:shown], fmt.Sprintf("... and %d more lines", more))
	}
	return nil, nil, fmt.Errorf("build: go %s %s: %w\n%s", args[0], s.pkg(), err, strings.Join(lines, "\n"))
}
