package checks

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/bedplate/bedplate/verify"
	"github.com/coreos/go-systemd/v22/dbus"
)

// hierarchy is where every systemd mounts cgroup v2 (or, on a hybrid host,
// does not: then a file is missing and the check is unknown).
const hierarchy = "/sys/fs/cgroup"

// Limit holds where the kernel's own file in the unit's cgroup reads exactly
// wanted: "memory.max" and "268435456", "cpu.max" and "50000 100000", in the
// kernel's words. What systemd believes is not asked.
func Limit(unit, file, wanted string) verify.Check {
	return verify.Check{Name: "limit/" + unit + "/" + file, Look: func(ctx context.Context) verify.Finding {
		return manager(ctx, func(conn *dbus.Conn) verify.Finding {
			group, err := property[string](ctx, conn, unit, interfaceOf(unit), "ControlGroup")
			if err != nil {
				return verify.CouldNotLook(err)
			}
			if group == "" {
				return verify.CouldNotLook(fmt.Errorf("%s has no cgroup now; is it running?", unit))
			}
			text, err := os.ReadFile(path.Join(hierarchy, group, file))
			if err != nil {
				return verify.CouldNotLook(err)
			}
			return verify.Equal(wanted, strings.Join(strings.Split(strings.TrimSpace(string(text)), "\n"), "; ")).
				Because("the kernel has another value in "+group, "restart the unit, and look for foreign drop-ins: systemctl cat "+unit)
		})
	}}
}

// interfaceOf names the D-Bus interface of a unit's own type: "Service" for
// "app.service".
func interfaceOf(unit string) string {
	kind := strings.TrimPrefix(path.Ext(unit), ".")
	if kind == "" {
		return "Unit"
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}
