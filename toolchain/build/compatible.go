package build

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// Host is where a binary is to run.
type Host struct {
	// Root is its root file system. "": this machine's.
	Root string
	// Arch is its architecture, GOARCH's name. "": the running one.
	Arch string
}

// IncompatibleError says why a binary would not start.
type IncompatibleError struct {
	Binary  Binary
	Host    Host
	Reasons []string // sorted
}

func (e *IncompatibleError) Error() string {
	where := "this machine"
	if e.Host.Root != "" {
		where = e.Host.Root
	}
	return fmt.Sprintf("build: %s will not start on %s: %s; a static build needs nothing there", e.Binary.Path, where, strings.Join(e.Reasons, "; "))
}

// Compatible predicts whether a host can start a binary, by the files that its
// loader would read: the loader itself, each library with those that it needs,
// and the versions of their symbols (musl: the symbols). Nothing is run. It gives an
// *IncompatibleError if the binary would not start. What a program opens later
// (dlopen, a library's plugins) is not known, nor what its processor level needs.
//
// Libraries are looked for where ld.so.8 says, with /etc/ld.so.conf instead of
// the cache that is made from it, and without LD_LIBRARY_PATH.
func Compatible(b Binary, h Host) error {
	if h.Arch == "" {
		h.Arch = runtime.GOARCH
	}
	root, err := rootfs.Open(h.Root)
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	defer root.Close()
	p := prediction{root: root, binary: b}
	if b.Arch != h.Arch && (b.Arch != "386" || h.Arch != "amd64") {
		p.say("it is for " + b.Arch + ", the host is " + h.Arch)
	} else if b.Interpreter != "" || len(b.Needed) > 0 {
		if err := p.follow(); err != nil {
			return err
		}
	}
	if len(p.reasons) == 0 {
		return nil
	}
	slices.Sort(p.reasons)
	return &IncompatibleError{b, h, slices.Compact(p.reasons)}
}

type prediction struct {
	root    *rootfs.Root
	binary  Binary
	reasons []string
}

// object is a file in memory: the binary, or a library of the host.
type object struct {
	name string // for people
	dynamic
	dir           string   // of the file, for $ORIGIN
	wants, offers []string // symbols, under musl
	rpath         []string // where those that loaded it look (DT_RPATH; DT_RUNPATH is not passed on)
}

func (p *prediction) say(reason string) { p.reasons = append(p.reasons, reason) }

func (p *prediction) follow() error {
	if p.binary.Interpreter != "" {
		found, _, err := p.read(p.binary.Interpreter)
		if err != nil {
			return err
		}
		if !found {
			p.say("it has no loader " + p.binary.Interpreter)
			return nil
		}
	}
	dirs, err := p.directories()
	if err != nil {
		return err
	}
	b := p.binary
	first := object{name: "it", dynamic: dynamic{needed: b.Needed, runpath: b.runpath, inherit: b.inherit, versions: b.Versions}, dir: path.Dir(b.Path), wants: b.wants, offers: b.offers}
	return p.load(first, dirs)
}

// load follows what is needed in the loader's order, breadth first: a name that
// is loaded once is there for all, wherever the others would have looked.
func (p *prediction) load(first object, dirs []string) error {
	loaded := map[string]object{}
	all := []object{first}
	for queue := []object{first}; len(queue) > 0; queue = queue[1:] {
		o := queue[0]
		own := slices.Concat(o.runpath, o.rpath)
		for i, d := range own[:len(o.runpath)] {
			own[i] = strings.NewReplacer("$ORIGIN", o.dir, "${ORIGIN}", o.dir).Replace(d)
		}
		own = slices.DeleteFunc(own, func(d string) bool { return !path.IsAbs(d) })
		for _, name := range o.needed {
			if _, ok := loaded[name]; ok {
				continue
			}
			library, err := p.find(name, slices.Concat(own, dirs))
			if err != nil {
				return err
			}
			if library.name == "" {
				p.say(o.name + " needs " + name + ", which is nowhere")
				continue
			}
			library.dir = path.Dir(library.name)
			if o.inherit {
				library.rpath = own
			}
			loaded[name] = library
			queue, all = append(queue, library), append(all, library)
		}
		p.versions(o, loaded)
	}
	if p.musl() && len(p.reasons) == 0 {
		p.symbols(all)
	}
	return nil
}

// versions compares what a file asks of libraries with what they have. glibc's
// loader takes a library that defines no versions with no more than a warning,
// unless its symbols have no versions table at all: then it aborts at the first
// that it looks up (check_match in its elf/dl-lookup.c). musl's knows no versions.
func (p *prediction) versions(o object, loaded map[string]object) {
	if p.musl() {
		return
	}
	for _, v := range o.dynamic.versions {
		library, ok := loaded[v.Library]
		switch {
		case !ok || v.Weak || slices.Contains(library.defined, v.Name):
		case len(library.defined) > 0:
			p.say(o.name + " needs " + v.Name + ", which " + library.name + " lacks")
		case !library.versioned:
			p.say(o.name + " needs " + v.Name + ", and " + library.name + " has no versions at all")
		}
	}
}

func (p *prediction) musl() bool { return isMusl(p.binary.Interpreter) }

// isMusl says whether a loader is musl's.
func isMusl(interpreter string) bool { return strings.HasPrefix(path.Base(interpreter), "ld-musl-") }

// symbols looks for what musl's loader would: every symbol that any file wants,
// in all of them, before the program starts.
func (p *prediction) symbols(loaded []object) {
	offered := map[string]bool{}
	for i, o := range loaded {
		if i > 0 && len(o.offers) == 0 {
			return // its section headers are stripped: nobody knows what it offers
		}
		for _, name := range o.offers {
			offered[name] = true
		}
	}
	for _, o := range loaded {
		var missing []string
		for _, name := range o.wants {
			if !offered[name] {
				missing = append(missing, name)
			}
		}
		if more := len(missing) - 5; more > 0 {
			missing = append(missing[:5], fmt.Sprintf("%d more", more))
		}
		if len(missing) > 0 {
			p.say(o.name + " needs the functions or variables " + strings.Join(missing, ", ") + ", which no library has")
		}
	}
}

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
