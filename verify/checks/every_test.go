package checks_test

import (
	"time"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
)

// everyCheck is one of each kind.
func everyCheck(root string) []verify.Check {
	const unit, bin, goroot, url = "app.service", "/opt/app/bin/app", "/usr/local/go", "http://127.0.0.1:1/"
	limits := cgroupv2.Limits{MemoryMax: cgroupv2.MiB(64)}
	return []verify.Check{
		checks.GoVersion(root, goroot, "go1.26.8"), checks.GoRelease(root, goroot, "1.26.x"), checks.GoSupported(root, goroot, toolchain.Directory{Path: root}),
		checks.GoParts(root, goroot, "linux/amd64"), checks.GoTree(root+"/go", "go1.26.8"), checks.GoStray(root, goroot), checks.GoFirst(root, "/usr/bin", goroot),
		checks.GoModules("go", goenv.Modules{}), checks.GoReachable("go"), checks.GoCompiles(root + goroot), checks.GoBuilds(root + goroot), checks.GoCgo(root + goroot), checks.GoMetrics(root + goroot),
		checks.Static(root, bin), checks.Libraries(root, bin), checks.Starts(root, bin), checks.BuiltWith(root, bin, "go1.26.8"), checks.BuiltFor(root, bin, "linux/amd64"),
		checks.BuildSettings(root, bin, nil), checks.Module(root, bin, "example.com/app", ""), checks.Vulnerabilities(root, bin, root),
		checks.SystemdVersion(247), checks.SystemRunning(), checks.UnitActive(unit), checks.UnitLoaded(unit), checks.UnitEnabled(unit), checks.UnitFrom(unit, "/etc/systemd/system/app.service"),
		checks.UnitInForce(unit), checks.UnitRestarts(unit, 0), checks.UnitResult(unit), checks.UnitReady(unit), checks.UnitProperty(unit, "User", "app"), checks.UnitExposure(unit, 2),
		checks.UnitLint(root, "/etc/systemd/system/app.service", 0),
		checks.CgroupUnified(), checks.CgroupControllers("", "memory"), checks.CgroupControllers(unit, "memory"), checks.Limit(unit, "memory.max", "max"), checks.LimitsAgree(unit, limits),
		checks.LimitsBind(unit, limits), checks.IOWeightActs("/dev/vda"), checks.GoLimits(unit), checks.ProveMemoryMax(cgroupv2.MiB(32)), checks.ProveCPUMax(cgroupv2.Percent(20)),
		checks.KernelCommandLine("psi=1"), checks.NextKernelCommandLine(root, "psi=1"), checks.PSI(), checks.Sysctl("net.core.somaxconn", "4096"), checks.SysctlAtLeast("net.core.somaxconn", 128),
		checks.OpenFiles(unit, 1024), checks.Backlog("app.socket"),
		checks.User(root, account.User{Name: "app"}), checks.Group(root, account.Group{Name: "app"}), checks.PasswordLocked(root, "app"), checks.WriteAudit(root, "app", []string{"/opt/app"}, nil),
		checks.Mode(root, bin, 0o755), checks.Owner(root, bin, 0, 0), checks.OwnedBy(root, bin, "root", "root"), checks.Link(root, "/opt/app/current", "releases/current"),
		checks.Content(root, bin, nil), checks.SHA256(root, bin, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), checks.Absent(root, "/etc/profile.d/go.sh"),
		checks.Release(layout.Releases{Root: root, Dir: "/opt/app/releases"}, ""), checks.Listening(unit, "tcp 127.0.0.1:8080"),
		checks.JournalEntry(unit, map[string]string{"SYSLOG_IDENTIFIER": "app"}), checks.JournalComplete(unit), checks.JournalPersistent(true),
		checks.HTTP(url, "ok"), checks.TCP("127.0.0.1:1"), checks.Unix("/run/app.sock"), checks.Latency(url, time.Second), checks.MetricBelow(url+"metrics", "x", 1),
		checks.Heap(url+"metrics", "used", "limit", 0.8),
	}
}
