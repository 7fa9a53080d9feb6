package cgroupv2

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// Boot is what the kernel's command line is to have, in every boot entry and for
// the kernels to come. It is a bedplate.Resource. It edits, where they are there:
//
//   - GRUB's /etc/default/grub and /etc/default/grub.d/*.cfg, and runs update-grub or
//     grub2-mkconfig on this machine when the entries lack what is wanted;
//   - entries of the Boot Loader Specification (Fedora's and systemd-boot's) in
//     loader/entries of /boot, /efi and /boot/efi;
//   - /etc/kernel/cmdline, for kernel-install; /boot/firmware/cmdline.txt.
//
// Foreign arguments, comments and quoting stay byte for byte. All files are read
// and understood before the first is written. What it says holds from the next
// boot: State tells that from what runs.
type Boot struct {
	// Root is another machine's tree; "": this one. Commands are run on this one only.
	Root string
	// Args are the arguments, "psi=1"; nil: UnifiedArgs. An argument of the same
	// name with another value is replaced, but for those that may be repeated
	// (console=).
	Args []string
	// Absent takes them away: the undo of what was added. A value that was replaced
	// does not come back.
	Absent bool
}

// UnifiedArgs make a machine's hierarchy unified, and let it measure pressure.
func UnifiedArgs() []string {
	return []string{"systemd.unified_cgroup_hierarchy=1", "cgroup_no_v1=all", "psi=1"}
}

// ErrNoBoot is matched where no boot configuration was found that is known: a
// container, another boot loader, a unified kernel image.
var ErrNoBoot = errors.New("no boot configuration that is known")

// BootError is a boot configuration that can't be understood. Nothing was written.
type BootError struct {
	File    string
	Line    int
	Problem string
}

func (e *BootError) Error() string {
	return fmt.Sprintf("cgroupv2: %s:%d: %s", e.File, e.Line, e.Problem)
}

// BootState is what the wanted arguments have come to.
type BootState struct {
	// Running lists those that the running kernel lacks (has, with Absent): not with
	// a Root.
	Running []string
	// Next are the entries of the next boots, sorted by file.
	Next []BootEntry
}

// BootEntry is one boot entry, or what entries of kernels to come are made from.
type BootEntry struct {
	File  string
	Lacks []string // or has, with Absent
}

// Pending says whether the next boot makes it so, and the running kernel is not.
func (s BootState) Pending() bool {
	return len(s.Running) > 0 && !slices.ContainsFunc(s.Next, func(e BootEntry) bool { return len(e.Lacks) > 0 })
}

const (
	grubFile   = "/etc/default/grub"
	grubFolder = "/etc/default/grub.d"
)

var (
	entryFolders = []string{"/boot/loader/entries", "/efi/loader/entries", "/boot/efi/loader/entries"}
	lineFiles    = []string{"/etc/kernel/cmdline", "/boot/firmware/cmdline.txt"}
	grubConfigs  = []string{"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"}
)

func (b Boot) wish() (wish, error) {
	w := wish{args: b.Args, absent: b.Absent}
	if w.args == nil {
		w.args = UnifiedArgs()
	}
	var errs []error
	seen := map[string]bool{}
	for _, arg := range w.args {
		key := word{value: arg}.key()
		if !argument.MatchString(arg) || arg == "--" {
			errs = append(errs, fieldError("Boot.Args", arg, "it is a kernel argument such as psi=1, without quotes or spaces"))
		}
		if seen[key] && !slices.Contains(repeated, key) || slices.Contains(w.args[:slices.Index(w.args, arg)], arg) {
			errs = append(errs, fieldError("Boot.Args", arg, "it is there twice"))
		}
		seen[key] = true
	}
	return w, errors.Join(errs...)
}

// bootFile is one file and what it is to become.
type bootFile struct {
	name     string
	old, new string
}

// bootPlan is all of it.
type bootPlan struct {
	files []bootFile
	// command regenerates GRUB's entries; nil: there is nothing to run.
	command []string
	next    []BootEntry
}

func (b Boot) look() (p bootPlan, w wish, err error) {
	if w, err = b.wish(); err != nil {
		return p, w, err
	}
	root, err := rootfs.Open(b.Root)
	if err != nil {
		return p, w, fmt.Errorf("cgroupv2: %w", err)
	}
	defer root.Close()
	grub, errGrub := p.grub(root, w)
	errs := []error{errGrub, p.entries(root, w), p.lines(root, w)}
	if err := errors.Join(errs...); err != nil {
		return p, w, err
	}
	if len(p.next) == 0 && !grub {
		return p, w, fmt.Errorf("cgroupv2: %s: %w", root.Host("/"), errors.Join(ErrNoBoot, b.images(root)))
	}
	slices.SortFunc(p.next, func(x, y BootEntry) int { return strings.Compare(x.File, y.File) })
	return p, w, nil
}

// images finds the reason why there may be nothing to edit.
func (b Boot) images(root *rootfs.Root) error {
	for _, dir := range []string{"/boot/efi/EFI/Linux", "/efi/EFI/Linux", "/boot/EFI/Linux"} {
		if list, err := root.ReadDir(dir); err == nil && len(list) > 0 {
			return fmt.Errorf("%s has unified kernel images, whose command line is inside: write /etc/kernel/cmdline and build them again", root.Host(dir))
		}
	}
	return nil
}

func read(root *rootfs.Root, name string) (text string, there bool, err error) {
	data, err := root.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("cgroupv2: %w", err)
	}
	return string(data), true, nil
}

// folder lists the files of a folder with one ending, sorted; none if it is not there.
func folder(root *rootfs.Root, dir, ending string) (names []string, err error) {
	list, err := root.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cgroupv2: %w", err)
	}
	for _, e := range list {
		if strings.HasSuffix(e.Name(), ending) && !atomicfile.IsTemporary(e.Name()) {
			names = append(names, path.Join(dir, e.Name()))
		}
	}
	slices.Sort(names)
	return names, nil
}

func (p *bootPlan) grub(root *rootfs.Root, w wish) (there bool, err error) {
	text, there, err := read(root, grubFile)
	if err != nil || !there {
		return false, err
	}
	dropIns, err := folder(root, grubFolder, ".cfg")
	if err != nil {
		return true, err
	}
	changed, set := false, false
	for i, name := range append([]string{grubFile}, dropIns...) {
		if i > 0 {
			if text, _, err = read(root, name); err != nil {
				return true, err
			}
		}
		edited, found, err := editGrub(root.Host(name), text, w)
		if err != nil {
			return true, err
		}
		set = set || found
		p.files = append(p.files, bootFile{name: name, old: text, new: edited})
	}
	if !set {
		p.files[0].new = appendGrub(p.files[0].new, w)
	}
	for _, f := range p.files {
		changed = changed || f.old != f.new
	}
	p.next = append(p.next, BootEntry{File: grubFile})
	if changed {
		p.next[len(p.next)-1].Lacks = w.args
	}
	return true, p.generated(root, w, changed)
}

// generated looks at what GRUB's settings were made into.
func (p *bootPlan) generated(root *rootfs.Root, w wish, changed bool) error {
	for _, name := range grubConfigs {
		text, there, err := read(root, name)
		if err != nil || !there {
			if err != nil {
				return err
			}
			continue
		}
		lines := linuxLines(text)
		var lacks []string
		for _, line := range lines {
			for _, arg := range w.lacks(line, nil) {
				if !slices.Contains(lacks, arg) {
					lacks = append(lacks, arg)
				}
			}
		}
		if len(lines) > 0 {
			p.next = append(p.next, BootEntry{File: name, Lacks: lacks})
		}
		if (len(lacks) > 0 || changed && len(lines) > 0) && root.Machine() {
			p.command = []string{"grub-mkconfig", "-o", name}
			if strings.Contains(name, "grub2") {
				p.command[0] = "grub2-mkconfig"
			} else if _, err := exec.LookPath("update-grub"); err == nil {
				p.command = []string{"update-grub"}
			}
		}
	}
	return nil
}

func (p *bootPlan) entries(root *rootfs.Root, w wish) error {
	var errs []error
	for _, dir := range entryFolders {
		names, err := folder(root, dir, ".conf")
		if err != nil {
			return err
		}
		for _, name := range names {
			text, _, err := read(root, name)
			if err != nil {
				return err
			}
			options, kernel := entryOptions(text)
			if !kernel {
				continue
			}
			edited, err := editEntry(root.Host(name), text, w)
			errs = append(errs, err)
			p.files = append(p.files, bootFile{name: name, old: text, new: edited})
			p.next = append(p.next, BootEntry{File: name, Lacks: w.lacks(options, nil)})
		}
	}
	return errors.Join(errs...)
}

func (p *bootPlan) lines(root *rootfs.Root, w wish) error {
	for _, name := range lineFiles {
		text, there, err := read(root, name)
		if err != nil || !there {
			if err != nil {
				return err
			}
			continue
		}
		if strings.Count(text, `"`)%2 != 0 {
			return &BootError{File: root.Host(name), Line: 1, Problem: "a quote is not closed"}
		}
		p.files = append(p.files, bootFile{name: name, old: text, new: w.edit(text, nil)})
		p.next = append(p.next, BootEntry{File: name, Lacks: w.lacks(text, nil)})
	}
	return nil
}

func (p bootPlan) changes(w wish) (list []bedplate.Change) {
	sign := "+"
	if w.absent {
		sign = "-"
	}
	detail := "kernel command line: " + sign + strings.Join(w.args, " "+sign)
	for _, f := range p.files {
		if f.old != f.new {
			list = append(list, bedplate.Change{Op: bedplate.OpUpdate, Kind: "file", Target: f.name, Detail: detail})
		}
	}
	if p.command != nil {
		list = append(list, bedplate.Change{Op: bedplate.OpRun, Kind: "process", Target: strings.Join(p.command, " "), Detail: "makes the boot entries anew"})
	}
	return list
}

// Plan says which files would be edited, and whether entries are made anew.
func (b Boot) Plan(context.Context) ([]bedplate.Change, error) {
	p, w, err := b.look()
	if err != nil {
		return nil, err
	}
	return p.changes(w), nil
}

// Ensure edits what differs, and makes GRUB's entries anew where they lack what is
// wanted. It is an error if they still do after that.
func (b Boot) Ensure(ctx context.Context) (done []bedplate.Change, err error) {
	p, w, err := b.look()
	if err != nil {
		return nil, err
	}
	root, err := rootfs.Open(b.Root)
	if err != nil {
		return nil, fmt.Errorf("cgroupv2: %w", err)
	}
	defer root.Close()
	todo := p.changes(w)
	for _, f := range p.files {
		if f.old == f.new {
			continue
		}
		info, err := root.Stat(f.name)
		if err == nil {
			_, err = root.WriteFile(f.name, []byte(f.new), atomicfile.Options{Mode: info.Mode.Perm(), Owner: atomicfile.Own(info.UID, info.GID)})
		}
		if err != nil {
			return done, fmt.Errorf("cgroupv2: %w", err)
		}
		done = append(done, todo[len(done)])
	}
	if p.command == nil {
		return done, nil
	}
	cmd := exec.CommandContext(ctx, p.command[0], p.command[1:]...)
	cmd.WaitDelay = 10 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return done, fmt.Errorf("cgroupv2: %s: %w: %s", strings.Join(p.command, " "), err, lastLine(string(out)))
	}
	done = append(done, todo[len(done)])
	after, _, err := b.look()
	if err == nil && after.command != nil {
		err = fmt.Errorf("cgroupv2: %s ran, and its entries still don't have what %s says", strings.Join(p.command, " "), grubFile)
	}
	return done, err
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// State tells what the running kernel was given from what the next boot gives.
func (b Boot) State() (BootState, error) {
	p, w, err := b.look()
	if err != nil {
		return BootState{}, err
	}
	s := BootState{Next: p.next}
	if b.Root != "" {
		return s, nil
	}
	root, err := rootfs.Open("")
	if err != nil {
		return s, fmt.Errorf("cgroupv2: %w", err)
	}
	defer root.Close()
	text, _, err := read(root, "/proc/cmdline")
	s.Running = w.lacks(text, nil)
	return s, err
}
