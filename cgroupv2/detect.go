package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// Mode is how a machine has its control groups.
type Mode string

// The modes.
const (
	Unified Mode = "unified" // cgroup v2 alone: what this package is for
	Hybrid  Mode = "hybrid"  // v2 beside v1, without the controllers that v1 has
	Legacy  Mode = "legacy"  // v1 alone
	None    Mode = "none"    // no control groups are mounted
)

// Info is what Detect found.
type Info struct {
	Mode Mode
	// Mount is where the unified hierarchy is mounted; "" if it is not.
	Mount string
	// Options of that mount: "nsdelegate", "memory_recursiveprot".
	Options []string
	// Controllers are those that the hierarchy has; Enabled those that the root
	// hands on to its children.
	Controllers, Enabled []string
	// Self is the caller's own cgroup, as ControlGroup= of its unit; "" if it has none.
	Self string
	// Delegated says whether a cgroup at or above Self was delegated by systemd,
	// so that the caller may make cgroups below it.
	Delegated bool
	// Systemd says whether systemd is the one who manages the tree.
	Systemd bool
}

// Detect looks at the machine as it is. It changes nothing, and above all it
// mounts nothing: a hybrid machine becomes unified by its kernel command line.
func Detect() (Info, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if errors.Is(err, fs.ErrNotExist) {
		return Info{Mode: None}, nil
	}
	if err != nil {
		return Info{}, fmt.Errorf("cgroupv2: %w", err)
	}
	info := parseMounts(string(mounts))
	info.Systemd = managed()
	if own, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		info.Self = ownGroup(string(own))
	} else {
		return info, fmt.Errorf("cgroupv2: %w", err)
	}
	if info.Mode != Unified || info.Mount != cgfs.Mount {
		return info, nil
	}
	tree, err := cgfs.Open()
	if err != nil {
		return info, fmt.Errorf("cgroupv2: %w", err)
	}
	defer tree.Close()
	r := reader{tree: tree}
	available, _ := r.text("cgroup.controllers")
	enabled, _ := r.text("cgroup.subtree_control")
	info.Controllers, info.Enabled = strings.Fields(available), strings.Fields(enabled)
	if r.err == nil && info.Self != "" {
		r.err = info.delegation(tree)
	}
	return info, r.err
}

func (i *Info) delegation(tree *cgfs.Tree) error {
	rel, err := cgfs.Relative(i.Self)
	if err != nil {
		return nil //nolint:nilerr // a cgroup outside our namespace ("/../..") is nothing that was delegated to us
	}
	for at := rel; at != "" && at != "."; at = parentOf(at) {
		delegated, err := tree.Delegated(at)
		if err != nil {
			return fmt.Errorf("cgroupv2: %w", err)
		}
		if delegated {
			i.Delegated = true
			return nil
		}
	}
	return nil
}

func parentOf(rel string) string {
	i := strings.LastIndexByte(rel, '/')
	return rel[:max(i, 0)]
}

// parseMounts reads /proc/self/mountinfo (proc_pid_mountinfo(5)): after " - "
// come the type, the source, and the file system's own options.
func parseMounts(text string) Info {
	info := Info{Mode: None}
	v1 := false
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(strings.TrimSpace(line), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 {
			continue
		}
		switch right[0] {
		case "cgroup2":
			// The last one mounted at the usual place is the one that is seen there.
			if info.Mount == "" || left[4] == cgfs.Mount {
				info.Mount = left[4]
				info.Options = slices.DeleteFunc(strings.Split(right[2], ","), func(o string) bool { return o == "rw" || o == "ro" })
			}
		case "cgroup":
			// systemd's own named hierarchy has no controllers.
			v1 = v1 || !strings.Contains(right[2], "name=")
		}
	}
	switch {
	case info.Mount != "" && v1:
		info.Mode = Hybrid
	case info.Mount != "":
		info.Mode = Unified
	case v1:
		info.Mode = Legacy
	}
	return info
}

// ownGroup is the line "0::/path" of /proc/self/cgroup.
func ownGroup(text string) string {
	for line := range strings.Lines(text) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return p
		}
	}
	return ""
}
