package build

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// find looks for a library as the loader does: one for another machine is passed over.
func (p *prediction) find(name string, dirs []string) (library object, err error) {
	if strings.Contains(name, "/") {
		dirs = []string{""}
	}
	// The loader is a library too, and stands for itself wherever it lies.
	if base := path.Base(p.binary.Interpreter); name == base || p.musl() && name == "libc.so" {
		name, dirs = p.binary.Interpreter, []string{""}
	}
	for _, d := range dirs {
		file := path.Join("/", d, name)
		if found, lib, err := p.read(file); err != nil || found {
			lib.name = file
			return lib, err
		}
	}
	return library, nil
}

// read gives what a file of the host says, if it is one for the binary's machine.
func (p *prediction) read(name string) (found bool, o object, err error) {
	f, err := p.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, o, nil
	}
	if err != nil {
		return false, o, fmt.Errorf("build: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false, o, err
	}
	e, err := elf.NewFile(f)
	if err != nil {
		return false, o, nil //nolint:nilerr // a linker script, or a broken file: the loader goes on too
	}
	if arch(e) != p.binary.Arch {
		return false, o, nil
	}
	if o.dynamic, err = readDynamic(e); err != nil {
		return false, o, fmt.Errorf("build: %s: %w", p.root.Host(name), err)
	}
	if p.musl() {
		o.wants, o.offers = musls(e, o.text)
	}
	return true, o, nil
}

// triplets name Debian's directory for libraries of an architecture, which its
// loaders search by themselves.
var triplets = map[string]string{
	"386": "i386-linux-gnu", "amd64": "x86_64-linux-gnu", "arm": "arm-linux-gnueabihf", "arm64": "aarch64-linux-gnu",
	"ppc64le": "powerpc64le-linux-gnu", "riscv64": "riscv64-linux-gnu", "s390x": "s390x-linux-gnu", "loong64": "loongarch64-linux-gnu",
}

// directories are where the loader looks for every program's libraries.
func (p *prediction) directories() (dirs []string, err error) {
	if base := path.Base(p.binary.Interpreter); p.musl() {
		b, err := p.root.ReadFile("/etc/" + strings.TrimSuffix(base, ".so.1") + ".path")
		if errors.Is(err, fs.ErrNotExist) {
			return []string{"/lib", "/usr/local/lib", "/usr/lib"}, nil
		}
		return strings.FieldsFunc(string(b), func(r rune) bool { return r == ':' || r == '\n' }), err
	}
	if err := p.configured("/etc/ld.so.conf", &dirs, 0); err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	if t := triplets[p.binary.Arch]; t != "" {
		dirs = append(dirs, "/lib/"+t, "/usr/lib/"+t)
	}
	return append(dirs, "/lib64", "/usr/lib64", "/lib", "/usr/lib"), nil
}

// configured reads ld.so.conf(5), which may include others by a pattern in the
// last part of a path.
func (p *prediction) configured(name string, dirs *[]string, depth int) error {
	b, err := p.root.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) || depth > 8 {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		switch {
		case len(words) == 1 && path.IsAbs(words[0]):
			*dirs = append(*dirs, words[0])
		case len(words) == 2 && words[0] == "include":
			pattern := words[1]
			if !path.IsAbs(pattern) {
				pattern = path.Join(path.Dir(name), pattern)
			}
			entries, err := p.root.ReadDir(path.Dir(pattern))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			for _, e := range entries {
				if ok, _ := path.Match(path.Base(pattern), e.Name()); ok {
					if err := p.configured(path.Join(path.Dir(pattern), e.Name()), dirs, depth+1); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}
