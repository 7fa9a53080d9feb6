package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
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
	// Delegated says whether the caller may make cgroups below Self: a cgroup at
	// or above it, DelegatedPath, was delegated by systemd, or no systemd runs, and
	// its files are the caller's to write.
	// Handed are the controllers that there are below it.
	Delegated     bool
	DelegatedPath string
	Handed        []string
	// Inner says that the mount is not the machine's whole hierarchy but a part,
	// as in a container: what binds further up can't be seen.
	Inner bool
	// Features are those of the kernel that could be looked for: see Has.
	Features map[Feature]bool
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
	info.Systemd = systemdRuns()
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
	o := owned(tree)
	if info.Controllers, err = o.words("", "cgroup.controllers"); err != nil {
		return info, err
	}
	if info.Enabled, err = o.words("", "cgroup.subtree_control"); err != nil {
		return info, err
	}
	_, err = tree.Mode("", "cgroup.type") // which the true root does not have
	info.Inner = err == nil
	rel, err := cgfs.Relative(info.Self)
	if info.Features = probe(tree, rel); err != nil {
		// A cgroup outside our namespace ("/../..") is nothing that was delegated to us.
		return info, nil
	}
	// What may be made below us says whether we were given it.
	root, err := o.ours(path.Join(rel, "x"), func(string) string { return "" })
	var managed *ManagedError
	switch {
	case errors.As(err, &managed):
		return info, nil
	case err != nil:
		return info, err
	}
	if !tree.Writable(root, "cgroup.procs") {
		return info, nil
	}
	info.Delegated, info.DelegatedPath = true, cgfs.Host(root)
	info.Handed, err = o.words(root, "cgroup.controllers")
	return info, err
}

// mounted is a line of /proc/self/mountinfo.
type mounted struct{ point, kind, source, options string }

// parseMountinfo reads /proc/self/mountinfo (proc_pid_mountinfo(5)): after " - "
// come the type, the source, and the file system's own options. Lines of another
// form are left out.
func parseMountinfo(text string) (list []mounted) {
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(strings.TrimSpace(line), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if ok && len(left) >= 5 && len(right) >= 3 {
			list = append(list, mounted{octal.Replace(left[4]), right[0], octal.Replace(right[1]), right[2]})
		}
	}
	return list
}

// octal undoes the kernel's escapes.
var octal = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\043`, "#")

func parseMounts(text string) Info {
	info := Info{Mode: None}
	v1 := false
	for _, m := range parseMountinfo(text) {
		switch m.kind {
		case "cgroup2":
			// The last one mounted at the usual place is the one that is seen there.
			if info.Mount == "" || m.point == cgfs.Mount {
				info.Mount = m.point
				info.Options = slices.DeleteFunc(strings.Split(m.options, ","), func(o string) bool { return o == "rw" || o == "ro" })
			}
		case "cgroup":
			// systemd's own named hierarchy has no controllers.
			v1 = v1 || !strings.Contains(m.options, "name=")
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
