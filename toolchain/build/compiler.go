package build

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// MissingCompilerError is a C compiler that is not there, or that lacks the C
// library's headers.
type MissingCompilerError struct {
	Compiler string
	// Package is Debian's package that has it; "" where Debian has none.
	Package string
	// Err is what the compiler said, if there is one.
	Err error
}

func (e *MissingCompilerError) Error() string {
	way := "set CC to one"
	if e.Package != "" {
		way = "install Debian's package " + e.Package + ", or " + way
	}
	if e.Err != nil {
		return fmt.Sprintf("build: the C compiler %s is not complete (%v); %s", e.Compiler, e.Err, way)
	}
	return fmt.Sprintf("build: the C compiler %s is not in PATH; %s", e.Compiler, way)
}

func (e *MissingCompilerError) Unwrap() error {
	if e.Err != nil {
		return e.Err
	}
	return exec.ErrNotFound
}

// compilers are the variables that a build with cgo takes from Env. They stand
// in the key: with others it is another binary. The go env file has no say.
var compilers = []string{"AR", "CC", "CXX", "FC", "PKG_CONFIG", "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_FFLAGS", "CGO_LDFLAGS"}

// gnu are the names of Debian's cross compilers' targets.
var gnu = map[string]string{
	"386": "i686-linux-gnu", "amd64": "x86_64-linux-gnu", "arm": "arm-linux-gnueabihf", "arm64": "aarch64-linux-gnu", "loong64": "loongarch64-linux-gnu",
	"ppc64le": "powerpc64le-linux-gnu", "riscv64": "riscv64-linux-gnu", "s390x": "s390x-linux-gnu",
}

// muslPrefix are the names that musl's own cross compilers go by.
var muslPrefix = map[string]string{
	"386": "i686-linux-musl", "amd64": "x86_64-linux-musl", "arm": "arm-linux-musleabihf", "arm64": "aarch64-linux-musl", "loong64": "loongarch64-linux-musl",
	"ppc64le": "powerpc64le-linux-musl", "riscv64": "riscv64-linux-musl", "s390x": "s390x-linux-musl",
}

// cc is the C compiler to use: a name or path, and arguments.
func (s Spec) cc() string {
	native := runtime.GOOS == "linux" && s.arch() == runtime.GOARCH
	fromEnv := lookup(s.environ(), "CC")
	switch {
	case s.CC != "":
		return s.CC
	case s.Libc == Musl && native:
		if s.which("musl-gcc") == "" && s.which("gcc") != "" && muslMachine() {
			return "gcc" // there it is musl's
		}
		return "musl-gcc"
	case s.Libc == Musl:
		return muslPrefix[s.arch()] + "-gcc"
	case fromEnv != "":
		return fromEnv
	case native || gnu[s.arch()] == "":
		return "gcc"
	}
	return gnu[s.arch()] + "-gcc"
}

// muslMachine says whether this machine's own C library is musl.
func muslMachine() bool {
	loaders, _ := filepath.Glob("/lib/ld-musl-*.so.1") // the pattern is valid
	others, _ := filepath.Glob("/lib*/ld-linux*.so.*")
	return len(loaders) > 0 && len(others) == 0
}

// compiler are the variables of target that say how C is compiled.
func (s Spec) compiler() (vars []string) {
	if s.Libc == NoLibc {
		return nil
	}
	for _, name := range compilers {
		value := lookup(s.environ(), name)
		if name == "CC" {
			value = s.cc()
		}
		if value != "" {
			vars = append(vars, name+"="+value)
		}
	}
	return vars
}

// lookup finds a variable; the last one counts, as for os/exec.
func lookup(env []string, name string) string {
	for _, kv := range slices.Backward(env) {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// which finds a program in the PATH that the build has.
func (s Spec) which(program string) string {
	candidates := []string{program}
	if !strings.Contains(program, "/") {
		candidates = nil
		for _, dir := range filepath.SplitList(lookup(s.environ(), "PATH")) {
			if filepath.IsAbs(dir) {
				candidates = append(candidates, filepath.Join(dir, program))
			}
		}
	}
	for _, c := range candidates {
		if info, err := os.Stat(c); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return c
		}
	}
	return ""
}

// missingCompiler says which compiler is not there; nil if none is needed.
func (s Spec) missingCompiler() *MissingCompilerError {
	if s.Libc == NoLibc {
		return nil
	}
	if name := strings.Fields(s.cc())[0]; s.which(name) == "" {
		return &MissingCompilerError{Compiler: name, Package: packageOf(name)}
	}
	return nil
}

func packageOf(compiler string) string {
	name := filepath.Base(compiler)
	switch {
	case name == "musl-gcc":
		return "musl-tools"
	case name == "gcc" || name == "cc":
		return "gcc with libc6-dev"
	case name == "clang":
		return "clang with libc6-dev"
	}
	for _, triplet := range gnu {
		if name == triplet+"-gcc" {
			return "gcc-" + triplet
		}
	}
	return ""
}

// probe tells the C libraries apart: glibc says its name, musl never does
// (https://wiki.musl-libc.org/faq).
const probe = "#include <features.h>\n#ifdef __GLIBC__\nlibc_is_glibc\n#else\nlibc_is_another\n#endif\n"

// probeCompiler asks the C compiler which C library it compiles for, links a
// program of one line in dir, and gives the files that, when they change, make
// another binary: the compiler's driver, the compiler proper, and what of the C
// library was linked.
func (s Spec) probeCompiler(ctx context.Context, dir string) (files []string, err error) {
	if s.Libc == NoLibc {
		return nil, nil
	}
	if missing := s.missingCompiler(); missing != nil {
		return nil, missing
	}
	argv := strings.Fields(s.cc())
	name := argv[0]
	argv[0] = s.which(name)
	ask := func(input string, args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, argv[0], append(slices.Clone(argv[1:]), args...)...)
		cmd.Env, cmd.Stdin, cmd.WaitDelay = s.environ(), strings.NewReader(input), 10*time.Second
		var out, complaints bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &complaints
		if err := cmd.Run(); err != nil {
			if ctx.Err() != nil {
				return "", fmt.Errorf("build: %s: %w", name, context.Cause(ctx))
			}
			first, _, _ := strings.Cut(strings.TrimSpace(complaints.String()), "\n")
			return "", &MissingCompilerError{Compiler: name, Package: packageOf(name), Err: fmt.Errorf("%w: %s", err, first)}
		}
		return out.String(), nil
	}
	said, err := ask(probe, "-E", "-P", "-x", "c", "-")
	if err != nil {
		return nil, err
	}
	if isGlibc := strings.Contains(said, "libc_is_glibc"); isGlibc != (s.Libc == Glibc) {
		return nil, fmt.Errorf("build: Libc=%v, but the C compiler %s is for another C library; set CC to one for %[1]v", s.Libc, name)
	}
	link := []string{"-x", "c", "-", "-o", filepath.Join(dir, "probe"), "-Wl,--trace"}
	if s.Linkage == Static {
		link = append(link, "-static")
	}
	if said, err = ask("int main(void) { return 0; }\n", link...); err != nil {
		return nil, err
	}
	files = append(linked(said), argv[0])
	if answer, err := ask("", "-print-prog-name=cc1"); err != nil {
		return nil, err
	} else if answer = strings.TrimSpace(answer); filepath.IsAbs(answer) { // clang compiles by itself
		files = append(files, filepath.Clean(answer))
	}
	return files, nil
}

// linked are the files in a linker's trace that are still there: an object of the
// program itself is not. Members stand behind their archive, "(libc.a)exit.o".
func linked(trace string) (files []string) {
	for line := range strings.Lines(trace) {
		name := strings.TrimSpace(line)
		if archive, ok := strings.CutPrefix(name, "("); ok {
			name, _, _ = strings.Cut(archive, ")")
		}
		if info, err := os.Stat(name); err == nil && filepath.IsAbs(name) && info.Mode().IsRegular() {
			if name = filepath.Clean(name); !slices.Contains(files, name) {
				files = append(files, name)
			}
		}
	}
	return files
}
