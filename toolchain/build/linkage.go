package build

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Linkage is what a binary may need of its host.
type Linkage int

const (
	// Static needs nothing. It is the zero value.
	Static Linkage = iota
	// Dynamic may need the host's loader and the host's C library.
	Dynamic
)

// Libc is the C library that a binary is linked with.
type Libc int

const (
	// NoLibc is none: CGO_ENABLED=0, the program is Go alone. It is the zero value.
	NoLibc Libc = iota
	// Glibc is the GNU C library. Static, it loses the host's name service
	// modules, so the standard library's own resolver is taken, and C code that
	// would load them all the same is refused.
	Glibc
	// Musl is musl, which can be linked statically without reservations.
	Musl
)

func (l Libc) String() string {
	switch l {
	case NoLibc:
		return "no libc"
	case Glibc:
		return "glibc"
	case Musl:
		return "musl"
	}
	return fmt.Sprintf("Libc(%d)", int(l))
}

// validateLinking refuses what can't be, or would not be what it is called.
func (s Spec) validateLinking() error {
	var errs []error
	if s.Libc < NoLibc || s.Libc > Musl {
		errs = append(errs, fmt.Errorf("build: Libc=%d is unknown; use NoLibc, Glibc or Musl", s.Libc))
	}
	if s.Linkage != Static && s.Linkage != Dynamic {
		errs = append(errs, fmt.Errorf("build: Linkage=%d is unknown; use Static or Dynamic", s.Linkage))
	}
	linux := s.os() == "linux"
	switch {
	case !linux && s.Linkage == Static:
		errs = append(errs, fmt.Errorf("build: OS=%s: only for linux can it be proven that a binary is static; set Linkage: Dynamic", s.os()))
	case !linux && s.Libc != NoLibc:
		errs = append(errs, fmt.Errorf("build: OS=%s has no %v; leave Libc out, which builds without cgo", s.os(), s.Libc))
	case linux && s.Libc == NoLibc && s.Linkage == Dynamic:
		errs = append(errs, errors.New("build: Linkage=Dynamic without a C library: such a program has nothing to link to; set Libc: Glibc or Musl"))
	}
	if s.CC != "" && s.Libc == NoLibc {
		errs = append(errs, fmt.Errorf("build: CC=%q is never run without a C library; set Libc", s.CC))
	}
	if strings.TrimSpace(s.CC) != s.CC || strings.ContainsAny(s.CC, "\n\t\"'") {
		errs = append(errs, fmt.Errorf("build: CC=%q must be a compiler and arguments, separated by single spaces and without quotes", s.CC))
	}
	if program, _, _ := strings.Cut(s.CC, " "); strings.Contains(program, "/") && !filepath.IsAbs(program) {
		errs = append(errs, fmt.Errorf("build: CC=%q: a compiler is a name in PATH or an absolute path", s.CC))
	}
	return errors.Join(errs...)
}

// tags are the wanted ones, and those that keep the standard library from glibc
// functions that a static program can't have.
func (s Spec) tags() []string {
	if s.Libc != Glibc || s.Linkage != Static {
		return s.Tags
	}
	tags := slices.Clone(s.Tags)
	for _, t := range []string{"netgo", "osusergo"} {
		if !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	return tags
}

// linking are the linker's flags. With -extldflags=-static alone, a program whose
// only cgo is the standard library's is linked by Go's own linker, which doesn't
// know that flag: it stays dynamic. So the C linker is asked for by name.
func (s Spec) linking() []string {
	flags := []string{"-s", "-w"}
	if s.Libc == Musl || s.Libc == Glibc && s.Linkage == Static {
		flags = append(flags, "-linkmode=external")
	}
	if s.Libc != NoLibc && s.Linkage == Static {
		flags = append(flags, "-extldflags=-static")
	}
	return flags
}

// NeedsHostError is a binary that was to be static and is not.
type NeedsHostError struct{ Binary Binary }

func (e *NeedsHostError) Error() string {
	return fmt.Sprintf("build: %s was to be static, but it needs %s; it was not published", e.Binary.Path, e.Binary.Needs())
}

// HostModulesError is a static glibc program with functions that load the host's
// name service modules when they are called. Those modules must be of the very
// glibc that was linked in; with another one the call fails, or crashes.
type HostModulesError struct{ Functions []string }

func (e *HostModulesError) Error() string {
	return fmt.Sprintf("build: static, but with glibc's %s, which loads libraries of the host when it is called; it was not published; use Libc: Musl, or Linkage: Dynamic",
		strings.Join(e.Functions, ", "))
}

var nssWarning = regexp.MustCompile(`Using '([^']+)' in statically linked applications`)

// prove compares what was built with what was asked for. said is what the
// linker had to say.
func (s Spec) prove(b Binary, said []byte) error {
	if b.Arch != s.arch() && !strings.HasPrefix(b.Arch, "EM_") {
		return fmt.Errorf("build: %s was to be for %s, but it is for %s; it was not published", b.Path, s.arch(), b.Arch)
	}
	if s.Linkage == Static {
		if !b.Static() {
			return &NeedsHostError{b}
		}
		var functions []string
		for _, m := range nssWarning.FindAllSubmatch(said, -1) {
			functions = append(functions, string(m[1]))
		}
		if slices.Sort(functions); len(functions) > 0 {
			return &HostModulesError{slices.Compact(functions)}
		}
		return nil
	}
	if s.Libc == Musl && b.Interpreter == "" { // always linked by the C linker, which had no libc.so
		return fmt.Errorf("build: %s was to be dynamic, but the C compiler made it static; it was not published; set Linkage: Static, or CC to one that has musl's libc.so", b.Path)
	}
	if musl := isMusl(b.Interpreter); b.Interpreter != "" && musl != (s.Libc == Musl) {
		return fmt.Errorf("build: %s was to be linked with %v, but its loader is %s; it was not published; set CC to a compiler for %[2]v", b.Path, s.Libc, b.Interpreter)
	}
	return nil
}
