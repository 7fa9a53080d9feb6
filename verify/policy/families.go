package policy

import (
	"errors"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
)

var goKinds = map[string]kind{
	"go-version": call(checks.GoVersion, "root goroot version"),
	"go-release": call(checks.GoRelease, "root goroot constraint"),
	"go-supported": of(func(root string, p struct {
		GOROOT string `policy:"goroot,required"`
		Source string `policy:"source"`
	}) (verify.Check, error) {
		s, err := source(p.Source)
		return checks.GoSupported(root, p.GOROOT, s), err
	}),
	"go-parts": call(checks.GoParts, "root goroot platform"),
	"go-tree":  call(checks.GoTree, "/dir version"),
	"go-stray": call(checks.GoStray, "root goroot"),
	"go-first": call(checks.GoFirst, "root path goroot"),
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
	"go-reachable": call(checks.GoReachable, "command"),
	"go-compiles":  call(checks.GoCompiles, "/goroot"),
	"go-builds":    call(checks.GoBuilds, "/goroot"),
	"go-cgo":       call(checks.GoCgo, "/goroot"),
	"go-metrics":   call(checks.GoMetrics, "/goroot"),
}

var binaryKinds = map[string]kind{
	"static":          call(checks.Static, "root path"),
	"starts":          call(checks.Starts, "root path"),
	"libraries":       call(checks.Libraries, "root path libraries"),
	"built-with":      call(checks.BuiltWith, "root path version"),
	"built-for":       call(checks.BuiltFor, "root path platform"),
	"build-settings":  call(checks.BuildSettings, "root path settings"),
	"module":          call(checks.Module, "root path module version?"),
	"vulnerabilities": call(checks.Vulnerabilities, "root path database"),
}

var systemdKinds = map[string]kind{
	"systemd-version":    call(checks.SystemdVersion, "least"),
	"system-running":     call(checks.SystemRunning, "except?"),
	"unit-active":        call(checks.UnitActive, "unit"),
	"unit-loaded":        call(checks.UnitLoaded, "unit"),
	"unit-enabled":       call(checks.UnitEnabled, "unit"),
	"unit-in-force":      call(checks.UnitInForce, "unit"),
	"unit-result":        call(checks.UnitResult, "unit"),
	"unit-ready":         call(checks.UnitReady, "unit"),
	"unit-from":          call(checks.UnitFrom, "unit fragment drop-ins?"),
	"unit-restarts":      call(checks.UnitRestarts, "unit most"),
	"unit-property":      call(checks.UnitProperty, "unit property wanted"),
	"unit-exposure":      call(checks.UnitExposure, "unit most"),
	"unit-lint":          call(checks.UnitLint, "root path systemd?"),
	"journal-entry":      call(checks.JournalEntry, "unit fields"),
	"journal-complete":   call(checks.JournalComplete, "unit"),
	"journal-persistent": call(checks.JournalPersistent, "wanted"),
}

var cgroupKinds = map[string]kind{
	"cgroup-unified":     call(checks.CgroupUnified, ""),
	"cgroup-controllers": call(checks.CgroupControllers, "unit? controllers"),
	"limit":              call(checks.Limit, "unit file wanted"),
	"limits-agree":       ofLimits(checks.LimitsAgree),
	"limits-bind":        ofLimits(checks.LimitsBind),
	"io-weight-acts":     call(checks.IOWeightActs, "disk"),
	"go-limits":          call(checks.GoLimits, "unit"),
	"prove-memory-max":   call(checks.ProveMemoryMax, "limit"),
	"prove-cpu-max":      call(checks.ProveCPUMax, "bandwidth"),
}

var kernelKinds = map[string]kind{
	"kernel-command-line":      call(checks.KernelCommandLine, "words"),
	"next-kernel-command-line": call(checks.NextKernelCommandLine, "root words"),
	"psi":                      call(checks.PSI, ""),
	"sysctl":                   call(checks.Sysctl, "name wanted"),
	"sysctl-at-least":          call(checks.SysctlAtLeast, "name least"),
	"open-files":               call(checks.OpenFiles, "unit least"),
	"backlog":                  call(checks.Backlog, "socket"),
}

var accountKinds = map[string]kind{
	"user": of(func(root string, p struct {
		Name   string   `policy:"name,required"`
		UID    uint32   `policy:"uid"`
		Group  string   `policy:"group"`
		Groups []string `policy:"groups"`
		Home   string   `policy:"home"`
		Shell  string   `policy:"shell"`
		Absent bool     `policy:"absent"`
	}) (verify.Check, error) {
		return checks.User(root, account.User{Name: p.Name, UID: account.ID(p.UID), Group: p.Group, Groups: p.Groups, Home: p.Home, Shell: p.Shell, Absent: p.Absent}), nil
	}),
	"group": of(func(root string, p struct {
		Name   string `policy:"name,required"`
		GID    uint32 `policy:"gid"`
		Absent bool   `policy:"absent"`
	}) (verify.Check, error) {
		return checks.Group(root, account.Group{Name: p.Name, GID: account.ID(p.GID), Absent: p.Absent}), nil
	}),
	"password-locked": call(checks.PasswordLocked, "root name"),
	"write-audit":     call(checks.WriteAudit, "root user paths except?"),
}

var pathKinds = map[string]kind{
	"mode":     call(checks.Mode, "root path mode"),
	"owner":    call(checks.Owner, "root path uid gid"),
	"owned-by": call(checks.OwnedBy, "root path user group"),
	"link":     call(checks.Link, "root path target"),
	"content": of(func(root string, p struct {
		Path    string `policy:"path,required"`
		Content string `policy:"content,required"`
	}) (verify.Check, error) {
		return checks.Content(root, p.Path, []byte(p.Content)), nil
	}),
	"sha256": call(checks.SHA256, "root path digest"),
	"absent": call(checks.Absent, "root path"),
	"release": of(func(root string, p struct {
		Dir string `policy:"dir,required"`
		ID  string `policy:"id"`
	}) (verify.Check, error) {
		return checks.Release(layout.Releases{Root: root, Dir: p.Dir}, p.ID), nil
	}),
}

var liveKinds = map[string]kind{
	"listening":    call(checks.Listening, "service addresses"),
	"http":         call(checks.HTTP, "url text?"),
	"tcp":          call(checks.TCP, "address"),
	"unix":         call(checks.Unix, "/path"),
	"latency":      call(checks.Latency, "url most"),
	"metric-below": call(checks.MetricBelow, "url metric limit"),
	"heap":         call(checks.Heap, "url used limit part"),
}
