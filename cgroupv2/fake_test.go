package cgroupv2

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// fake is a hierarchy in memory, for what a real kernel can't be made to do at a
// given moment. The privileged tests do the rest on real ones.
type fake struct {
	groups    map[string]map[string]string
	delegated map[string]bool
	log       []string                            // of what was changed
	before    func(rel, file, value string) error // a write
}

func newFake(controllers string) *fake {
	bfqLoaded = func() bool { return false } // whatever this machine has
	f := &fake{groups: map[string]map[string]string{}, delegated: map[string]bool{}}
	f.groups[""] = map[string]string{"cgroup.controllers": controllers, "cgroup.subtree_control": "", "cgroup.procs": "1"}
	return f
}

// with makes groups, each handing on what the one above has.
func (f *fake) with(t *testing.T, paths ...string) *fake {
	t.Helper()
	for _, p := range paths {
		if err := f.Mkdir(p); err != nil {
			t.Fatal(err)
		}
	}
	f.log = nil
	return f
}

func (f *fake) owner(systemd bool) owner {
	return owner{hierarchy: f, systemd: systemd, disks: fakeDisks}
}

var fakeDisks = disksOf{
	func(device string) (string, error) { return device, nil },
	func(string) (string, error) { return "io.cost", nil },
}

func (f *fake) fail(rel, file string, err error) error {
	return &fs.PathError{Op: "fake", Path: path.Join("/", rel, file), Err: err}
}

func (f *fake) Read(rel, file string) (string, error) {
	text, ok := f.groups[rel][file]
	if !ok {
		return "", f.fail(rel, file, syscall.ENOENT)
	}
	return text, nil
}

func (f *fake) Now(rel, file string) (string, error) { return f.Read(rel, file) }

func (f *fake) Write(rel, file, value string) error {
	if f.before != nil {
		if err := f.before(rel, file, value); err != nil {
			return f.fail(rel, file, err)
		}
	}
	g := f.groups[rel]
	if _, ok := g[file]; !ok {
		return f.fail(rel, file, syscall.ENOENT)
	}
	f.log = append(f.log, path.Join(rel, file)+"="+value)
	switch {
	case file == "cgroup.subtree_control":
		on := strings.Fields(g[file])
		for _, word := range strings.Fields(value) {
			on = append(on, strings.TrimPrefix(word, "+"))
		}
		slices.Sort(on)
		g[file] = strings.Join(slices.Compact(on), " ")
		for _, c := range f.mustChildren(rel) {
			f.grant(path.Join(rel, c), on)
		}
	case strings.HasPrefix(file, "memory.") && value != "max":
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return f.fail(rel, file, syscall.EINVAL)
		}
		g[file] = strconv.FormatUint(n/4096*4096, 10)
	case file == "io.max":
		l, err := parseIOMax(value)
		if err != nil {
			return f.fail(rel, file, syscall.EINVAL)
		}
		for _, r := range []*Rate{&l[0].ReadBytes, &l[0].WriteBytes, &l[0].ReadOps, &l[0].WriteOps} {
			if !r.IsSet() {
				*r = UnlimitedRate
			}
		}
		g[file] = l[0].line(l[0].Device)
	default:
		g[file] = strings.TrimSuffix(value, "\n")
	}
	return nil
}

func (f *fake) Exchange(rel, file, value string) (string, error) {
	if err := f.Write(rel, file, value); err != nil {
		return "", err
	}
	return f.Read(rel, file)
}

func (f *fake) grant(rel string, controllers []string) {
	g := f.groups[rel]
	g["cgroup.controllers"] = strings.Join(controllers, " ")
	for file, value := range initial {
		if name, _, _ := strings.Cut(file, "."); slices.Contains(controllers, name) {
			if _, ok := g[file]; !ok {
				g[file] = value
			}
		}
	}
	for _, file := range []string{"io.max", "cpuset.cpus", "cpuset.mems"} {
		if name, _, _ := strings.Cut(file, "."); slices.Contains(controllers, name) && g[file] == "" {
			g[file] = ""
		}
	}
}

func (f *fake) Mkdir(rel string) error {
	above := f.groups[cgfs.Parent(rel)]
	if above == nil {
		return f.fail(rel, "", syscall.ENOENT)
	}
	f.groups[rel] = map[string]string{"cgroup.subtree_control": "", "cgroup.procs": "", "cgroup.type": "domain"}
	f.grant(rel, strings.Fields(above["cgroup.subtree_control"]))
	f.log = append(f.log, "mkdir "+rel)
	return nil
}

func (f *fake) Rmdir(rel string) error { delete(f.groups, rel); return nil }

func (f *fake) mustChildren(rel string) (names []string) {
	for _, p := range slices.Sorted(maps.Keys(f.groups)) {
		if p != "" && cgfs.Parent(p) == rel {
			names = append(names, path.Base(p))
		}
	}
	return names
}

func (f *fake) Children(rel string) ([]string, error) { return f.mustChildren(rel), nil }
func (f *fake) Exists(rel string) (bool, error)       { return f.groups[rel] != nil, nil }
func (f *fake) Delegated(rel string) (bool, error)    { return f.delegated[rel], nil }

// ensure is what Set and Ensure do, on the fake.
func (f *fake) ensure(rel string, l Limits, create, systemd bool) (planned, done []action, err error) {
	o := f.owner(systemd)
	todo, err := o.plan(rel, l, create)
	if err != nil {
		return nil, nil, err
	}
	done, err = o.do(todo)
	return todo, done, err
}
