package toolchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// VerifyQuick looks whether the SDK says its version and has its tools. It
// reads one small file; Verify reads all.
func (i Installation) VerifyQuick() error {
	file := filepath.Join(i.GOROOT, "VERSION")
	info, err := os.Lstat(file)
	if err != nil {
		return wrap(err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("toolchain: %s is no file; Repair %s", file, i.GOROOT)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return wrap(err)
	}
	if first, _, _ := strings.Cut(string(text), "\n"); first != string(i.Version) {
		return fmt.Errorf("toolchain: %s holds %.40q, not %s; Repair it", i.GOROOT, first, i.Version)
	}
	for _, tool := range []string{i.Go(), i.tool("compile"), i.tool("link"), i.tool("asm")} {
		info, err := os.Lstat(tool)
		if err != nil {
			return wrap(err)
		}
		if !info.Mode().IsRegular() || info.Size() == 0 || info.Mode()&0o111 == 0 {
			return fmt.Errorf("toolchain: %s is no program; Repair %s", tool, i.GOROOT)
		}
	}
	return nil
}

func (i Installation) tool(name string) string {
	return filepath.Join(i.GOROOT, "pkg", "tool", i.Platform.OS+"_"+i.Platform.Arch, i.Platform.program(name))
}

// VerifyStandard is VerifyQuick, and lets the SDK's compiler compile a line. It
// is for an SDK of the running platform.
func (i Installation) VerifyStandard(ctx context.Context) (err error) {
	if err := i.VerifyQuick(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bedplate-smoke-")
	if err != nil {
		return wrap(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	source := filepath.Join(dir, "p.go")
	if err := os.WriteFile(source, []byte("package p\n\nfunc F(n []int) int { return len(n) }\n"), 0o600); err != nil {
		return wrap(err)
	}
	cmd := exec.CommandContext(ctx, i.tool("compile"), "-p", "p", "-o", filepath.Join(dir, "p.a"), source)
	cmd.Env = i.Env(os.Environ())
	cmd.WaitDelay = 10 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("toolchain: the compiler of %s does not work: %w: %.200q", i.GOROOT, err, bytes.TrimSpace(out))
	}
	return nil
}
