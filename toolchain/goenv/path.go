package goenv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/bedplate/bedplate"
)

// GOROOT is never exported: it would fight with versions side by side, and the
// go command finds its own. All that is needed is its bin in PATH.

// LoginPath puts a directory of programs, such as an SDK's bin, first in the
// PATH of login shells, by a file in /etc/profile.d. It is a bedplate.Resource.
//
// bash, dash and ksh read it. zsh does where its distribution made it so (Debian
// did not), fish never: for these there is ShellPath. System services read
// neither: that is ServicePath.
type LoginPath struct {
	// Bin is the directory: "/usr/local/lib/go/current/bin".
	Bin string
	// Name is the file's, without ".sh". "": "bedplate-go".
	Name string
	// Root is the tree that the file lies in. "": this machine.
	Root string
	// Absent removes the file.
	Absent bool
}

// Plan says what Ensure would change.
func (p LoginPath) Plan(context.Context) ([]bedplate.Change, error) {
	t, err := p.target()
	if err != nil {
		return nil, err
	}
	return t.plan()
}

// Ensure writes or removes the file.
func (p LoginPath) Ensure(ctx context.Context) ([]bedplate.Change, error) {
	t, err := p.target()
	if err != nil {
		return nil, err
	}
	return t.ensure(ctx)
}

func (p LoginPath) target() (target, error) {
	name, err := fileName(p.Name)
	text := "# Written by bedplate; to undo it, remove this file.\n" + posix(p.Bin)
	return ownFile(p.Root, "/etc/profile.d/"+name+".sh", text, p.Bin, p.Absent), errors.Join(checkBin(p.Bin, p.Absent), err)
}

// ServicePath puts a directory of programs first in the PATH of all system
// services, by a drop-in of the manager's configuration (DefaultEnvironment=,
// systemd-system.conf(5)). It is a bedplate.Resource. /etc/profile.d does not
// reach them. A unit's own Environment=PATH= wins.
//
// On this machine Ensure lets a running manager read its configuration again;
// services that run already keep their environment until they are restarted.
type ServicePath struct {
	// Bin is the directory.
	Bin string
	// Name is the drop-in's, without ".conf". "": "bedplate-go".
	Name string
	// Root is the tree that the file lies in. "": this machine.
	Root string
	// Absent removes the file.
	Absent bool
}

// defaultPath is what systemd gives to services of a machine whose /bin may
// still be a directory of its own. DefaultEnvironment= can't add to it.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Plan says what Ensure would change.
func (p ServicePath) Plan(context.Context) ([]bedplate.Change, error) {
	t, err := p.target()
	if err != nil {
		return nil, err
	}
	changes, err := t.plan()
	if err != nil || !p.reloads(changes) {
		return changes, err
	}
	return append(changes, reload), nil
}

// Ensure writes or removes the drop-in, and lets the manager know.
func (p ServicePath) Ensure(ctx context.Context) ([]bedplate.Change, error) {
	t, err := p.target()
	if err != nil {
		return nil, err
	}
	wanted, err := t.plan()
	if err != nil {
		return nil, err
	}
	if len(wanted) > 0 && p.reloads(wanted) {
		if err := p.owe(); err != nil {
			return nil, err
		}
	}
	made, err := t.ensure(ctx)
	if err != nil || !p.reloads(made) {
		return made, err
	}
	cmd := exec.CommandContext(ctx, "systemctl", "daemon-reload")
	cmd.WaitDelay = 10 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return made, fmt.Errorf("goenv: systemctl daemon-reload: %w: %s; until it is run, which the next Ensure tries again, new services have the old PATH", err, strings.TrimSpace(string(out)))
	}
	if err := os.Remove(p.owed()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return made, fmt.Errorf("goenv: %w", err)
	}
	return append(made, reload), nil
}

var reload = bedplate.Change{Op: bedplate.OpRun, Kind: "process", Target: "systemctl daemon-reload"}

// reloads says whether a manager runs here that does not know the drop-in as it
// is now.
func (p ServicePath) reloads(changes []bedplate.Change) bool {
	if p.Root != "" {
		return false
	}
	if _, err := os.Stat("/run/systemd/system"); err != nil { // as sd_booted(3)
		return false
	}
	_, err := os.Lstat(p.owed())
	return len(changes) > 0 || err == nil
}

// owed is the file that says that a reload is due. It is made before the drop-in
// changes and goes once the manager has reloaded, whoever is killed in between,
// or with the boot that makes the reload unnecessary. The manager itself could be
// asked only with a process, each time.
func (p ServicePath) owed() string {
	name, _ := fileName(p.Name) // target has checked it
	return "/run/bedplate/reload-due." + name
}

func (p ServicePath) owe() error {
	err := os.MkdirAll("/run/bedplate", 0o755)
	if err == nil {
		err = os.WriteFile(p.owed(), nil, 0o644) //nolint:gosec // there is nothing in it
	}
	if err != nil {
		return fmt.Errorf("goenv: %w", err)
	}
	return nil
}

func (p ServicePath) target() (target, error) {
	name, err := fileName(p.Name)
	text := "# Written by bedplate; to undo it, remove this file.\n[Manager]\nDefaultEnvironment=\"PATH=" +
		strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p.Bin) + ":" + defaultPath + "\"\n"
	if strings.Contains(p.Bin, "%") && !p.Absent {
		// 252 expands specifiers in DefaultEnvironment=, 247 does not and keeps "%%".
		err = errors.Join(err, fmt.Errorf("goenv: Bin=%q: a %% means one thing to systemd 247 and another to 252; rename the directory", p.Bin))
	}
	return ownFile(p.Root, "/etc/systemd/system.conf.d/"+name+".conf", text, p.Bin, p.Absent), errors.Join(checkBin(p.Bin, p.Absent), err)
}

// ownFile is a file that is ours alone.
func ownFile(root, path, text, bin string, absent bool) target {
	return target{root: root, path: path, mode: 0o644, edit: func(old []byte, exists bool) ([]byte, string, error) {
		if exists && !strings.HasPrefix(string(old), "# Written by bedplate;") {
			return nil, "", &IrregularError{path, "was not written by this package; move it away, or choose another Name"}
		}
		if absent {
			return nil, "", nil
		}
		return []byte(text), "PATH: " + bin + " first", nil
	}}
}

func fileName(name string) (string, error) {
	if name == "" {
		name = "bedplate-go"
	}
	if strings.ContainsAny(name, "/\x00\n") || strings.HasPrefix(name, ".") {
		return name, fmt.Errorf("goenv: Name=%q must be the name of a file", name)
	}
	return name, nil
}

// checkBin refuses what PATH can't hold.
func checkBin(bin string, absent bool) error {
	if absent && bin == "" {
		return nil
	}
	if err := absolute("Bin", bin); err != nil {
		return err
	}
	if strings.ContainsAny(bin, ":\n\r\x00") {
		return fmt.Errorf("goenv: Bin=%q can't stand in PATH: it has a colon or a line break", bin)
	}
	return nil
}

// posix is for any Bourne shell; read twice, it acts once.
func posix(bin string) string {
	q := "'" + strings.ReplaceAll(bin, "'", `'\''`) + "'"
	return "case \":$PATH:\" in\n*:" + q + ":*) ;;\n*) PATH=" + q + "${PATH:+:$PATH}; export PATH ;;\nesac\n"
}
