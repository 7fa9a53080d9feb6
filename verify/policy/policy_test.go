package policy_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/bedplate/bedplate/verify/policy"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// all is testdata/all.yaml, spelled in Go.
func all(root string) []verify.Check {
	const unit, bin, goroot, url = "app.service", "/opt/app/bin/app", "/usr/local/go", "http://127.0.0.1:8080"
	limits := cgroupv2.Limits{
		MemoryMax: cgroupv2.MiB(256), MemoryHigh: cgroupv2.MiB(224), MemorySwapMax: cgroupv2.Bytes(0), CPUMax: cgroupv2.Percent(50), TasksMax: cgroupv2.Tasks(64), IOWeight: 50,
		IOMax: []cgroupv2.IOLimit{{Device: "/dev/vda", WriteBytes: cgroupv2.PerSecond(20 << 20)}},
	}
	weight := checks.IOWeightActs("/dev/vda")
	weight.Severity = verify.Advisory
	listening := checks.Listening(unit, "tcp 127.0.0.1:8080")
	listening.Needs = []string{"unit/app.service/active"}
	healthz := checks.HTTP(url+"/healthz", "ok")
	healthz.Timeout, healthz.Tags = 2*time.Second, append(healthz.Tags, "nightly")
	named := checks.Unix(filepath.Join(root, "/run/app.sock"))
	named.Name = "the service's socket"
	return []verify.Check{
		checks.GoVersion(root, goroot, "go1.26.8"), checks.GoRelease(root, goroot, "1.26.x"), checks.GoSupported(root, goroot, toolchain.Official{}), checks.GoParts(root, goroot, "linux/amd64"),
		checks.GoTree(root+"/usr/local/lib/go", "go1.26.8"), checks.GoStray(root, goroot), checks.GoFirst(root, "/usr/local/go/bin:/usr/bin", goroot), checks.GoModules("go", goenv.Modules{}),
		checks.GoReachable("go"), checks.GoCompiles(root + goroot), checks.GoBuilds(root + goroot), checks.GoCgo(root + goroot), checks.GoMetrics(root + goroot),
		checks.Static(root, bin), checks.Libraries(root, bin, "libc.so.6"), checks.Starts(root, bin), checks.BuiltWith(root, bin, "go1.26.8"), checks.BuiltFor(root, bin, "linux/amd64"),
		checks.BuildSettings(root, bin, nil), checks.Module(root, bin, "example.com/app", "v1.2.3"), checks.Vulnerabilities(root, bin, "/var/lib/vulndb"),
		checks.SystemdVersion(247), checks.SystemRunning(), checks.UnitActive(unit), checks.UnitLoaded(unit), checks.UnitEnabled(unit), checks.UnitInForce(unit), checks.UnitResult(unit), checks.UnitReady(unit),
		checks.UnitFrom(unit, ""), checks.UnitRestarts(unit, 0), checks.UnitProperty(unit, "NoNewPrivileges", "yes"), checks.UnitExposure(unit, 1.2), checks.UnitLint(root, "/etc/systemd/system/app.service", 252),
		checks.JournalEntry(unit, nil), checks.JournalComplete(unit), checks.JournalPersistent(true), checks.CgroupUnified(), checks.CgroupControllers("", "cpu"), checks.CgroupControllers(unit, "cpu"),
		checks.Limit(unit, "memory.max", "268435456"), checks.LimitsAgree(unit, limits), checks.LimitsBind(unit, limits), weight, checks.GoLimits(unit),
		checks.ProveMemoryMax(cgroupv2.MiB(32)), checks.ProveCPUMax(cgroupv2.Percent(20)), checks.KernelCommandLine("psi=1"), checks.NextKernelCommandLine(root, "psi=1"), checks.PSI(),
		checks.Sysctl("net.core.somaxconn", "4096"), checks.SysctlAtLeast("net.core.somaxconn", 1024), checks.OpenFiles(unit, 65536), checks.Backlog("app.socket"),
		checks.User(root, account.User{Name: "app"}), checks.Group(root, account.Group{Name: "app"}), checks.PasswordLocked(root, "app"), checks.WriteAudit(root, "app", nil, nil),
		checks.Mode(root, "/var/lib/app", fs.ModeDir|0o750), checks.Owner(root, "/var/lib/app", 990, 990), checks.OwnedBy(root, "/var/lib/app", "app", "app"), checks.Link(root, "/opt/app/current", ""),
		checks.Content(root, "/etc/app/app.conf", []byte("a = 1\n")), checks.SHA256(root, "/etc/app/app.conf", ""), checks.Absent(root, "/etc/profile.d/go.sh"),
		checks.Release(layout.Releases{Root: root, Dir: "/opt/app/releases"}, ""), listening, verify.Until(healthz, 100*time.Millisecond, 10*time.Second), checks.TCP("127.0.0.1:8080"), named,
		checks.Latency(url+"/healthz", 50*time.Millisecond), checks.MetricBelow(url+"/metrics", "go_goroutines", 1000), checks.Heap(url+"/metrics", "heap_bytes", "limit_bytes", 0.8),
	}
}

// same compares two lists but for what they do.
func same(t *testing.T, want, got []verify.Check) {
	t.Helper()
	still := func(list []verify.Check) (out []verify.Check) {
		for _, c := range list {
			c.Look = nil
			out = append(out, c)
		}
		return out
	}
	require.Equal(t, still(want), still(got))
}

func TestAFileAndGoAreTwoSpellings(t *testing.T) {
	got, err := policy.Load("testdata/all.yaml")
	require.NoError(t, err)
	same(t, all(""), got)

	text, err := os.ReadFile("testdata/all.yaml")
	require.NoError(t, err)
	below, err := policy.Read("p.yaml", strings.NewReader(strings.Replace(string(text), "checks:\n", "root: /srv/image\nchecks:\n", 1)))
	require.NoError(t, err)
	same(t, all("/srv/image"), below)
}

// JSON is the same policy.
func TestJSON(t *testing.T) {
	text, err := os.ReadFile("testdata/all.yaml")
	require.NoError(t, err)
	var value map[string]any
	require.NoError(t, yaml.Unmarshal(text, &value))
	asJSON, err := json.MarshalIndent(value, "", "  ")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "p.json")
	require.NoError(t, os.WriteFile(file, asJSON, 0o600))
	got, err := policy.Load(file)
	require.NoError(t, err)
	same(t, all(""), got)
}

// What a file says is what is looked at: the same findings, where both can look.
func TestTheSameFindings(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc/app"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc/app/app.conf"), []byte("a = 1\n"), 0o600))
	list, err := policy.Read("p.yaml", strings.NewReader("bedplate: policy/1\nroot: "+root+"\nchecks:\n"+
		"  - mode: {path: /etc/app/app.conf, mode: 0600}\n  - mode: {path: /etc/app, mode: 0755}\n  - content: {path: /etc/app/app.conf, content: \"a = 1\\n\"}\n  - absent: /etc/app/app.conf\n"))
	require.NoError(t, err)
	r := verify.Run(t.Context(), list...)
	want := verify.Run(t.Context(), checks.Mode(root, "/etc/app/app.conf", 0o600), checks.Mode(root, "/etc/app", 0o755), checks.Content(root, "/etc/app/app.conf", []byte("a = 1\n")), checks.Absent(root, "/etc/app/app.conf"))
	for i := range want.Results {
		require.Equal(t, want.Results[i].Finding, r.Results[i].Finding)
	}
	require.Equal(t, []int{2, 2}, []int{r.Count(verify.Pass), r.Count(verify.Fail)})
}

// Each function of package checks that makes a check is a kind, and nothing else is.
func TestEveryCheckIsAKind(t *testing.T) {
	files, err := filepath.Glob("../checks/*.go")
	require.NoError(t, err)
	var want []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && fn.Recv == nil && fn.Name.IsExported() && fn.Type.Results != nil {
				if s, ok := fn.Type.Results.List[0].Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Check" {
					want = append(want, dashed(fn.Name.Name))
				}
			}
		}
	}
	slices.Sort(want)
	require.Equal(t, want, policy.Kinds())
}

// dashed writes GoVersion as go-version, CgroupUnified as cgroup-unified, HTTP as http.
func dashed(name string) string {
	var b strings.Builder
	upper := func(i int) bool { return i >= 0 && i < len(name) && name[i] >= 'A' && name[i] <= 'Z' }
	for i := range len(name) {
		lower := i+1 < len(name) && name[i+1] >= 'a' && name[i+1] <= 'z'
		if i > 0 && upper(i) && (!upper(i-1) || lower) {
			b.WriteByte('-')
		}
		b.WriteString(strings.ToLower(name[i : i+1]))
	}
	return b.String()
}

func TestWhatIsWrongHasALine(t *testing.T) {
	const head = "bedplate: policy/1\nchecks:\n"
	for text, want := range map[string]string{
		"":                                     "p:1: it is empty",
		"bedplate: policy/2\nchecks: [psi:]":   "p:1: bedplate: policy/2 is a form that is not known here",
		"checks:\n  - psi:\n":                  "p:1: it does not say what it is",
		"bedplate: policy/1\n":                 "p:1: it has no list of checks",
		head:                                   "it has no list of checks",
		head + "  - psi:\nmore: 1\n":           `p:4: a policy has no "more"; it has bedplate, root, checks`,
		head + "  - unit-activ: app.service\n": "p:3: there is no kind of check \"unit-activ\"; did you mean unit-active?",
		head + "  - psi:\n  - frobnicate: x\n": `p:4: there is no kind of check "frobnicate"`,
		head + "  - unit-active: {unit: a.service, wait: 1}\n":                                               `p:3: unit-active has no "wait"; it has unit`,
		head + "  - limit:\n      unit: a.service\n      file: memory.max\n":                                 "p:4: limit has no wanted",
		head + "  - limit: a.service\n":                                                                      "p:3: limit needs unit, file, wanted",
		head + "  - unit-active:\n":                                                                          "p:3: unit-active needs unit",
		head + "  - unit-active: a.service\n    psi:\n":                                                      "p:4: a check is of one kind; this one is unit-active, too",
		head + "  - name: x\n":                                                                               "p:3: a check without a kind",
		head + "  - unit-active: {unit: a.service, unit: b.service}\n":                                       "p:3: unit is there twice; first on line 3",
		head + "  - psi:\n  - psi:\n":                                                                        `p:4: the check on line 3 is named "kernel/psi", too`,
		head + "  - psi:\n    needs: [network]\n":                                                            `p:3: "kernel/psi" needs "network", which no check is named`,
		head + "  - psi:\n    timeout: soon\n":                                                               `p:4: "soon" is no duration`,
		head + "  - psi:\n    timeout: -1s\n":                                                                "timeout: -1s is negative",
		head + "  - psi:\n    severity: low\n":                                                               "severity: low is neither required nor advisory",
		head + "  - psi:\n    until: {every: 1s}\n":                                                          "p:4: until has no patience",
		head + "  - psi:\n    until: {every: 0s, patience: 1s}\n":                                            "both times must be positive",
		head + "  - mode: {path: /a, mode: 644}\n":                                                           `p:3: "644" is no mode; write it in octal with a 0 in front`,
		head + "  - mode: {path: /a, mode: folder 0755}\n":                                                   `p:3: "folder" is no type of file`,
		head + "  - mode: {path: /a, mode: 0888}\n":                                                          "is no mode",
		head + "  - systemd-version: new\n":                                                                  `p:3: "new" is no whole number`,
		head + "  - unit-restarts: {unit: a.service, most: -1}\n":                                            `p:3: "-1" is no whole number from 0`,
		head + "  - journal-persistent: maybe\n":                                                             `p:3: "maybe" is no truth`,
		head + "  - journal-entry: {unit: a.service, fields: [a]}\n":                                         "journal-entry.fields is a mapping",
		head + "  - kernel-command-line: psi=1\n":                                                            "p:3: kernel-command-line is a list",
		head + "  - limits-agree:\n      unit: a.service\n      limits:\n        memory-max: 512MB\n":        "p:6: ",
		head + "  - limits-agree:\n      unit: a.service\n      limits: {memory-high: 2G, memory-max: 1G}\n": "MemoryHigh",
		head + "  - limits-agree:\n      unit: a.service\n      limits:\n        io-max:\n          - {device: /dev/vda, rate: 1}\n": `p:7: limits-agree.limits.io-max[0] has no "rate"`,
		head + "  - go-supported: {goroot: /a, source: nowhere}\n":                                                                   "neither official, nor a URL",
		head + "  - unit-active: [a.service]\n":                                                                                      "p:3: a value is needed here",
		head + "  - unit-active: ~\n":                                                                                                "unit-active needs unit",
		head + "  - psi:\n---\na: b\n":                                                                                               "more than one document",
		head + "  - psi:\n   - psi:\n":                                                                                               "p:",
		head + "  - {unit-active: \n":                                                                                                "p:",
		"bedplate: policy/1\nroot: image\nchecks:\n  - psi:\n":                                                                       "p:2: root: image is no absolute path",
		head + "  - psi:\n  - tcp: a:1\n    tags: [a b]\n":                                                                           `p:4: ("tcp/a:1"): the tag "a b" is empty or has a space`,
		head + "  - tcp: \"a\\nb\"\n":                                                                                                `p:3: ("tcp/a\nb"): a name is needed, without control characters`,
		head + "  - tcp: a\n    needs: [b]\n  - tcp: b\n    name: b\n    needs: [tcp/a]\n":                                           "checks need each other in a circle: tcp/a → b → tcp/a",
		head + "  - system-running: []\n":                                                                                            "p:3: system-running takes no value of its own",
		"just text":                                                                                                                  "p:1: a policy is a mapping",
	} {
		list, err := policy.Read("p", strings.NewReader(text))
		require.ErrorContains(t, err, want, "%s", text)
		require.Nil(t, list)
		var placed *policy.Error
		require.True(t, errors.As(err, &placed), text)
		require.Positive(t, placed.Line)
	}
}

// All that is wrong is said at once.
func TestAllIsSaidAtOnce(t *testing.T) {
	_, err := policy.Read("p", strings.NewReader("bedplate: policy/1\nchecks:\n  - psy:\n  - unit-active:\n  - systemd-version: x\n"))
	require.ErrorContains(t, err, "p:3:")
	require.ErrorContains(t, err, "p:4:")
	require.ErrorContains(t, err, "p:5:")
}

func TestStrictJSON(t *testing.T) {
	for text, want := range map[string]string{
		"{\"bedplate\": \"policy/1\",\n \"checks\": [{\"psi\": null},]}": "p.json:2: invalid character",
		"bedplate: policy/1\n":             "p.json:1: invalid character",
		"{\"a\": 1}\n{\"b\": 2}":           "something follows",
		"{\"bedplate\": \"policy/1\",\n\n": "unexpected",
	} {
		_, err := policy.Read("p.json", strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
}

func TestLoadOfNothing(t *testing.T) {
	_, err := policy.Load(filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = policy.Read("p", strings.NewReader(strings.Repeat("#", 5<<20)))
	require.ErrorContains(t, err, "longer than")
}

// Whatever is in a file, it is read or refused, and what is read can be run.
func FuzzRead(f *testing.F) {
	text, err := os.ReadFile("testdata/all.yaml")
	require.NoError(f, err)
	f.Add("bedplate: policy/1\nchecks:\n  - psi:\n")
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "  - ") {
			f.Add("bedplate: policy/1\nchecks:\n" + line)
		}
	}
	f.Add("bedplate: &a policy/1\nchecks: [*a, {psi: *a}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := policy.Read("p", strings.NewReader(text))
		if (err == nil) != (len(list) > 0) {
			t.Fatalf("%d checks and %v", len(list), err)
		}
		again, err2 := policy.Read("p", strings.NewReader(text))
		if len(again) != len(list) || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Fatalf("two answers: %v, %v", err, err2)
		}
		seen := map[string]bool{}
		for _, c := range list {
			if seen[c.Name] || c.Look == nil {
				t.Fatalf("check %q can't be run", c.Name)
			}
			seen[c.Name] = true
		}
	})
}

// TestTheGuidesPolicy keeps what the guide shows one that is read.
func TestTheGuidesPolicy(t *testing.T) {
	guide, err := os.ReadFile("../../docs/verify.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(guide), "```yaml\n")
	require.True(t, found)
	shown, _, _ := strings.Cut(rest, "```\n")
	_, err = policy.Read("verify.md", strings.NewReader(shown))
	require.NoError(t, err)
	for _, kind := range policy.Kinds() {
		require.Contains(t, string(guide), "`"+kind+"`", "the guide lists every kind")
	}
}
