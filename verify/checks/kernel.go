package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/verify"
)

// KernelCommandLine holds where the running kernel was booted with each of these
// words: "psi=1", "cgroup_no_v1=all".
func KernelCommandLine(words ...string) verify.Check {
	return verify.Check{Name: "kernel/command line/now", Tags: []string{Quick, "kernel"}, Look: func(context.Context) verify.Finding {
		text, err := os.ReadFile("/proc/cmdline")
		if err != nil {
			return verify.CouldNotLook(err)
		}
		return hasWords(words, map[string]string{"the running kernel": string(text)}, "set them for the next boot, and reboot")
	}}
}

// NextKernelCommandLine holds where every entry of the boot loader would boot
// with each of these words: those of GRUB's grub.cfg and of the Boot Loader
// Specification. It does not apply where there is no such boot loader.
func NextKernelCommandLine(root string, words ...string) verify.Check {
	return verify.Check{Name: "kernel/command line/next boot", Tags: []string{Quick, "kernel"}, Look: func(context.Context) verify.Finding {
		entries, err := bootEntries(root)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		if len(entries) == 0 {
			return verify.Finding{Status: verify.NotApplicable, Cause: "there are no entries of GRUB or of systemd-boot"}
		}
		return hasWords(words, entries, "GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub; or /etc/kernel/cmdline")
	}}
}

// hasWords looks for words in command lines, by where they are from.
func hasWords(words []string, lines map[string]string, remedy string) verify.Finding {
	if len(words) == 0 {
		return verify.CouldNotLook(errNothingWanted)
	}
	var causes, seen []string
	for _, from := range slices.Sorted(keys(lines)) {
		have := strings.Fields(lines[from])
		var missing []string
		for _, w := range words {
			if !slices.Contains(have, w) {
				missing = append(missing, w)
			}
		}
		if len(missing) > 0 {
			causes = append(causes, from+" lacks "+strings.Join(missing, " "))
		}
		seen = append(seen, strings.Join(have, " "))
	}
	f := verify.Finding{Status: verify.Pass, Wanted: strings.Join(words, " "), Observed: strings.Join(slices.Compact(seen), " | ")}
	if len(causes) > 0 {
		f.Status = verify.Fail
	}
	return f.Because(strings.Join(causes, "; "), remedy)
}

// grubLinux is a line of grub.cfg that boots Linux: "linux /vmlinuz-6.1 root=... quiet".
var grubLinux = regexp.MustCompile(`(?m)^\s*linux(?:16|efi)?\s+(\S+)\s*(.*)$`)

// bootEntries gives the command lines of the next boot, by entry.
func bootEntries(root string) (map[string]string, error) {
	r, err := rootfs.Open(root)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	entries := map[string]string{}
	for _, cfg := range []string{"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"} {
		text, err := r.ReadFile(cfg)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for i, m := range grubLinux.FindAllStringSubmatch(string(text), -1) {
			entries[fmt.Sprintf("entry %d of %s (%s)", i+1, cfg, path.Base(m[1]))] = m[2]
		}
	}
	for _, dir := range []string{"/boot/loader/entries", "/efi/loader/entries", "/boot/efi/loader/entries"} {
		files, err := r.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if !strings.HasSuffix(f.Name(), ".conf") {
				continue
			}
			text, err := r.ReadFile(path.Join(dir, f.Name()))
			if err != nil {
				return nil, err
			}
			var options []string
			for line := range strings.Lines(string(text)) {
				if key, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && key == "options" {
					options = append(options, value)
				}
			}
			entries[path.Join(dir, f.Name())] = strings.Join(options, " ")
		}
	}
	return entries, nil
}

// PSI holds where the kernel tells how long tasks wait for CPUs, memory and disks.
func PSI() verify.Check {
	return verify.Check{Name: "kernel/psi", Tags: []string{Quick, "kernel"}, Look: func(context.Context) verify.Finding {
		for _, what := range []string{"cpu", "memory", "io"} {
			_, err := os.ReadFile("/proc/pressure/" + what)
			switch {
			case errors.Is(err, fs.ErrPermission):
				return verify.CouldNotLook(err)
			case err != nil: // absent, or "operation not supported"
				return verify.Equal("pressure stall information", "none").Because(err.Error(), "boot with psi=1; the kernel needs CONFIG_PSI")
			}
		}
		return verify.Passed("cpu, memory, io")
	}}
}

// Sysctl holds where a kernel setting, "net.core.somaxconn", reads as wanted.
// Blanks between several values count as one.
func Sysctl(name, wanted string) verify.Check {
	return verify.Check{Name: "kernel/sysctl/" + name, Tags: []string{Quick, "kernel"}, Look: func(context.Context) verify.Finding {
		have, err := sysctl(name)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		return verify.Equal(strings.Join(strings.Fields(wanted), " "), have).Because("", "set it in /etc/sysctl.d, then sysctl --system")
	}}
}

// SysctlAtLeast holds where a kernel setting is a number that is not below least.
func SysctlAtLeast(name string, least int64) verify.Check {
	return verify.Check{Name: "kernel/sysctl/" + name + "/at least", Tags: []string{Quick, "kernel"}, Look: func(context.Context) verify.Finding {
		text, err := sysctl(name)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		have, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return verify.CouldNotLook(fmt.Errorf("%s is no number: %q", name, text))
		}
		f := verify.Finding{Status: verify.Pass, Wanted: fmt.Sprintf("at least %d", least), Observed: text}
		if have < least {
			f.Status = verify.Fail
		}
		return f.Because("", "set it in /etc/sysctl.d, then sysctl --system")
	}}
}

// sysctlName keeps a name inside /proc/sys. As for sysctl(8), dots and slashes
// change places where the first of them is a slash.
var sysctlName = regexp.MustCompile(`^[a-zA-Z0-9_-]+([./][a-zA-Z0-9_@:-]+)+$`)

func sysctl(name string) (string, error) {
	if !sysctlName.MatchString(name) {
		return "", fmt.Errorf("%q is no name of a kernel setting, as net.core.somaxconn is", name)
	}
	file := strings.ReplaceAll(name, ".", "/")
	if slash, dot := strings.IndexByte(name, '/'), strings.IndexByte(name, '.'); slash >= 0 && (dot < 0 || slash < dot) {
		file = name
	}
	text, err := os.ReadFile("/proc/sys/" + file)
	return strings.Join(strings.Fields(string(text)), " "), err
}

// OpenFiles holds where a service's main process may have so many files open: its
// hard limit, which Go raises the soft one to, as the kernel has it.
func OpenFiles(unit string, least uint64) verify.Check {
	c := ofUnit(unit, "open files", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		pid, err := mainProcess(p)
		if err != nil {
			return verify.Finding{}, err
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		if err != nil {
			return verify.Finding{}, err
		}
		_, line, _ := strings.Cut(string(text), "Max open files")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			return verify.Finding{}, fmt.Errorf("/proc/%d/limits has no line for open files", pid)
		}
		hard := uint64(math.MaxUint64)
		if fields[1] != "unlimited" {
			if hard, err = strconv.ParseUint(fields[1], 10, 64); err != nil {
				return verify.Finding{}, err
			}
		}
		f := verify.Finding{Status: verify.Pass, Wanted: fmt.Sprintf("at least %d", least), Observed: fmt.Sprintf("%s soft, %s hard", fields[0], fields[1])}
		if hard < least {
			f.Status = verify.Fail
		}
		cause := "the process has less"
		if n, ok := p["LimitNOFILE"].(uint64); ok && n >= least {
			cause = fmt.Sprintf("the unit says %d, the process has less: it was changed since it started", n)
		}
		return f.Because(cause, "LimitNOFILE= in the unit, at most fs.nr_open, and a restart"), nil
	})
	c.Tags = append(c.Tags, "kernel")
	return c
}

// Backlog holds where a socket unit's Backlog= is what the kernel grants: it cuts
// it to net.core.somaxconn without a word. Nothing said (4096, or the kernel's
// most, by systemd's version) is as much as there is.
func Backlog(socket string) verify.Check {
	c := ofUnit(socket, "backlog", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		wanted, err := get[uint32](p, "Backlog")
		if err != nil {
			return verify.Finding{}, err
		}
		text, err := sysctl("net.core.somaxconn")
		if err != nil {
			return verify.Finding{}, err
		}
		most, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return verify.Finding{}, err
		}
		if wanted >= math.MaxInt32 { // what systemd takes when nothing is said, by version
			return verify.Passed(text), nil
		}
		f := verify.Finding{Status: verify.Pass, Wanted: fmt.Sprintf("a backlog of %d", wanted), Observed: fmt.Sprint(min(uint64(wanted), most))}
		if uint64(wanted) > most {
			f.Status = verify.Fail
		}
		return f.Because("net.core.somaxconn="+text+" cuts it", "raise net.core.somaxconn in /etc/sysctl.d"), nil
	})
	c.Tags = append(c.Tags, "kernel")
	return c
}
