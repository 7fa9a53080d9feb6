package account

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// Audit asks what a service's user can write that root executes or reads as
// configuration: each answer is a way from the service to root.
type Audit struct {
	// Root is the tree that is looked at; "" is this machine.
	Root string
	// User is the service's. Groups that its units add (Group=,
	// SupplementaryGroups=) count as its own.
	User string
	// Paths are more that only root may change, such as the service's own program
	// in /opt. A directory stands for all that is in it.
	Paths []string
}

// Finding is one path that root uses and the user can change.
type Finding struct {
	Path string // what root uses
	Use  string // how: "configuration", "run by root for app.service (ExecStartPre=)"
	Way  Way    // what lets the user change it
}

func (f Finding) String() string { return fmt.Sprintf("%s (%s): the user %s", f.Path, f.Use, f.Way) }

// Run looks, and reports sorted by path. What it looks at: /etc, programs and
// libraries in /usr, /boot, what root's shell and ssh read, systemd's units and those that it
// generated, udev's and tmpfiles' rules in /run, root's crontab, dpkg's scripts,
// where links in these lead, and what units and crontabs have root run and read:
// Exec lines that run as root (those with + or ! among them), EnvironmentFile=,
// LoadCredential=, and the interpreters of such scripts.
//
// It reads /proc for access control lists, and needs to be root to see all; what
// it is not allowed to see is an error that matches fs.ErrPermission.
func (a Audit) Run(ctx context.Context) ([]Finding, error) {
	if !wellFormed(a.User) {
		return nil, &FieldError{"user", a.User, "User", a.User, malformed}
	}
	for _, p := range a.Paths {
		if !path.IsAbs(p) {
			return nil, &FieldError{"user", a.User, "Paths", p, "give absolute paths"}
		}
	}
	p, err := reader(ctx, a.Root)
	if err != nil {
		return nil, err
	}
	defer p.root.Close()
	id, err := p.identity(a.User)
	if err != nil {
		return nil, err
	}
	if id.UID == 0 {
		return nil, &FieldError{"user", a.User, "User", a.User, "has root's id, and can write everything"}
	}
	units, err := readUnits(p.root)
	if err != nil {
		return nil, err
	}
	id.Groups = append(id.Groups, p.unitGroups(units, a.User, id)...)
	w := &auditor{ctx: ctx, root: p.root, trail: newTrail(p.root, id), seen: map[string]bool{}}
	for _, t := range trees {
		w.tree(t.path, t.use)
	}
	for _, p := range a.Paths {
		w.tree(p, "named by the caller")
	}
	for _, u := range uses(p.root, units) {
		w.use(u)
	}
	for len(w.more) > 0 && ctx.Err() == nil {
		next := w.more[0]
		w.more = w.more[1:]
		w.walk(next.path, next.use)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("account: audit: %w", context.Cause(ctx))
	}
	slices.SortFunc(w.found, func(a, b Finding) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(w.found), errors.Join(w.errs...)
}

// use is a path that root uses.
type use struct {
	path, use string
	argument  bool // a command's: it counts if it is a file
}

// trees are all root's.
var trees = []use{
	{path: "/etc", use: "configuration"}, {path: "/boot", use: "kernel or boot loader"},
	{path: "/usr", use: "program or library"}, {path: "/bin", use: "program or library"}, {path: "/sbin", use: "program or library"},
	{path: "/lib", use: "program or library"}, {path: "/lib32", use: "program or library"}, {path: "/lib64", use: "program or library"}, {path: "/libx32", use: "program or library"},
	{path: "/run/systemd/system", use: "unit"}, {path: "/run/systemd/transient", use: "unit"}, {path: "/run/systemd/control", use: "unit"}, {path: "/run/systemd/system.control", use: "unit"},
	{path: "/run/systemd/generator", use: "unit"}, {path: "/run/systemd/generator.early", use: "unit"}, {path: "/run/systemd/generator.late", use: "unit"},
	{path: "/run/systemd/system-generators", use: "run by systemd"}, {path: "/run/systemd/system.conf.d", use: "configuration"},
	{path: "/run/udev/rules.d", use: "configuration"}, {path: "/run/tmpfiles.d", use: "configuration"}, {path: "/run/sysusers.d", use: "configuration"},
	{path: "/run/sysctl.d", use: "configuration"}, {path: "/run/modprobe.d", use: "configuration"}, {path: "/run/modules-load.d", use: "configuration"}, {path: "/run/binfmt.d", use: "configuration"},
	{path: "/var/lib/dpkg", use: "package database and its scripts"}, {path: "/var/lib/polkit-1", use: "configuration"},
	{path: "/root/.ssh", use: "root's own files"}, {path: "/root/.config", use: "root's own files"},
	{path: "/root/bin", use: "root's own files"}, {path: "/root/.local/bin", use: "root's own files"},
	{path: "/root/.profile", use: "root's own files"}, {path: "/root/.bash_profile", use: "root's own files"},
	{path: "/root/.bash_login", use: "root's own files"}, {path: "/root/.bashrc", use: "root's own files"},
	{path: "/root/.zshrc", use: "root's own files"}, {path: "/root/.vimrc", use: "root's own files"},
	{path: "/var/spool/cron/crontabs/root", use: "root's crontab"}, {path: "/var/spool/cron/root", use: "root's crontab"},
}

type auditor struct {
	ctx   context.Context
	root  *rootfs.Root
	trail *trail
	seen  map[string]bool // directories that were walked
	more  []use           // those that links lead to
	found []Finding
	errs  []error
}

func (w *auditor) fail(err error) { w.errs = append(w.errs, fmt.Errorf("account: audit: %w", err)) }

// use looks at one path with the way to it.
func (w *auditor) use(u use) {
	end, err := w.trail.follow("/", u.path)
	if err != nil {
		w.fail(err)
		return
	}
	if !u.argument || end.found && end.info.Mode.IsRegular() {
		w.report(u, end)
	}
}

func (w *auditor) report(u use, end end) {
	if kernels(end.path) {
		return
	}
	for _, way := range end.ways {
		w.found = append(w.found, Finding{u.path, u.use, way})
	}
}

// tree looks at all that is below a path.
func (w *auditor) tree(name, what string) {
	end, err := w.trail.follow("/", name)
	if err != nil {
		w.fail(err)
		return
	}
	w.report(use{path: name, use: what}, end) // one that is missing, too: it may be made
	if end.found && end.info.Mode.IsDir() {
		w.walk(end.path, what)
	}
}

// walk looks at what is in a directory whose path has no links.
func (w *auditor) walk(name, what string) {
	if w.seen[name] || w.ctx.Err() != nil {
		return
	}
	w.seen[name] = true
	here, err := w.trail.directory(name)
	if err != nil {
		w.fail(err)
		return
	}
	if here.by != "" && here.node.Mode&fs.ModeSticky == 0 {
		return // all of it is lost, and that is reported
	}
	dir, err := w.root.OpenDir(name)
	if err != nil {
		w.fail(err)
		return
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		w.fail(err)
		return
	}
	for _, e := range entries {
		if err := w.entry(dir, here, path.Join(name, e.Name()), what); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.fail(err)
		}
	}
}

func (w *auditor) entry(dir *os.File, here *stop, name, what string) error {
	n, err := nodeAt(dir, path.Base(name))
	if err != nil {
		return err
	}
	switch {
	case n.Mode.IsDir():
		s, err := w.trail.directory(name)
		if err != nil {
			return err
		}
		if s.by != "" {
			w.report(use{path: name, use: what}, end{path: name, ways: []Way{{Path: name, By: s.by}}})
		}
		w.walk(name, what)
	case n.Mode&fs.ModeSymlink != 0:
		return w.link(name, what)
	case n.Mode.IsRegular() && here.reached:
		by, ok, err := w.trail.id.grants(n, mayWrite)
		if err != nil {
			return err
		}
		if ok {
			w.report(use{path: name, use: what}, end{path: name, ways: []Way{{Path: name, By: by}}})
		}
	}
	return nil
}

// link looks at where a link leads. A broken one is no fault by itself: what
// can be put in its place is.
func (w *auditor) link(name, what string) error {
	target, err := w.root.Readlink(name)
	if err != nil {
		return err
	}
	e, err := w.trail.follow(path.Dir(name), target)
	switch {
	case errors.Is(err, errLoop), errors.Is(err, errNoDirectory):
		return nil // leads nowhere
	case err != nil:
		return err
	}
	if e.found && !e.info.Mode.IsRegular() && !e.info.Mode.IsDir() {
		return nil // a device, a socket: nothing that one reads as a file
	}
	own := path.Dir(name)
	e.ways = slices.DeleteFunc(e.ways, func(y Way) bool {
		return y.Path == own || strings.HasPrefix(own, strings.TrimSuffix(y.Path, "/")+"/") // said already
	})
	w.report(use{path: name, use: what}, e)
	if e.found && e.info.Mode.IsDir() && !kernels(e.path) && !w.within(e.path) {
		w.more = append(w.more, use{path: e.path, use: what + ", by the link " + name})
	}
	return nil
}

// within says whether a directory is walked anyhow, or holds what is: a link to
// "/" makes nobody's home a configuration.
func (w *auditor) within(dir string) bool {
	return slices.ContainsFunc(trees, func(t use) bool {
		return dir == t.path || strings.HasPrefix(dir, t.path+"/") || strings.HasPrefix(t.path, strings.TrimSuffix(dir, "/")+"/")
	})
}
