package checks

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/bedplate/bedplate/verify"
)

// hierarchy is where every systemd mounts cgroup v2 (or, on a hybrid host,
// does not: then a file is missing and the check is unknown).
const hierarchy = "/sys/fs/cgroup"

// Limit holds where the kernel's own file in the unit's cgroup reads exactly
// wanted: "memory.max" and "268435456", "cpu.max" and "50000 100000", in the
// kernel's words. What systemd believes is not asked.
func Limit(unit, file, wanted string) verify.Check {
	c := ofUnit(unit, "", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		if file == "" || strings.Contains(file, "/") {
			return verify.Finding{}, fmt.Errorf("%q is no name of a cgroup's file, such as memory.max", file)
		}
		group, err := controlGroup(p)
		if err != nil {
			return verify.Finding{}, err
		}
		text, err := kernelFile(group, file)
		if err != nil {
			return verify.Finding{}, err
		}
		return verify.Equal(wanted, text).Because("the kernel has another value in "+group, "restart the unit, and look for foreign drop-ins: systemctl cat "+unit), nil
	})
	c.Name = "limit/" + unit + "/" + file
	c.Tags = append(c.Tags, "cgroup")
	return c
}

// controlGroup is a running unit's cgroup, "/system.slice/app.service".
func controlGroup(p properties) (string, error) {
	group, err := get[string](p, "ControlGroup")
	if err != nil {
		return "", err
	}
	if group == "" {
		return "", fmt.Errorf("%s has no cgroup now; is it running?", p.text("Id"))
	}
	return group, nil
}

// kernelFile is a file of a cgroup on one line.
func kernelFile(group, file string) (string, error) {
	text, err := os.ReadFile(path.Join(hierarchy, group, file))
	if err != nil {
		return "", err
	}
	return strings.Join(strings.Split(strings.TrimSpace(string(text)), "\n"), "; "), nil
}
