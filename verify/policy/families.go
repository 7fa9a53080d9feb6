package policy

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
)

var goKinds = map[string]kind{
	"go-version": plain(func(root string, p struct {
		GOROOT  string `policy:"goroot,required"`
		Version string `policy:"version,required"`
	}) verify.Check {
		return checks.GoVersion(root, p.GOROOT, p.Version)
	}),
	"go-release": plain(func(root string, p struct {
		GOROOT     string `policy:"goroot,required"`
		Constraint string `policy:"constraint,required"`
	}) verify.Check {
		return checks.GoRelease(root, p.GOROOT, p.Constraint)
	}),
	"go-supported": of(func(root string, p struct {
		GOROOT string `policy:"goroot,required"`
		Source string `policy:"source"`
	}) (verify.Check, error) {
		s, err := source(p.Source)
		return checks.GoSupported(root, p.GOROOT, s), err
	}),
	"go-parts": plain(func(root string, p struct {
		GOROOT   string `policy:"goroot,required"`
		Platform string `policy:"platform,required"`
	}) verify.Check {
		return checks.GoParts(root, p.GOROOT, p.Platform)
	}),
	"go-tree": plain(func(root string, p struct {
		Dir     string `policy:"dir,required"`
		Version string `policy:"version,required"`
	}) verify.Check {
		return checks.GoTree(filepath.Join(root, p.Dir), p.Version)
	}),
	"go-stray": plain(func(root string, p onGo) verify.Check { return checks.GoStray(root, p.GOROOT) }),
	"go-first": plain(func(root string, p struct {
		Path   string `policy:"path,required"`
		GOROOT string `policy:"goroot,required"`
	}) verify.Check {
		return checks.GoFirst(root, p.Path, p.GOROOT)
	}),
	"go-modules": of(func(_ string, p struct {
		Command  string   `policy:"command,required"`
		Proxy    string   `policy:"proxy"`
		SumDB    string   `policy:"sumdb"`
		Private  []string `policy:"private"`
		NoProxy  []string `policy:"no-proxy"`
		NoSumDB  []string `policy:"no-sumdb"`
		Insecure []string `policy:"insecure"`
	}) (verify.Check, error) {
		m := goenv.Modules{Private: p.Private, NoProxy: p.NoProxy, NoSumDB: p.NoSumDB, Insecure: p.Insecure}
		var err, err2 error
		if p.Proxy != "" {
			m.Proxy, err = goenv.ParseProxyList(p.Proxy)
		}
		if p.SumDB != "" {
			m.SumDB, err2 = goenv.ParseSumDB(p.SumDB)
		}
		return checks.GoModules(p.Command, m), errors.Join(err, err2)
	}),
	"go-reachable": plain(func(_ string, p onCommand) verify.Check { return checks.GoReachable(p.Command) }),
	"go-compiles":  ofGoroot(checks.GoCompiles), "go-builds": ofGoroot(checks.GoBuilds), "go-cgo": ofGoroot(checks.GoCgo), "go-metrics": ofGoroot(checks.GoMetrics),
}

var binaryKinds = map[string]kind{
	"static": ofPath(checks.Static), "starts": ofPath(checks.Starts),
	"libraries": plain(func(root string, p struct {
		Path      string   `policy:"path,required"`
		Libraries []string `policy:"libraries,required"`
	}) verify.Check {
		return checks.Libraries(root, p.Path, p.Libraries...)
	}),
	"built-with": plain(func(root string, p struct {
		Path    string `policy:"path,required"`
		Version string `policy:"version,required"`
	}) verify.Check {
		return checks.BuiltWith(root, p.Path, p.Version)
	}),
	"built-for": plain(func(root string, p struct {
		Path     string `policy:"path,required"`
		Platform string `policy:"platform,required"`
	}) verify.Check {
		return checks.BuiltFor(root, p.Path, p.Platform)
	}),
	"build-settings": plain(func(root string, p struct {
		Path     string            `policy:"path,required"`
		Settings map[string]string `policy:"settings,required"`
	}) verify.Check {
		return checks.BuildSettings(root, p.Path, p.Settings)
	}),
	"module": plain(func(root string, p struct {
		Path    string `policy:"path,required"`
		Module  string `policy:"module,required"`
		Version string `policy:"version"`
	}) verify.Check {
		return checks.Module(root, p.Path, p.Module, p.Version)
	}),
	"vulnerabilities": plain(func(root string, p struct {
		Path     string `policy:"path,required"`
		Database string `policy:"database,required"`
	}) verify.Check {
		return checks.Vulnerabilities(root, p.Path, p.Database)
	}),
}

var systemdKinds = map[string]kind{
	"systemd-version": plain(func(_ string, p struct {
		Least int `policy:"least,required"`
	}) verify.Check {
		return checks.SystemdVersion(p.Least)
	}),
	"system-running": plain(func(_ string, p struct {
		Except []string `policy:"except"`
	}) verify.Check {
		return checks.SystemRunning(p.Except...)
	}),
	"unit-active": ofUnit(checks.UnitActive), "unit-loaded": ofUnit(checks.UnitLoaded), "unit-enabled": ofUnit(checks.UnitEnabled), "unit-in-force": ofUnit(checks.UnitInForce),
	"unit-result": ofUnit(checks.UnitResult), "unit-ready": ofUnit(checks.UnitReady),
	"unit-from": plain(func(_ string, p struct {
		Unit     string   `policy:"unit,required"`
		Fragment string   `policy:"fragment,required"`
		DropIns  []string `policy:"drop-ins"`
	}) verify.Check {
		return checks.UnitFrom(p.Unit, p.Fragment, p.DropIns...)
	}),
	"unit-restarts": plain(func(_ string, p struct {
		Unit string `policy:"unit,required"`
		Most uint32 `policy:"most,required"`
	}) verify.Check {
		return checks.UnitRestarts(p.Unit, p.Most)
	}),
	"unit-property": plain(func(_ string, p struct {
		Unit     string `policy:"unit,required"`
		Property string `policy:"property,required"`
		Wanted   string `policy:"wanted,required"`
	}) verify.Check {
		return checks.UnitProperty(p.Unit, p.Property, p.Wanted)
	}),
	"unit-exposure": plain(func(_ string, p struct {
		Unit string  `policy:"unit,required"`
		Most float64 `policy:"most,required"`
	}) verify.Check {
		return checks.UnitExposure(p.Unit, p.Most)
	}),
	"unit-lint": plain(func(root string, p struct {
		Path    string `policy:"path,required"`
		Systemd int    `policy:"systemd"`
	}) verify.Check {
		return checks.UnitLint(root, p.Path, p.Systemd)
	}),
	"journal-entry": plain(func(_ string, p struct {
		Unit   string            `policy:"unit,required"`
		Fields map[string]string `policy:"fields,required"`
	}) verify.Check {
		return checks.JournalEntry(p.Unit, p.Fields)
	}),
	"journal-complete": ofUnit(checks.JournalComplete),
	"journal-persistent": plain(func(_ string, p struct {
		Wanted bool `policy:"wanted,required"`
	}) verify.Check {
		return checks.JournalPersistent(p.Wanted)
	}),
}

var cgroupKinds = map[string]kind{
	"cgroup-unified": plain(func(string, nothing) verify.Check { return checks.CgroupUnified() }),
	"cgroup-controllers": plain(func(_ string, p struct {
		Unit        string   `policy:"unit"`
		Controllers []string `policy:"controllers,required"`
	}) verify.Check {
		return checks.CgroupControllers(p.Unit, p.Controllers...)
	}),
	"limit": plain(func(_ string, p struct {
		Unit   string `policy:"unit,required"`
		File   string `policy:"file,required"`
		Wanted string `policy:"wanted,required"`
	}) verify.Check {
		return checks.Limit(p.Unit, p.File, p.Wanted)
	}),
	"limits-agree": ofLimits(checks.LimitsAgree), "limits-bind": ofLimits(checks.LimitsBind),
	"io-weight-acts": plain(func(_ string, p struct {
		Disk string `policy:"disk,required"`
	}) verify.Check {
		return checks.IOWeightActs(p.Disk)
	}),
	"go-limits": ofUnit(checks.GoLimits),
	"prove-memory-max": plain(func(_ string, p struct {
		Limit cgroupv2.Memory `policy:"limit,required"`
	}) verify.Check {
		return checks.ProveMemoryMax(p.Limit)
	}),
	"prove-cpu-max": plain(func(_ string, p struct {
		Bandwidth cgroupv2.CPU `policy:"bandwidth,required"`
	}) verify.Check {
		return checks.ProveCPUMax(p.Bandwidth)
	}),
}

var kernelKinds = map[string]kind{
	"kernel-command-line":      plain(func(_ string, p onWords) verify.Check { return checks.KernelCommandLine(p.Words...) }),
	"next-kernel-command-line": plain(func(root string, p onWords) verify.Check { return checks.NextKernelCommandLine(root, p.Words...) }),
	"psi":                      plain(func(string, nothing) verify.Check { return checks.PSI() }),
	"sysctl": plain(func(_ string, p struct {
		Name   string `policy:"name,required"`
		Wanted string `policy:"wanted,required"`
	}) verify.Check {
		return checks.Sysctl(p.Name, p.Wanted)
	}),
	"sysctl-at-least": plain(func(_ string, p struct {
		Name  string `policy:"name,required"`
		Least int64  `policy:"least,required"`
	}) verify.Check {
		return checks.SysctlAtLeast(p.Name, p.Least)
	}),
	"open-files": plain(func(_ string, p struct {
		Unit  string `policy:"unit,required"`
		Least uint64 `policy:"least,required"`
	}) verify.Check {
		return checks.OpenFiles(p.Unit, p.Least)
	}),
	"backlog": plain(func(_ string, p struct {
		Socket string `policy:"socket,required"`
	}) verify.Check {
		return checks.Backlog(p.Socket)
	}),
}

var accountKinds = map[string]kind{
	"user": plain(func(root string, p struct {
		Name   string   `policy:"name,required"`
		UID    uint32   `policy:"uid"`
		Group  string   `policy:"group"`
		Groups []string `policy:"groups"`
		Home   string   `policy:"home"`
		Shell  string   `policy:"shell"`
		Absent bool     `policy:"absent"`
	}) verify.Check {
		return checks.User(root, account.User{Name: p.Name, UID: account.ID(p.UID), Group: p.Group, Groups: p.Groups, Home: p.Home, Shell: p.Shell, Absent: p.Absent})
	}),
	"group": plain(func(root string, p struct {
		Name   string `policy:"name,required"`
		GID    uint32 `policy:"gid"`
		Absent bool   `policy:"absent"`
	}) verify.Check {
		return checks.Group(root, account.Group{Name: p.Name, GID: account.ID(p.GID), Absent: p.Absent})
	}),
	"password-locked": plain(func(root string, p struct {
		Name string `policy:"name,required"`
	}) verify.Check {
		return checks.PasswordLocked(root, p.Name)
	}),
	"write-audit": plain(func(root string, p struct {
		User   string   `policy:"user,required"`
		Paths  []string `policy:"paths,required"`
		Except []string `policy:"except"`
	}) verify.Check {
		return checks.WriteAudit(root, p.User, p.Paths, p.Except)
	}),
}

var pathKinds = map[string]kind{
	"mode": plain(func(root string, p struct {
		Path string   `policy:"path,required"`
		Mode fileMode `policy:"mode,required"`
	}) verify.Check {
		return checks.Mode(root, p.Path, fs.FileMode(p.Mode))
	}),
	"owner": plain(func(root string, p struct {
		Path string `policy:"path,required"`
		UID  int    `policy:"uid,required"`
		GID  int    `policy:"gid,required"`
	}) verify.Check {
		return checks.Owner(root, p.Path, p.UID, p.GID)
	}),
	"owned-by": plain(func(root string, p struct {
		Path  string `policy:"path,required"`
		User  string `policy:"user,required"`
		Group string `policy:"group,required"`
	}) verify.Check {
		return checks.OwnedBy(root, p.Path, p.User, p.Group)
	}),
	"link": plain(func(root string, p struct {
		Path   string `policy:"path,required"`
		Target string `policy:"target,required"`
	}) verify.Check {
		return checks.Link(root, p.Path, p.Target)
	}),
	"content": plain(func(root string, p struct {
		Path    string `policy:"path,required"`
		Content string `policy:"content,required"`
	}) verify.Check {
		return checks.Content(root, p.Path, []byte(p.Content))
	}),
	"sha256": plain(func(root string, p struct {
		Path   string `policy:"path,required"`
		Digest string `policy:"digest,required"`
	}) verify.Check {
		return checks.SHA256(root, p.Path, p.Digest)
	}),
	"absent": ofPath(checks.Absent),
	"release": plain(func(root string, p struct {
		Dir string `policy:"dir,required"`
		ID  string `policy:"id"`
	}) verify.Check {
		return checks.Release(layout.Releases{Root: root, Dir: p.Dir}, p.ID)
	}),
}

var liveKinds = map[string]kind{
	"listening": plain(func(_ string, p struct {
		Service   string   `policy:"service,required"`
		Addresses []string `policy:"addresses,required"`
	}) verify.Check {
		return checks.Listening(p.Service, p.Addresses...)
	}),
	"http": plain(func(_ string, p struct {
		URL  string `policy:"url,required"`
		Text string `policy:"text"`
	}) verify.Check {
		return checks.HTTP(p.URL, p.Text)
	}),
	"tcp": plain(func(_ string, p struct {
		Address string `policy:"address,required"`
	}) verify.Check {
		return checks.TCP(p.Address)
	}),
	"unix": plain(func(root string, p onPath) verify.Check { return checks.Unix(filepath.Join(root, p.Path)) }),
	"latency": plain(func(_ string, p struct {
		URL  string        `policy:"url,required"`
		Most time.Duration `policy:"most,required"`
	}) verify.Check {
		return checks.Latency(p.URL, p.Most)
	}),
	"metric-below": plain(func(_ string, p struct {
		URL    string  `policy:"url,required"`
		Metric string  `policy:"metric,required"`
		Limit  float64 `policy:"limit,required"`
	}) verify.Check {
		return checks.MetricBelow(p.URL, p.Metric, p.Limit)
	}),
	"heap": plain(func(_ string, p struct {
		URL   string  `policy:"url,required"`
		Used  string  `policy:"used,required"`
		Limit string  `policy:"limit,required"`
		Part  float64 `policy:"part,required"`
	}) verify.Check {
		return checks.Heap(p.URL, p.Used, p.Limit, p.Part)
	}),
}
