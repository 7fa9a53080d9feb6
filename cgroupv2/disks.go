package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Disk is a whole disk, which is what limits on IO are for.
type Disk struct {
	Device
	Name string // "sda", as in /sys/block
	// Chain is the way to it, the outermost first: what was asked for, each layer,
	// the disk.
	Chain []string
}

// String is the way to the disk.
func (d Disk) String() string { return strings.Join(d.Chain, " → ") }

// NoDiskError is something that lies on no disk of this machine: a file system of
// the network or of memory, an overlay.
type NoDiskError struct {
	Path string
	// Problem says what it lies on, and what to ask for instead.
	Problem string
}

func (e *NoDiskError) Error() string { return fmt.Sprintf("cgroupv2: %s: %s", e.Path, e.Problem) }

const absent = "there is no such device or file; write a disk's node (/dev/vdb), its numbers (254:16), or a path that lies on it"

// Is matches fs.ErrNotExist where there is nothing of that name.
func (e *NoDiskError) Is(target error) bool { return target == fs.ErrNotExist && e.Problem == absent }

// PartitionError is a partition where only a whole disk can be meant.
type PartitionError struct {
	Partition string
	// Disk is the node of the disk that it is on.
	Disk string
}

func (e *PartitionError) Error() string {
	return fmt.Sprintf("cgroupv2: %s is a partition, and limits are for whole disks; %s is the disk, with all its partitions", e.Partition, e.Disk)
}

// AmbiguousError is something that lies on several disks, where one is wanted.
type AmbiguousError struct {
	Path  string
	Disks []Disk
}

func (e *AmbiguousError) Error() string {
	ways := []string{}
	for _, d := range e.Disks {
		ways = append(ways, d.String())
	}
	return fmt.Sprintf("cgroupv2: %s lies on %d disks; say limits for each: %s", e.Path, len(e.Disks), strings.Join(ways, "; "))
}

// Disks finds the disks that something lies on: a path in a file system, a node
// such as /dev/mapper/data, or a device's MAJ:MIN. It goes through partitions,
// device-mapper (LVM, LUKS), md, bcache, loop devices and btrfs, and says which
// way. The disks are sorted by number.
func Disks(path string) ([]Disk, error) { return machineBlocks.disks(path) }

// blocks is where the kernel shows block devices. Tests have another.
type blocks struct {
	sys string // "/sys"
	// look gives a path's device numbers: those that it is where it is a node, those
	// of its file system otherwise.
	look func(path string) (d Device, node bool, err error)
	// mount gives the type and source of the file system that a path is in.
	mount func(path string) (kind, source string, err error)
}

// maxDepth of layers: more is a loop in a fixture, or a loop device on itself.
const maxDepth = 16

func (b blocks) disks(path string) ([]Disk, error) {
	list, err := b.find(path, nil, 0)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(x, y Disk) int { return x.compare(y.Device) })
	return slices.CompactFunc(list, func(x, y Disk) bool { return x.Device == y.Device }), nil
}

// disk is Disks where there has to be one.
func (b blocks) disk(path string) (Disk, error) {
	if err := b.whole(path); err != nil {
		return Disk{}, err
	}
	list, err := b.disks(path)
	if err != nil {
		return Disk{}, err
	}
	if len(list) != 1 {
		return Disk{}, &AmbiguousError{path, list}
	}
	return list[0], nil
}

// whole refuses a partition that is named as such. A path on one is all right: its
// disk is meant.
func (b blocks) whole(path string) error {
	d, ok := parseDevice([]byte(path))
	if !ok {
		var node bool
		var err error
		if d, node, err = b.look(path); err != nil {
			return unseen(path, err)
		}
		if !node {
			return nil
		}
	}
	dir, err := b.dir(d)
	if err != nil {
		return nil // find says it better
	}
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		return &PartitionError{path, "/dev/" + devName(filepath.Base(filepath.Dir(dir)))}
	}
	return nil
}

func (b blocks) find(path string, chain []string, depth int) ([]Disk, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("cgroupv2: %s: more than %d layers", path, maxDepth)
	}
	if d, ok := parseDevice([]byte(path)); ok {
		return b.below(d, append(slices.Clone(chain), path), depth)
	}
	d, node, err := b.look(path)
	if err != nil {
		return nil, unseen(path, err)
	}
	chain = append(slices.Clone(chain), path)
	if node {
		return b.below(d, chain, depth)
	}
	kind, source, err := b.mount(path)
	if err != nil {
		return nil, fmt.Errorf("cgroupv2: %s: %w", path, err)
	}
	chain[len(chain)-1] = path + " (" + kind + ")"
	if kind == "btrfs" {
		return b.btrfs(path, source, chain, depth)
	}
	if d.Major != 0 {
		return b.below(d, chain, depth)
	}
	return nil, &NoDiskError{path, noDisk(kind, source)}
}

// unseen is what is not there, or no block device.
func unseen(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &NoDiskError{path, absent}
	}
	return fmt.Errorf("cgroupv2: %w", err)
}

// noDisk says why a file system without a device has no disk.
func noDisk(kind, source string) string {
	base, _, _ := strings.Cut(kind, ".")
	switch base {
	case "overlay":
		return "it is an overlay of directories; ask for its upper directory, where what is written goes"
	case "tmpfs", "ramfs", "devtmpfs", "hugetlbfs":
		return "it is in memory (" + kind + "); limits on memory are for that"
	case "nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "glusterfs", "afs", "fuse":
		return "it is on " + kind + " (" + source + "), which is no disk of this machine; limits on IO don't act there"
	case "zfs":
		return "zfs does its own IO, outside any cgroup; limits on IO don't act there"
	}
	return "its file system, " + kind + ", is on no block device"
}

// btrfs has several devices, which its own directory lists.
func (b blocks) btrfs(path, source string, chain []string, depth int) (all []Disk, err error) {
	d, node, err := b.look(source)
	if err != nil || !node {
		return nil, fmt.Errorf("cgroupv2: %s: btrfs of %s: %w", path, source, errors.Join(err, fs.ErrNotExist))
	}
	own, err := b.dir(d)
	if err != nil {
		return nil, err
	}
	systems, _ := filepath.Glob(filepath.Join(b.sys, "fs/btrfs/*/devices")) // the pattern is valid
	for _, dir := range systems {
		names, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("cgroupv2: %w", err)
		}
		if !slices.ContainsFunc(names, func(e fs.DirEntry) bool { return e.Name() == filepath.Base(own) }) {
			continue
		}
		for _, e := range names {
			at, err := filepath.EvalSymlinks(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, fmt.Errorf("cgroupv2: %w", err)
			}
			some, err := b.at(at, chain, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	}
	return b.below(d, chain, depth) // a kernel that does not list them
}

func (b blocks) dir(d Device) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Join(b.sys, "dev/block", d.String()))
	if err != nil {
		return "", &NoDiskError{d.String(), "the kernel has no such block device"}
	}
	return dir, nil
}

func (b blocks) below(d Device, chain []string, depth int) ([]Disk, error) {
	dir, err := b.dir(d)
	if err != nil {
		return nil, err
	}
	return b.at(dir, chain, depth)
}

// at goes on from a device's directory in /sys.
func (b blocks) at(dir string, chain []string, depth int) (all []Disk, err error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("cgroupv2: %s: more than %d layers", dir, maxDepth)
	}
	name := devName(filepath.Base(dir))
	chain = append(slices.Clone(chain), name)
	if kind := b.kind(dir); kind != "" {
		chain[len(chain)-1] += " (" + kind + ")"
	}
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		return b.at(filepath.Dir(dir), chain, depth+1)
	}
	slaves, err := os.ReadDir(filepath.Join(dir, "slaves"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cgroupv2: %w", err)
	}
	for _, s := range slaves {
		next, err := filepath.EvalSymlinks(filepath.Join(dir, "slaves", s.Name()))
		if err != nil {
			return nil, fmt.Errorf("cgroupv2: %w", err)
		}
		some, err := b.at(next, chain, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(all) > 0 {
		return all, nil
	}
	if file, err := os.ReadFile(filepath.Join(dir, "loop/backing_file")); err == nil {
		backing := strings.TrimSuffix(string(file), "\n")
		if strings.HasSuffix(backing, " (deleted)") {
			return nil, &NoDiskError{"/dev/" + name, "its file is deleted: " + backing}
		}
		return b.find(backing, chain, depth+1)
	}
	text, err := os.ReadFile(filepath.Join(dir, "dev"))
	if err != nil {
		return nil, fmt.Errorf("cgroupv2: %w", err)
	}
	d, ok := parseDevice([]byte(strings.TrimSpace(string(text))))
	if !ok {
		return nil, fmt.Errorf("cgroupv2: %s/dev: %q is no device", dir, text)
	}
	return []Disk{{Device: d, Name: name, Chain: chain}}, nil
}

// kind is what a layer is: "partition", "LVM vg-data", "LUKS data", "md raid1".
func (b blocks) kind(dir string) string {
	read := func(file string) string {
		text, _ := os.ReadFile(filepath.Join(dir, file))
		return strings.TrimSpace(string(text))
	}
	if read("partition") != "" {
		return "partition"
	}
	if name := read("dm/name"); name != "" {
		kind, _, _ := strings.Cut(read("dm/uuid"), "-")
		switch kind {
		case "LVM":
		case "CRYPT":
			kind = "LUKS"
		default:
			kind = "device-mapper"
		}
		return kind + " " + name
	}
	if level := read("md/level"); level != "" {
		return "md " + level
	}
	if read("loop/backing_file") != "" {
		return "loop"
	}
	return ""
}

// devName undoes what /sys does to a "/" in a device's name: cciss!c0d0.
func devName(sys string) string { return strings.ReplaceAll(sys, "!", "/") }

func (d Device) compare(o Device) int {
	if d.Major != o.Major {
		return int(d.Major) - int(o.Major)
	}
	return int(d.Minor) - int(o.Minor)
}
