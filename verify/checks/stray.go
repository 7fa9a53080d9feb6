package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/bedplate/bedplate/verify"
)

// stray are variables that lead a go command to another SDK, or give every build
// flags that nobody sees.
var stray = regexp.MustCompile(`(?m)^[ \t]*(?:export[ \t]+|setenv[ \t]+|declare[ \t]+-x[ \t]+)?(GOROOT|GOTOOLCHAIN|GOFLAGS)[ \t]*[= \t][ \t]*["']?([^"'\n;]*)`)

// straySystemd are the same in a manager's or a unit's environment.
var straySystemd = regexp.MustCompile(`(?m)^[ \t]*(?:Default)?Environment=.*?\b(GOROOT|GOTOOLCHAIN|GOFLAGS)=([^"' \n]*)`)

// GoStray holds where no file that gives everybody an environment sets GOROOT,
// GOTOOLCHAIN (but for local) or GOFLAGS: /etc/environment, /etc/profile,
// /etc/profile.d, shells' files in /etc, root's own, systemd's environment.d and
// the manager's settings, and the go env file of goroot. Exporting GOROOT fights
// side-by-side versions; the others change what is built without a trace.
func GoStray(root, goroot string) verify.Check {
	return verify.Check{Name: "go/stray", Tags: []string{Quick, "go"}, Look: func(context.Context) verify.Finding {
		r, err := rootfs.Open(root)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer r.Close()
		files := []string{
			"/etc/environment", "/etc/profile", "/etc/bash.bashrc", "/etc/zsh/zshenv", "/etc/zshenv", "/etc/default/go", "/root/.profile", "/root/.bashrc", "/root/.bash_profile",
			"/root/.config/go/env", "/etc/systemd/system.conf", path.Join(goroot, "go.env"),
		}
		for _, dir := range []string{"/etc/profile.d", "/etc/environment.d", "/usr/lib/environment.d", "/etc/systemd/system.conf.d", "/run/systemd/system.conf.d", "/usr/lib/systemd/system.conf.d"} {
			entries, err := r.ReadDir(dir)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return verify.CouldNotLook(err)
			}
			for _, e := range entries {
				files = append(files, path.Join(dir, e.Name()))
			}
		}
		var causes, unseen []string
		for _, file := range files {
			text, err := r.ReadFile(file)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				continue
			case errors.Is(err, fs.ErrPermission):
				unseen = append(unseen, file) // another user's home is not ours to judge
				continue
			case err != nil:
				return verify.CouldNotLook(err)
			}
			re := stray
			if strings.Contains(file, "/systemd/") {
				re = straySystemd
			}
			for _, m := range re.FindAllStringSubmatch(string(text), -1) {
				value := strings.TrimSpace(m[2])
				// An SDK's own go.env says GOTOOLCHAIN=auto.
				if value == "" || m[1] == "GOTOOLCHAIN" && (value == "local" || value == "auto" && file == path.Join(goroot, "go.env")) {
					continue
				}
				causes = append(causes, fmt.Sprintf("%s sets %s=%s", file, m[1], value))
			}
		}
		if len(causes) > 0 {
			return verify.Finding{
				Status: verify.Fail, Wanted: "no stray settings", Observed: fmt.Sprintf("%d", len(causes)),
				Cause: strings.Join(causes, "; "), Remedy: "remove them; the go command finds its own GOROOT, and PATH chooses the version",
			}
		}
		if len(unseen) > 0 {
			return verify.CouldNotLook(fmt.Errorf("only root can read %s", strings.Join(unseen, ", ")))
		}
		return verify.Passed("none")
	}}
}

// GoFirst holds where the first go command in a PATH ("/usr/local/go/bin:/usr/bin")
// is the one of goroot, whatever links lead there. Others behind it are named.
func GoFirst(root, searched, goroot string) verify.Check {
	return verify.Check{Name: "go/path", Tags: []string{Quick, "go"}, Look: func(context.Context) verify.Finding {
		r, err := rootfs.Open(root)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer r.Close()
		want, err := r.Stat(path.Join(goroot, "bin/go"))
		if err != nil {
			return verify.Equal(path.Join(goroot, "bin/go"), "absent").Because(err.Error(), "install the SDK again")
		}
		var foundAt, others []string
		right := false
		for dir := range strings.SplitSeq(searched, ":") {
			if !path.IsAbs(dir) {
				return verify.CouldNotLook(fmt.Errorf("PATH %q has %q, which is no absolute directory: what it is depends on where one stands", searched, dir))
			}
			file := path.Join(dir, "go")
			info, err := r.Stat(file)
			if errors.Is(err, fs.ErrNotExist) || err == nil && (!info.Mode.IsRegular() || info.Mode&0o111 == 0) {
				continue
			}
			if err != nil {
				return verify.CouldNotLook(err)
			}
			if len(foundAt) == 0 {
				right = info.Same(want)
			}
			foundAt = append(foundAt, file)
			if !info.Same(want) {
				others = append(others, file)
			}
		}
		observed := orNothing(strings.Join(foundAt, ", "))
		if right {
			return verify.Passed(observed)
		}
		cause := "no go command is in PATH"
		if len(others) > 0 {
			cause = others[0] + " comes first, and is another Go"
		}
		return verify.Finding{Status: verify.Fail, Wanted: path.Join(goroot, "bin/go") + " first", Observed: observed, Cause: cause, Remedy: "put it first in PATH, or remove the other"}
	}}
}

// GoModules holds where a go command has these settings for where modules come
// from and who vouches for them, as `go env` says. Fields of wanted that are zero
// are not compared, but a checksum database that is off fails unless it is wanted.
func GoModules(goCommand string, wanted goenv.Modules) verify.Check {
	return verify.Check{Name: "go/modules", Tags: []string{Standard, "go"}, Look: func(ctx context.Context) verify.Finding {
		have, err := goenv.FromGo(ctx, goCommand)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		var causes []string
		if len(wanted.Proxy) > 0 && wanted.Proxy.Value() != have.Proxy.Value() {
			causes = append(causes, "GOPROXY is "+have.Proxy.String()+", not "+wanted.Proxy.String())
		}
		switch {
		case wanted.SumDB != (goenv.SumDB{}):
			if wanted.SumDB.Value() != have.SumDB.Value() {
				causes = append(causes, "GOSUMDB is "+have.SumDB.String()+", not "+wanted.SumDB.String())
			}
		case have.SumDB.Off:
			causes = append(causes, "GOSUMDB is off: nobody vouches for new modules")
		}
		for _, l := range []struct {
			name       string
			want, have []string
		}{{"GOPRIVATE", wanted.Private, have.Private}, {"GONOPROXY", wanted.NoProxy, have.NoProxy}, {"GONOSUMDB", wanted.NoSumDB, have.NoSumDB}, {"GOINSECURE", wanted.Insecure, have.Insecure}} {
			if len(l.want) > 0 && !slices.Equal(l.want, l.have) {
				causes = append(causes, fmt.Sprintf("%s is %s, not %s", l.name, orNothing(strings.Join(l.have, ",")), strings.Join(l.want, ",")))
			}
		}
		if err := have.Validate(); err != nil {
			causes = append(causes, err.Error())
		}
		f := verify.Finding{Status: verify.Pass, Observed: "GOPROXY=" + have.Proxy.String() + " GOSUMDB=" + have.SumDB.String()}
		if len(causes) > 0 {
			f.Status, f.Wanted = verify.Fail, "the policy"
		}
		return f.Because(strings.Join(causes, "; "), "go env -w, or the SDK's go.env, as toolchain/goenv does")
	}}
}
