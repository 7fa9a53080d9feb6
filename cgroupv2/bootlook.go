package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
)

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
