package checks

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate/verify"
)

// SystemdVersion holds where systemd runs the machine and is at least of this
// version.
func SystemdVersion(least int) verify.Check {
	return verify.Check{Name: "systemd/version", Tags: []string{Quick, "systemd"}, Look: func(ctx context.Context) verify.Finding {
		version, text, err := systemdVersion(ctx)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		f := verify.Finding{Status: verify.Pass, Wanted: strconv.Itoa(least) + " or newer", Observed: text}
		if version < least {
			f.Status = verify.Fail
		}
		return f.Because("the release has an older systemd", "render units for it (unit.Renderer's Target), or upgrade the machine")
	}}
}

// systemdVersion is what the running manager says that it is: 252, and
// "252.39-1~deb12u1".
func systemdVersion(ctx context.Context) (version int, text string, err error) {
	conn, err := manager(ctx)
	if err != nil {
		return 0, "", err
	}
	quoted, err := conn.GetManagerProperty("Version")
	if err != nil {
		return 0, "", fmt.Errorf("systemd does not say its version: %w", err)
	}
	text = strings.Trim(quoted, `"`)
	digits := strings.TrimPrefix(text, "v")
	if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = digits[:end]
	}
	if version, err = strconv.Atoi(digits); err != nil {
		return 0, text, fmt.Errorf("systemd says that it is version %q", text)
	}
	return version, text, nil
}

// SystemRunning holds where systemd has finished starting the machine and no
// unit failed, but for those that are excepted.
func SystemRunning(except ...string) verify.Check {
	return verify.Check{Name: "systemd/running", Tags: []string{Quick, "systemd"}, Look: func(ctx context.Context) verify.Finding {
		conn, err := manager(ctx)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		state, err := conn.SystemStateContext(ctx)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		now, _ := state.Value.Value().(string)
		if now != "running" && now != "degraded" {
			return verify.Equal("running", now).Because("the machine is not, or no longer, in normal operation", "systemctl list-jobs")
		}
		failed, err := conn.ListUnitsFilteredContext(ctx, []string{"failed"})
		if err != nil {
			return verify.CouldNotLook(err)
		}
		var names []string
		for _, u := range failed {
			if !slices.Contains(except, u.Name) {
				names = append(names, u.Name)
			}
		}
		if len(names) == 0 {
			return verify.Passed(now)
		}
		slices.Sort(names)
		return verify.Finding{
			Status: verify.Fail, Wanted: "running", Observed: now, Cause: "failed units: " + strings.Join(names, ", "),
			Remedy: "systemctl status " + names[0] + "; systemctl reset-failed once it is mended",
		}
	}}
}
