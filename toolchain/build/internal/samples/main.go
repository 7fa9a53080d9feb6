// Command samples builds, on the host, the programs that the privileged tests of
// package build run in the machines: one of each way to link, and one against
// the C library of the oldest machine.
//
//	go run ./toolchain/build/internal/samples DIR
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bedplate/bedplate/internal/testenv/image"
	"github.com/bedplate/bedplate/toolchain/build"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: samples DIR")
		os.Exit(2)
	}
	if err := produce(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "samples:", err)
		os.Exit(1)
	}
}

// The programs print "ok". One calls C of its own, the other has the standard
// library's cgo only, and the third is threads all over, which older C libraries
// keep in a library of their own.
var programs = map[string]string{
	"go":      "package main\n\nfunc main() { println(\"ok\") }\n",
	"library": "package main\n\nimport \"os/user\"\n\nfunc main() { _, _ = user.LookupId(\"0\"); println(\"ok\") }\n",
	"c":       "package main\n\n// #include <stdlib.h>\n// #include <pthread.h>\n// static void *f(void *p) { return p; }\n// static int start(void) { pthread_t t; return pthread_create(&t, 0, f, 0) || pthread_join(t, 0) || abs(-1) != 1; }\n// #cgo LDFLAGS: -pthread\nimport \"C\"\n\nfunc main() { if C.start() == 0 { println(\"ok\") } }\n",
}

// oldest is the machine whose C library is the oldest.
var oldest = image.Suites[0]

func produce(ctx context.Context, dir string) error {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "bedplate-samples-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	musl, err := muslCompiler(ctx, work)
	if err != nil {
		return err
	}
	old, err := unpacked(ctx, oldest, filepath.Join(work, "old"), "libc6", "libc6-dev", "linux-libc-dev", "libcrypt1", "libcrypt-dev")
	if err != nil {
		return err
	}
	for name, s := range map[string]build.Spec{
		"none-static-go":        {Package: "./go"},
		"glibc-static-c":        {Package: "./c", Libc: build.Glibc},
		"glibc-static-library":  {Package: "./library", Libc: build.Glibc},
		"glibc-dynamic-c":       {Package: "./c", Libc: build.Glibc, Linkage: build.Dynamic},
		"glibc-dynamic-library": {Package: "./library", Libc: build.Glibc, Linkage: build.Dynamic},
		"oldest-dynamic-c":      {Package: "./c", Libc: build.Glibc, Linkage: build.Dynamic, CC: against(old)},
		"musl-static-c":         {Package: "./c", Libc: build.Musl, CC: musl},
		"musl-static-library":   {Package: "./library", Libc: build.Musl, CC: musl},
		"musl-dynamic-c":        {Package: "./c", Libc: build.Musl, Linkage: build.Dynamic, CC: musl},
	} {
		s.GOROOT, s.Dir, s.Output = strings.TrimSpace(string(out)), filepath.Join(work, "src"), filepath.Join(dir, name)
		if err := sources(s.Dir); err != nil {
			return err
		}
		if _, err := s.Build(ctx); err != nil {
			return err
		}
	}
	// The loader of musl, which is its C library too, for a root of its own.
	loader, err := exec.CommandContext(ctx, "sh", "-c", "echo 'int main(void){return 0;}' | "+musl+" -x c - -o "+filepath.Join(work, "x")+" -Wl,--trace").Output()
	if err != nil {
		return fmt.Errorf("musl's libc.so: %w", err)
	}
	for line := range strings.Lines(string(loader)) {
		if name := strings.TrimSpace(line); filepath.Base(name) == "libc.so" {
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "musl-libc.so"), b, 0o755)
		}
	}
	return errors.New("musl's compiler links no libc.so")
}

// against is gcc with another C library than the host's. Debian's looks for its
// own before it looks in the sysroot, so it is told where else to look first.
func against(sysroot string) string {
	lib := sysroot + "/usr/lib/x86_64-linux-gnu"
	return "gcc --sysroot=" + sysroot + " -B" + lib + " -L" + lib
}

func sources(dir string) error {
	errs := []error{os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/samples\n\ngo 1.26\n"), 0o644)}
	for name, text := range programs {
		errs = append(errs, os.MkdirAll(filepath.Join(dir, name), 0o755), os.WriteFile(filepath.Join(dir, name, "main.go"), []byte(text), 0o644))
	}
	return errors.Join(errs...)
}

// muslCompiler is the host's, or gcc with musl from a package and specs that
// lead to where it was unpacked.
func muslCompiler(ctx context.Context, work string) (string, error) {
	if _, err := exec.LookPath("musl-gcc"); err == nil {
		return "musl-gcc", nil
	}
	tree, err := unpacked(ctx, "bookworm", filepath.Join(work, "musl"), "musl", "musl-dev", "musl-tools")
	if err != nil {
		return "", err
	}
	// The package counts on /lib being /usr/lib.
	if err := os.Symlink(filepath.Join(tree, "lib/x86_64-linux-musl/libc.so"), filepath.Join(tree, "usr/lib/x86_64-linux-musl/libc.so")); err != nil {
		return "", err
	}
	specs, err := os.ReadFile(filepath.Join(tree, "usr/lib/x86_64-linux-musl/musl-gcc.specs"))
	if err != nil {
		return "", err
	}
	text := strings.NewReplacer("/usr/lib/x86_64-linux-musl", tree+"/usr/lib/x86_64-linux-musl", "/usr/include/x86_64-linux-musl", tree+"/usr/include/x86_64-linux-musl").Replace(string(specs))
	name := filepath.Join(work, "musl.specs")
	return "gcc -specs=" + name, os.WriteFile(name, []byte(text), 0o644)
}

// unpacked gives a folder with the files of packages of a Debian release.
func unpacked(ctx context.Context, suite, dir string, packages ...string) (string, error) {
	cache, err := image.DefaultCache()
	if err != nil {
		return "", err
	}
	b := image.Builder{Cache: cache, Say: func(what string) { fmt.Fprintln(os.Stderr, what) }}
	archive, err := b.Packages(ctx, suite, packages)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, "tar", "-xf", archive, "-C", dir).CombinedOutput(); err != nil {
		return "", fmt.Errorf("tar: %w: %s", err, out)
	}
	return dir, inside(dir)
}

// inside makes absolute links lead to where they would as a root directory:
// linkers follow them to the host's files.
func inside(dir string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() != fs.ModeSymlink {
			return err
		}
		to, err := os.Readlink(name)
		if err != nil || !filepath.IsAbs(to) {
			return err
		}
		return errors.Join(os.Remove(name), os.Symlink(filepath.Join(dir, to), name))
	})
}
