package build

import (
	"fmt"
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
