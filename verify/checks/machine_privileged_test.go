//go:build privileged

package checks_test

import (
	"io/fs"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/internal/testenv/provisioned"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/stretchr/testify/require"
)

const (
	service, socket, slice = "hello.service", "hello.socket", "hello.slice"
	binary, config         = "/opt/hello/bin/hello", "/etc/hello/hello.json"
	goDir                  = "/usr/local/lib/go"
	goroot                 = goDir + "/current"
	url                    = "http://127.0.0.1:8080"
)

// sh runs a command of the machine's own.
func sh(t testing.TB, line string) string {
	t.Helper()
	out, err := exec.Command("/bin/sh", "-ec", line).CombinedOutput()
	require.NoError(t, err, "%s\n%s", line, out)
	return strings.TrimSpace(string(out))
}

// provision makes this machine what examples/provision makes of one, and gives the
// version of its Go.
func provision(t testing.TB) string {
	t.Helper()
	noGenerators(t)
	version := provisioned.Machine(t, "-disk", testenv.Scratch(t))
	// A request, so that the service has something to say and to log.
	require.NoError(t, verify.Run(t.Context(), checks.HTTP(url+"/", "hello")).Err())
	sh(t, "journalctl --sync")
	return version
}

// noGenerators keeps a reload from running all generators (systemd.generator(7)),
// which make nothing that this test looks at, and take most of its time.
func noGenerators(t testing.TB) {
	const hidden = "/run/systemd/system-generators"
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(hidden)) })
	sh(t, "mkdir "+hidden+" && cd "+hidden+" && for g in /usr/lib/systemd/system-generators/* /lib/systemd/system-generators/*; do ln -sfn /dev/null ${g##*/}; done")
}

func wantedLimits(t testing.TB) cgroupv2.Limits {
	rate := cgroupv2.PerSecond(20 << 20)
	return cgroupv2.Limits{
		MemoryMax: cgroupv2.MiB(256), MemoryHigh: cgroupv2.MiB(224), MemorySwapMax: cgroupv2.Bytes(0), CPUMax: cgroupv2.Percent(50), TasksMax: cgroupv2.Tasks(64), IOWeight: 50,
		IOMax: []cgroupv2.IOLimit{{Device: testenv.Scratch(t), ReadBytes: rate, WriteBytes: rate}},
	}
}

// entry is what is wanted of a path of the provisioned machine.
type entry struct {
	path        string
	mode        fs.FileMode
	user, group string
}

var entries = []entry{
	{"/etc/hello", fs.ModeDir | 0o750, "root", "hello"}, {config, 0o640, "root", "hello"}, {"/opt/hello", fs.ModeDir | 0o755, "root", "root"},
	{"/opt/hello/bin", fs.ModeDir | 0o755, "root", "root"}, {binary, 0o755, "root", "root"}, {"/var/lib/hello", fs.ModeDir | 0o750, "hello", "hello"},
	{"/var/cache/hello", fs.ModeDir | 0o750, "hello", "hello"}, {"/var/log/hello", fs.ModeDir | 0o750, "hello", "hello"},
	{"/etc/systemd/system/hello.service", 0o644, "root", "root"}, {"/etc/systemd/system/hello.socket", 0o644, "root", "root"}, {"/etc/systemd/system/hello.slice", 0o644, "root", "root"},
}

// suite is the whole policy of the provisioned machine. The contents of files are
// those of the untouched machine, so it is made before anything is touched.
func suite(t testing.TB) (list []verify.Check) {
	t.Helper()
	version := provision(t)
	needs := func(need string, some ...verify.Check) {
		for _, c := range some {
			c.Needs = append(c.Needs, need)
			list = append(list, c)
		}
	}
	add := func(some ...verify.Check) { list = append(list, some...) }
	limits := wantedLimits(t)

	add(checks.SystemdVersion(testenv.Systemd(t)), checks.SystemRunning(), checks.CgroupUnified(), checks.CgroupControllers("", "cpu", "memory", "io", "pids"), checks.PSI(),
		checks.KernelCommandLine("psi=1", "cgroup_no_v1=all"), checks.NextKernelCommandLine("", "psi=1"))
	for name, value := range sysctls {
		add(checks.Sysctl(name, value))
	}
	add(checks.SysctlAtLeast("net.core.somaxconn", 4096))
	for _, u := range []string{service, socket, slice} {
		add(checks.UnitLoaded(u))
		needs("unit/"+u+"/loaded", checks.UnitActive(u), checks.UnitFrom(u, "/etc/systemd/system/"+u), checks.UnitInForce(u))
		content, err := os.ReadFile("/etc/systemd/system/" + u)
		require.NoError(t, err)
		add(checks.Content("", "/etc/systemd/system/"+u, content), checks.UnitLint("", "/etc/systemd/system/"+u, testenv.Systemd(t)))
	}
	needs("unit/"+service+"/loaded", checks.UnitEnabled(service), checks.UnitResult(service))
	needs("unit/"+socket+"/loaded", checks.UnitEnabled(socket), checks.Backlog(socket))
	weight := checks.IOWeightActs(testenv.Scratch(t))
	weight.Severity = verify.Advisory
	add(weight)
	needs("unit/"+service+"/active", checks.UnitReady(service), checks.UnitRestarts(service, 0), checks.UnitProperty(service, "User", "hello"),
		checks.LimitsAgree(service, limits), checks.LimitsBind(service, limits), checks.CgroupControllers(service, "cpu", "memory", "io", "pids"), checks.GoLimits(service),
		checks.Limit(service, "pids.max", "64"), checks.OpenFiles(service, 1024), checks.Listening(service, "tcp 127.0.0.1:8080"),
		checks.JournalEntry(service, map[string]string{"SYSLOG_IDENTIFIER": "hello", "PRIORITY": "6", "MESSAGE": "listening"}),
		checks.HTTP(url+"/", "hello from a bounded service"), checks.HTTP(url+"/healthz", "ok"), checks.TCP("127.0.0.1:8080"), checks.MetricBelow(url+"/metrics", "hello_gomaxprocs", 3),
		checks.Heap(url+"/metrics", "hello_heap_bytes", "hello_memory_limit_bytes", 0.8))
	add(checks.JournalComplete(service), checks.JournalPersistent(false), checks.PasswordLocked("", "hello"))
	add(checks.User("", account.User{Name: "hello", Home: "/nonexistent"}), checks.Group("", account.Group{Name: "hello"}))
	for _, e := range entries {
		add(checks.Mode("", e.path, e.mode), checks.OwnedBy("", e.path, e.user, e.group))
	}
	content, err := os.ReadFile(config)
	require.NoError(t, err)
	add(checks.Content("", config, content), checks.Link("", "/opt/hello/current", "releases/current"), checks.Link("", "/opt/hello/logs", "/var/log/hello"), checks.Absent("", "/etc/profile.d/go.sh"))
	built, err := os.ReadFile(binary)
	require.NoError(t, err)
	add(checks.Content("", binary, built), checks.Static("", binary), checks.Starts("", binary), checks.BuiltWith("", binary, version), checks.BuiltFor("", binary, "linux/amd64"),
		checks.BuildSettings("", binary, map[string]string{"CGO_ENABLED": "0", "-trimpath": "true"}), checks.Module("", binary, "github.com/bedplate/bedplate", ""))
	add(checks.GoVersion("", goroot, version), checks.GoRelease("", goroot, ">=1.26"), checks.GoParts("", goroot, "linux/amd64"), checks.GoStray("", goroot),
		checks.GoFirst("", "/usr/local/sbin:/usr/local/bin:/usr/local/lib/go/current/bin:/usr/bin", goroot), checks.GoCompiles(goroot), checks.GoTree(goDir, version))
	add(checks.WriteAudit("", "hello", []string{"/opt/hello", "/etc/hello", "/etc/systemd/system"}, nil), checks.UnitExposure(service, 1.6))
	for i := range list {
		list[i].Timeout = time.Minute // an emulated machine, on a host that does more
	}
	return list
}

var sysctls = map[string]string{"net.ipv4.ip_forward": "0", "vm.overcommit_memory": "0", "kernel.panic_on_oops": "0"}

// light leaves out what takes seconds in the emulated machine.
func light(t testing.TB, list []verify.Check) []verify.Check {
	t.Helper()
	some, err := verify.Selection{SkipTags: []string{checks.Deep}}.Of(list)
	require.NoError(t, err)
	return some
}

func report(t testing.TB, r verify.Report) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, r.WriteText(&b, verify.TextOptions{}))
	return b.String()
}

// wantingMore: what is no fault of the machine, and what no fault of the table
// touches, fails where more is wanted than there is.
func wantingMore(t *testing.T) {
	judge(t, []want{
		{checks.SystemdVersion(999), verify.Fail, "999"}, {checks.CgroupControllers("", "memory", "warp"), verify.Fail, "warp"}, {checks.KernelCommandLine("psi=1", "warp=9"), verify.Fail, "lacks warp=9"},
		{checks.SysctlAtLeast("net.core.somaxconn", 1<<40), verify.Fail, "found 4096"}, {checks.OpenFiles(service, 1<<40), verify.Fail, "hard"}, {checks.UnitExposure(service, 0.1), verify.Fail, "leaves more open"},
		{checks.JournalEntry(service, map[string]string{"MESSAGE": "never said"}), verify.Fail, ""}, {checks.UnitReady("systemd-journald.socket"), verify.Unknown, "no property Type"},
		{checks.Latency(url+"/", time.Nanosecond), verify.Fail, "answers too slowly"}, {checks.UnitEnabled(slice), verify.Fail, "no [Install] section"},
		{checks.Limit(service, "pids.max", "65"), verify.Fail, "found 64"}, {checks.UnitActive("no-such.service"), verify.Fail, "systemd knows no no-such.service"},
		{checks.JournalComplete("no-such.service"), verify.Unknown, "systemd knows no no-such.service"}, {checks.LimitsAgree(service, cgroupv2.Limits{}), verify.Unknown, "nothing is wanted"},
		{checks.LimitsBind(service, cgroupv2.Limits{IOWeight: 50}), verify.Unknown, "can tighten"}, {checks.UnitExposure(service, math.NaN()), verify.Fail, "NaN"},
		// Sixteen cores: more than there are to be throttled.
		{checks.ProveCPUMax(cgroupv2.Percent(1600)), verify.Fail, "throttled in 0 of"},
	})
}

// untouched: no false alarm. What warns is IO weights without a
// scheduler that acts on them, and what does not apply is the boot loader: the
// machine is booted by the emulator.
func untouched(t *testing.T, list []verify.Check) {
	list = append(slices.Clone(list), checks.ProveMemoryMax(cgroupv2.MiB(32)), checks.ProveCPUMax(cgroupv2.Percent(20)))
	r := verify.Run(t.Context(), list...)
	t.Log(report(t, r))
	for _, res := range r.Results {
		switch {
		case strings.HasPrefix(res.Check, "cgroup/io.weight/"):
			require.Equal(t, verify.Warn, res.Status, res.Finding)
		case res.Check == "kernel/command line/next boot":
			require.Equal(t, verify.NotApplicable, res.Status, res.Finding)
		default:
			require.Equal(t, verify.Pass, res.Status, "%s: %s", res.Check, res.Finding)
		}
	}
	require.NoError(t, r.Err())
	require.Empty(t, sh(t, "systemctl list-units --all --no-legend 'bedplate-probe-*'"), "probes leave nothing")
	// internal/bench/verify has the checks of files alone on a host's own processor.
	runsNothing := slices.DeleteFunc(light(t, list), func(c verify.Check) bool {
		return c.Name == "go/compiles" || c.Name == ofService+"exposure" || slices.Contains(c.Tags, "journal") && slices.Contains(c.Tags, checks.Standard)
	})
	filesAlone := slices.DeleteFunc(slices.Clone(runsNothing), func(c verify.Check) bool {
		return !slices.ContainsFunc([]string{"path", "binary", "account", "go"}, func(tag string) bool { return slices.Contains(c.Tags, tag) }) || strings.HasPrefix(c.Name, "unit/") || strings.HasPrefix(c.Name, "heap/")
	})
	for what, some := range map[string][]verify.Check{"run nothing": runsNothing, "look at files alone": filesAlone} {
		var took []time.Duration
		for range 5 {
			r := verify.Run(t.Context(), some...)
			require.NoError(t, r.Err())
			took = append(took, r.Took)
		}
		slices.Sort(took)
		t.Logf("%d checks that %s take %v, the median of 5, in an emulated machine", len(some), what, took[2])
	}
}
