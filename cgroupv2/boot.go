package cgroupv2

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
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
