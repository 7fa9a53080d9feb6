package checks

import (
	"context"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/toolchain/build"
	"github.com/bedplate/bedplate/verify"
)

// ofBinary is a check of a file that can be run; links to it are followed inside
// the root. What is absent, or no program at all, fails.
func ofBinary(root, name, aspect string, look func(r *rootfs.Root, f *os.File) (verify.Finding, error)) verify.Check {
	return verify.Check{Name: named("binary", name, aspect), Tags: []string{Quick, "binary"}, Look: func(context.Context) verify.Finding {
		r, err := rootfs.Open(root)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer r.Close()
		info, err := r.Stat(name)
		if err == nil && !info.Mode.IsRegular() { // nobody waits for the other end of a pipe
			return verify.Finding{Status: verify.Fail, Wanted: "a program", Observed: info.Mode.String(), Cause: r.Host(name) + " is another kind of file", Remedy: "install it again"}
		}
		var f *os.File
		if err == nil {
			f, err = r.Open(name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return verify.Finding{Status: verify.Fail, Wanted: "a program", Observed: "absent", Cause: r.Host(name) + " is not there", Remedy: "install it again"}
		}
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer f.Close()
		return found(look(r, f))
	}}
}

// readELF reads the header of an ELF file. Another file fails the check.
func readELF(f *os.File, look func(*elf.File) (verify.Finding, error)) (verify.Finding, error) {
	e, err := elf.NewFile(f)
	var format *elf.FormatError
	if errors.As(err, &format) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // shorter than a header
		return verify.Finding{Status: verify.Fail, Wanted: "an ELF file", Observed: "another", Cause: err.Error(), Remedy: "install it again"}, nil
	}
	if err != nil {
		return verify.Finding{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	defer e.Close()
	return look(e)
}

// Static holds for an ELF file that needs nothing of its host: no interpreter
// (PT_INTERP) and no shared library (DT_NEEDED). path is looked up inside root.
func Static(root, path string) verify.Check {
	return ofBinary(root, path, "static", func(_ *rootfs.Root, f *os.File) (verify.Finding, error) {
		return readELF(f, func(e *elf.File) (verify.Finding, error) {
			needs, err := needed(e)
			return verify.Equal("nothing", orNothing(strings.Join(needs, ", "))).Because("it needs them of its host", "build it with CGO_ENABLED=0"), err
		})
	})
}

// Libraries holds for an ELF file that needs exactly these shared libraries of
// its host, in any order: "libc.so.6".
func Libraries(root, path string, libraries ...string) verify.Check {
	return ofBinary(root, path, "libraries", func(_ *rootfs.Root, f *os.File) (verify.Finding, error) {
		return readELF(f, func(e *elf.File) (verify.Finding, error) {
			have, err := e.ImportedLibraries()
			slices.Sort(have)
			want := slices.Sorted(slices.Values(libraries))
			return verify.Equal(orNothing(strings.Join(want, ", ")), orNothing(strings.Join(have, ", "))).Because("it was linked otherwise", "build it again"), err
		})
	})
}

func needed(e *elf.File) (needs []string, err error) {
	for _, p := range e.Progs {
		if p.Type == elf.PT_INTERP {
			needs = append(needs, "an interpreter")
		}
	}
	libraries, err := e.ImportedLibraries()
	return append(needs, libraries...), err
}

// Starts holds where this machine, or the root, has all that a program needs to
// start: the right processor, the loader, each library with its own, the versions
// of their symbols. Nothing is run. See build.Compatible for what it can't know.
func Starts(root, path string) verify.Check {
	return ofBinary(root, path, "starts", func(r *rootfs.Root, f *os.File) (verify.Finding, error) {
		if err := sameInside(f); err != nil {
			return verify.Finding{}, err
		}
		b, err := build.Inspect(f.Name())
		if errors.Is(err, build.ErrNotELF) {
			return verify.Finding{Status: verify.Fail, Wanted: "a program", Observed: "another file", Cause: err.Error(), Remedy: "install it again"}, nil
		}
		var unreadable *fs.PathError
		if errors.As(err, &unreadable) {
			return verify.Finding{}, err
		}
		if err != nil { // it was read, and is broken: truncated, with a table that leads out of it
			return verify.Finding{Status: verify.Fail, Wanted: "a program", Observed: "a broken one", Cause: err.Error(), Remedy: "install it again"}, nil
		}
		err = build.Compatible(b, build.Host{Root: root})
		var no *build.IncompatibleError
		if errors.As(err, &no) {
			return verify.Finding{
				Status: verify.Fail, Wanted: "a host that can start it", Observed: fmt.Sprintf("%d reasons against it", len(no.Reasons)),
				Cause: strings.Join(no.Reasons, "; "), Remedy: "build it static (CGO_ENABLED=0), or on an older release",
			}, nil
		}
		info, statErr := f.Stat()
		if err = errors.Join(err, statErr); err != nil {
			return verify.Finding{}, err
		}
		if info.Mode()&0o111 == 0 {
			return verify.Equal("a mode that lets it run", info.Mode().String()).Because("nobody may execute it", "chmod 0755"), nil
		}
		return verify.Passed("needs " + b.Needs()), nil
	})
}

// sameInside refuses a file whose name, spelled out for this machine, leads to
// another one: a link in an image that is absolute.
func sameInside(f *os.File) error {
	inside, err := f.Stat()
	if err != nil {
		return err
	}
	outside, err := os.Stat(f.Name())
	if err != nil || !os.SameFile(inside, outside) {
		return fmt.Errorf("a link on the way to %s is absolute; name the file that it leads to", f.Name())
	}
	return nil
}

// BuiltWith holds for a Go binary that was built by exactly this Go version
// ("go1.26.8").
func BuiltWith(root, path, version string) verify.Check {
	return ofGoBinary(root, path, "go", func(info *buildinfo.BuildInfo) (verify.Finding, error) {
		return verify.Equal(version, info.GoVersion).Because("another Go built it", "build it again"), nil
	})
}

// BuiltFor holds for a Go binary that was built for this platform, "linux/amd64".
func BuiltFor(root, path, platform string) verify.Check {
	return ofGoBinary(root, path, "platform", func(info *buildinfo.BuildInfo) (verify.Finding, error) {
		return verify.Equal(platform, setting(info, "GOOS")+"/"+setting(info, "GOARCH")).Because("it is for another platform", "build it with GOOS and GOARCH set"), nil
	})
}

// BuildSettings holds for a Go binary that was built with these settings, as `go
// version -m` prints them: {"CGO_ENABLED": "0", "-trimpath": "true"}. A setting
// wanted as "" must not be there.
func BuildSettings(root, path string, wanted map[string]string) verify.Check {
	return ofGoBinary(root, path, "settings", func(info *buildinfo.BuildInfo) (verify.Finding, error) {
		if len(wanted) == 0 {
			return verify.Finding{}, errNothingWanted
		}
		var want, have, causes []string
		for _, key := range slices.Sorted(keys(wanted)) {
			want, have = append(want, key+"="+wanted[key]), append(have, key+"="+setting(info, key))
			if value := setting(info, key); value != wanted[key] {
				causes = append(causes, key+" is "+orNothing(value))
			}
		}
		return verify.Equal(strings.Join(want, " "), strings.Join(have, " ")).Because(strings.Join(causes, "; "), "build it with the wanted settings"), nil
	})
}

// Module holds for a Go binary whose main package is of this module at this
// version: "example.com/app" and "v1.2.3"; version "" is any.
func Module(root, path, module, version string) verify.Check {
	return ofGoBinary(root, path, "module", func(info *buildinfo.BuildInfo) (verify.Finding, error) {
		if version == "" {
			return verify.Equal(module, info.Main.Path).Because("it is another program", "install the right one"), nil
		}
		return verify.Equal(module+"@"+version, info.Main.Path+"@"+info.Main.Version).Because("it is another program, or version", "install the right one"), nil
	})
}

// ofGoBinary is a check of what Go wrote into a binary about its build. A file
// that has nothing of the kind fails.
func ofGoBinary(root, name, aspect string, look func(*buildinfo.BuildInfo) (verify.Finding, error)) verify.Check {
	return ofBinary(root, name, aspect, func(r *rootfs.Root, f *os.File) (verify.Finding, error) {
		info, err := buildinfo.Read(f)
		if err != nil {
			return verify.Finding{ //nolint:nilerr // it was read, and is no Go program
				Status: verify.Fail, Wanted: "a Go program", Observed: "another file", Cause: path.Base(name) + ": " + err.Error(), Remedy: "install it again",
			}, nil
		}
		return look(info)
	})
}
