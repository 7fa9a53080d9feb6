package cgroupv2

import (
	"fmt"
	"os"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// hierarchy is what planning and writing need of a cgroup tree: cgfs.Tree, or in
// tests one that fails where the kernel can't be made to.
type hierarchy interface {
	Read(rel, file string) (string, error)
	Now(rel, file string) (string, error) // Read, before an Exchange perhaps
	Write(rel, file, value string) error
	Exchange(rel, file, value string) (readBack string, err error)
	Mkdir(rel string) error
	Rmdir(rel string) error
	Children(rel string) ([]string, error)
	Exists(rel string) (bool, error)
	Delegated(rel string) (bool, error)
}

// at opens the hierarchy for a path.
func at(p string) (*cgfs.Tree, string, error) {
	rel, err := cgfs.Relative(p)
	if err != nil {
		return nil, "", err
	}
	tree, err := cgfs.Open()
	if err != nil {
		return nil, "", fmt.Errorf("cgroupv2: %w; Detect says what this machine has", err)
	}
	return tree, rel, nil
}

// systemdRuns is sd_booted(3).
func systemdRuns() bool {
	_, err := os.Lstat("/run/systemd/system")
	return err == nil
}

// owner is a hierarchy that knows whose its cgroups are.
type owner struct {
	hierarchy
	systemd bool
	// asks asks a user's systemd whether it delegated a unit: it can't mark the
	// cgroup as the system's does. nil: nobody is to be asked.
	asks  func(manager, unit string) bool
	disks disksOf
}

func owned(tree hierarchy) owner {
	return owner{hierarchy: tree, systemd: systemdRuns(), asks: askUserManager, disks: disksOf{deviceNumbers, WeightsActOn}}
}
