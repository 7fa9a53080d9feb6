package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// Spec is a wanted binary. It is a bedplate.Resource, keyed by a digest of what
// goes into it.
type Spec struct {
	// GOROOT is the SDK that builds, a path on this machine; a link such as
	// .../current is followed when it is used.
	GOROOT string
	// Dir is a directory of the module on this machine; "" is the working one.
	Dir string
	// Package is what is built, as the go command names it: "./cmd/app". "": ".".
	Package string
	// Output is where the binary goes, an absolute path inside Root. Its
	// directory must exist when it is built.
	Output string
	// Root is the tree that Output lies in. "": this machine.
	Root string
	// OS and Arch are the target. "": linux, and the running architecture.
	OS, Arch string
	// Level is the least processor it runs on, in the words of GOAMD64 ("v3"),
	// GOARM, GOARM64 and so on. "": the SDK's default, which runs everywhere.
	Level string
	// Libc is the C library that it is linked with. Zero: none, and no cgo.
	Libc Libc
	// Linkage is what it may need. Zero: nothing.
	Linkage Linkage
	// CC is the C compiler, with arguments if need be ("gcc --sysroot=/srv/old").
	// "": CC in Env (with Glibc), or the one that Debian has for the target:
	// gcc, musl-gcc, aarch64-linux-gnu-gcc and so on. It needs a Libc.
	CC string
	// Tags are build tags.
	Tags []string
	// Variables are set by the linker: "main.version" → "1.2.3". They stand in
	// the binary and in the go command's arguments: no place for secrets.
	Variables map[string]string
	// Mode is the binary's. Zero: 0755.
	Mode fs.FileMode
	// Env is the environment of the go command, NAME=value, as os.Environ gives
	// it. Of the go command's own variables only those that say where modules and
	// caches are get through (with a Libc, the C compiler's too); the others
	// would make another binary. Nil: the caller's own.
	Env []string
}

func (s Spec) os() string {
	if s.OS == "" {
		return "linux"
	}
	return s.OS
}

func (s Spec) arch() string {
	if s.Arch == "" {
		return runtime.GOARCH
	}
	return s.Arch
}

func (s Spec) mode() fs.FileMode {
	if s.Mode == 0 {
		return 0o755
	}
	return s.Mode
}

func (s Spec) pkg() string {
	if s.Package == "" {
		return "."
	}
	return s.Package
}

func (s Spec) validate() error {
	var errs []error
	if !filepath.IsAbs(s.GOROOT) {
		errs = append(errs, fmt.Errorf("build: GOROOT=%q must be the absolute path of an SDK", s.GOROOT))
	}
	if !path.IsAbs(s.Output) || path.Clean(s.Output) != s.Output || s.Output == "/" {
		errs = append(errs, fmt.Errorf("build: Output=%q must be an absolute, clean path inside Root", s.Output))
	}
	errs = append(errs, s.validateLinking())
	if s.Mode&^fs.ModePerm != 0 || s.mode()&0o111 == 0 {
		errs = append(errs, fmt.Errorf("build: Mode=%v must be permission bits with an execute bit", s.Mode))
	}
	if p := s.pkg(); strings.HasPrefix(p, "-") || strings.Contains(p, "...") {
		errs = append(errs, fmt.Errorf("build: Package=%q must name one package", p))
	}
	if s.Level != "" && levels[s.arch()] == "" {
		errs = append(errs, fmt.Errorf("build: Level=%q: %s has no levels", s.Level, s.arch()))
	}
	// go1.26.8 builds with GOAMD64=v9 and writes v9 into the binary; other
	// architectures' levels it checks itself.
	if s.arch() == "amd64" && !slices.Contains([]string{"", "v1", "v2", "v3", "v4"}, s.Level) {
		errs = append(errs, fmt.Errorf("build: Level=%q: GOAMD64 is v1, v2, v3 or v4", s.Level))
	}
	for _, t := range s.Tags {
		if t == "" || strings.ContainsAny(t, " ,\t\n") {
			errs = append(errs, fmt.Errorf("build: tag %q must be one word", t))
		}
	}
	for name, value := range s.Variables {
		if !strings.Contains(name, ".") || strings.ContainsAny(name+value, " \t\n\"'\\") {
			errs = append(errs, fmt.Errorf("build: variable %s=%q: the name is package.name, and neither has spaces or quotes", name, value))
		}
	}
	return errors.Join(errs...)
}

// arguments are the go command's; they are part of the key. There is no VCS
// stamp: it would differ where no input does.
func (s Spec) arguments() []string {
	args := []string{"build", "-trimpath", "-buildvcs=false"}
	args = append(args, s.listArguments()...)
	var variables []string
	for name, value := range s.Variables {
		variables = append(variables, "-X="+name+"="+value)
	}
	slices.Sort(variables)
	return append(args, "-ldflags="+strings.Join(append(s.linking(), variables...), " "))
}

// listArguments are the build arguments that decide which files are taken.
func (s Spec) listArguments() []string {
	if tags := s.tags(); len(tags) > 0 {
		return []string{"-tags=" + strings.Join(tags, ",")}
	}
	return nil
}

// target are the variables by which the go command knows what to build for, and
// the C compiler with what; they are part of the key too.
func (s Spec) target() []string {
	cgo := "CGO_ENABLED=0"
	if s.Libc != NoLibc {
		cgo = "CGO_ENABLED=1"
	}
	target := []string{cgo, "GOARCH=" + s.arch(), "GOOS=" + s.os(), "GOWORK=off"}
	if s.Level != "" {
		target = append(target, levels[s.arch()]+"="+s.Level)
	}
	return append(target, s.compiler()...)
}

// levels are the variables that name the least processor of an architecture.
var levels = map[string]string{
	"386": "GO386", "amd64": "GOAMD64", "arm": "GOARM", "arm64": "GOARM64", "mips": "GOMIPS", "mipsle": "GOMIPS",
	"mips64": "GOMIPS64", "mips64le": "GOMIPS64", "ppc64": "GOPPC64", "ppc64le": "GOPPC64", "riscv64": "GORISCV64",
}

// Plan says whether the binary has to be built, and why.
func (s Spec) Plan(ctx context.Context) ([]bedplate.Change, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	c, err := s.compare(ctx)
	if err != nil || c == nil {
		return nil, err
	}
	return []bedplate.Change{*c}, nil
}

// Ensure builds the binary if an input or the output changed.
func (s Spec) Ensure(ctx context.Context) ([]bedplate.Change, error) {
	changes, err := s.Plan(ctx)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	if _, err := s.Build(ctx); err != nil {
		return nil, err
	}
	changes[0].Pending = ""
	return changes, nil
}

// compare gives the change that is due, or nil.
func (s Spec) compare(ctx context.Context) (*bedplate.Change, error) {
	create := bedplate.Change{Op: bedplate.OpCreate, Kind: "file", Target: s.Output, Detail: s.summary()}
	root, err := rootfs.Open(s.Root)
	if errors.Is(err, fs.ErrNotExist) {
		create.Pending = "directory " + path.Dir(s.Output)
		return &create, nil
	}
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	defer root.Close()
	there, err := root.Exists(path.Dir(s.Output))
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	version, err := goVersion(s.GOROOT)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		create.Pending = "sdk " + s.GOROOT
	case err != nil:
		return nil, err
	case !there:
		create.Pending = "directory " + path.Dir(s.Output)
	default:
		if missing := s.missingCompiler(); missing != nil {
			create.Pending = "C compiler " + missing.Compiler
		}
	}
	info, err := root.Lstat(s.Output)
	if errors.Is(err, fs.ErrNotExist) {
		return &create, nil
	}
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	if !info.Mode.IsRegular() {
		return nil, fmt.Errorf("build: %s is no regular file; move it away first", root.Host(s.Output))
	}
	reason, err := s.stale(ctx, root, version, info)
	if err != nil || reason == "" {
		return nil, err
	}
	return &bedplate.Change{Op: bedplate.OpUpdate, Kind: "file", Target: s.Output, Detail: reason + " → " + s.summary(), Pending: create.Pending}, nil
}

// summary is what will be there, without what is only known once it is.
func (s Spec) summary() string {
	kind := "static"
	if s.Linkage == Dynamic {
		kind = "dynamic"
	}
	if s.Libc != NoLibc {
		kind += " " + s.Libc.String()
	}
	return fmt.Sprintf("%s %s/%s from %s", kind, s.os(), s.arch(), s.pkg())
}
