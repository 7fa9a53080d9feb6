package checks

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/unit"
	"github.com/bedplate/bedplate/verify"
)

// UnitActive holds for a unit that is active, whose last run did not end in an
// error, and that systemd did not have to start again by itself.
func UnitActive(unit string) verify.Check {
	return ofUnit(unit, "active", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		state := p.text("ActiveState") + " (" + p.text("SubState") + ")"
		look := "journalctl -u " + unit
		if p.text("ActiveState") != "active" {
			cause := reason(p)
			if err := absent(p); err != nil {
				cause = err.Error()
			}
			return verify.Finding{Status: verify.Fail, Wanted: "active", Observed: state, Cause: cause, Remedy: look}, nil
		}
		if !strings.HasSuffix(unit, ".service") {
			return verify.Passed(state), nil
		}
		restarts, err := get[uint32](p, "NRestarts")
		if err != nil {
			return verify.Finding{}, err
		}
		if restarts > 0 {
			return verify.Finding{
				Status: verify.Fail, Wanted: "active, never restarted by systemd", Observed: fmt.Sprintf("%s, %d restarts", state, restarts),
				Cause: reason(p), Remedy: look + "; then systemctl restart " + unit + ", which counts from zero",
			}, nil
		}
		return verify.Passed(state), nil
	})
}

// reason is why a service ended, in systemd's words.
func reason(p properties) string {
	result := p.text("Result")
	if result == "" || result == "success" {
		return ""
	}
	cause := "the last run ended with " + result
	if status, ok := p["ExecMainStatus"].(int32); ok && status != 0 {
		// ExecMainCode is waitid(2)'s si_code: 1 is CLD_EXITED, others are signals.
		if code, _ := p["ExecMainCode"].(int32); code == 1 {
			cause += fmt.Sprintf(", exit status %d", status)
		} else {
			cause += fmt.Sprintf(", signal %d", status)
		}
	}
	return cause
}

// UnitLoaded holds for a unit whose file systemd has read as it is now: loaded,
// not masked, and in no need of a daemon-reload. Drop-ins are looked for besides:
// systemd 247 does not see that it has not read those in a new directory.
func UnitLoaded(name string) verify.Check {
	return ofUnit(name, "loaded", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		load := p.text("LoadState")
		stale, err := get[bool](p, "NeedDaemonReload")
		switch {
		case err != nil:
			return verify.Finding{}, err
		case load == "masked":
			return verify.Equal("loaded", load).Because("a link to /dev/null hides it: "+p.text("FragmentPath"), "systemctl unmask "+name), nil
		case load != "loaded":
			return verify.Equal("loaded", load).Because(strings.TrimSpace("systemd could not load it: "+loadError(p)), "systemctl status "+name), nil
		}
		cause := "what systemd works with is not what is on disk"
		if unread, err := unreadDropIn("/", name, p); err != nil {
			return verify.Finding{}, err
		} else if unread != "" {
			stale, cause = true, "systemd has not read "+unread
		}
		if stale {
			return verify.Equal("loaded", "loaded, changed on disk since").Because(cause, "systemctl daemon-reload"), nil
		}
		return verify.Equal("loaded", load), nil
	})
}

// unreadDropIn is a drop-in of a unit on disk whose name systemd does not know. An
// empty one hides others, and is left to systemd.
func unreadDropIn(root, name string, p properties) (string, error) {
	read, err := get[[]string](p, "DropInPaths")
	if err != nil {
		return "", err
	}
	for _, dir := range unit.SearchPath {
		for _, of := range unit.DropInDirs(name) {
			files, err := filepath.Glob(filepath.Join(root, dir, of, "*.conf"))
			if err != nil {
				return "", err
			}
			for _, file := range files {
				known := slices.ContainsFunc(read, func(r string) bool { return filepath.Base(r) == filepath.Base(file) })
				if info, err := os.Stat(file); !known && err == nil && info.Mode().IsRegular() && info.Size() > 0 {
					return file, nil
				}
			}
		}
	}
	return "", nil
}

// UnitEnabled holds for a unit whose [Install] section is in force, for this boot
// and the next.
func UnitEnabled(unit string) verify.Check {
	return ofUnit(unit, "enabled", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		state := p.text("UnitFileState")
		cause := map[string]string{
			"enabled-runtime": "it is enabled until the next boot only", "static": "it has no [Install] section; another unit starts it",
			"masked": "a link to /dev/null hides it", "masked-runtime": "a link to /dev/null in /run hides it",
			"disabled": "nothing starts it at boot", "": "there is no file of it",
		}[state]
		return verify.Equal("enabled", state).Because(cause, "systemctl enable "+unit), nil
	})
}

// UnitFrom holds for a unit that systemd read from this file and these drop-ins,
// and no others: what somebody put beside them, or before them in the search
// path, is what runs.
func UnitFrom(unit, fragment string, dropIns ...string) verify.Check {
	return ofUnit(unit, "from", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		if err := absent(p); err != nil {
			return verify.Equal(fragment, "nothing").Because(err.Error(), "systemctl status "+unit), nil
		}
		have, err := get[[]string](p, "DropInPaths")
		if err != nil {
			return verify.Finding{}, err
		}
		have, want := slices.Sorted(slices.Values(have)), slices.Sorted(slices.Values(dropIns))
		f := verify.Equal(strings.Join(append([]string{fragment}, want...), " "), strings.Join(append([]string{p.text("FragmentPath")}, have...), " "))
		var causes []string
		if got := p.text("FragmentPath"); got != fragment {
			causes = append(causes, "the unit's file is "+got)
		}
		for _, d := range have {
			if !slices.Contains(want, d) {
				causes = append(causes, "foreign drop-in "+d)
			}
		}
		for _, d := range want {
			if !slices.Contains(have, d) {
				causes = append(causes, "drop-in "+d+" is not in force")
			}
		}
		return f.Because(strings.Join(causes, "; "), "systemctl cat "+unit+"; systemctl revert "+unit+" removes what is in /etc and /run"), nil
	})
}

// UnitRestarts holds for a service that systemd started again by itself at most
// so many times since it was last started by hand.
func UnitRestarts(unit string, most uint32) verify.Check {
	return ofUnit(unit, "restarts", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		n, err := get[uint32](p, "NRestarts")
		if err != nil {
			return verify.Finding{}, err
		}
		f := verify.Finding{Status: verify.Pass, Wanted: fmt.Sprintf("at most %d restarts", most), Observed: fmt.Sprintf("%d restarts", n)}
		if n > most {
			f.Status = verify.Fail
		}
		return f.Because(reason(p), "journalctl -u "+unit), nil
	})
}

// UnitResult holds for a service whose last run ended well, or has not ended.
// It is for units that come and go, such as those that a timer starts.
func UnitResult(unit string) verify.Check {
	return ofUnit(unit, "result", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		if err := absent(p); err != nil {
			return verify.Equal("success", "nothing ran").Because(err.Error(), "systemctl status "+unit), nil
		}
		result, err := get[string](p, "Result")
		if err != nil {
			return verify.Finding{}, err
		}
		return verify.Equal("success", result).Because(reason(p), "journalctl -u "+unit), nil
	})
}

// UnitReady holds for a service that said itself that it is ready: it is active
// and of a type that waits for that (notify, notify-reload, dbus), or has
// ended as a oneshot does. Of a Type=simple service nobody knows.
func UnitReady(unit string) verify.Check {
	return ofUnit(unit, "ready", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		kind, err := get[string](p, "Type")
		if err != nil {
			return verify.Finding{}, err
		}
		state := p.text("ActiveState") + " (" + p.text("SubState") + ")"
		if p.text("ActiveState") != "active" {
			cause := reason(p)
			if p.text("ActiveState") == "activating" {
				cause = "it was started and has not said READY=1 yet"
			}
			return verify.Finding{Status: verify.Fail, Wanted: "ready", Observed: state, Cause: cause, Remedy: "journalctl -u " + unit}, nil
		}
		switch kind {
		case "notify", "notify-reload", "dbus", "oneshot", "forking":
			return verify.Passed(strings.TrimSpace("Type=" + kind + ", " + state + " " + p.text("StatusText"))), nil
		}
		return verify.Finding{
			Status: verify.Fail, Wanted: "readiness that the service reports", Observed: "Type=" + kind,
			Cause: "systemd takes it for ready as soon as it was started", Remedy: "send READY=1 (sd_notify(3)) and set Type=notify",
		}, nil
	})
}

// UnitProperty holds where systemd's property of a unit prints as systemctl show
// prints it: "yes", "268435456", "infinity", "/bin/app".
func UnitProperty(unit, property, wanted string) verify.Check {
	return ofUnit(unit, "property/"+property, Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		value, ok := p[property]
		if !ok {
			return verify.Finding{}, fmt.Errorf("this systemd has no property %s for %s", property, unit)
		}
		return verify.Equal(wanted, show(value)).Because("systemd works with another value than wanted", "systemctl cat "+unit), nil
	})
}

// show prints a property's value as systemctl show does, as far as values are
// words, numbers and lists of them.
func show(value any) string {
	switch v := value.(type) {
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case uint64:
		if v == ^uint64(0) {
			return "infinity"
		}
	case []string:
		return strings.Join(v, " ")
	}
	return fmt.Sprint(value)
}
