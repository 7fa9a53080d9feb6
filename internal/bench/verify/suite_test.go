package verify_test

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
)

// stage makes an image with examples/provision, and gives the version of its Go.
func stage(b *testing.B) (root, version string) {
	b.Helper()
	dir := b.TempDir()
	root = filepath.Join(dir, "root")
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "provision"), "./examples/provision")
	build.Dir = "../../.."
	out, err := build.CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	version, archive, digest := archive(b)
	out, err = exec.Command(filepath.Join(dir, "provision"), "-root", root, "-go", version, "-source", archive, "-sha256", digest, "-src", "../../..").CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return root, version
}

// BenchmarkSuite is what verify/checks' own test asks a provisioned machine, as
// far as files can answer, in an image on this host. Nothing is run.
func BenchmarkSuite(b *testing.B) {
	root, version := stage(b)
	const binary, config, goroot, units = "/opt/hello/bin/hello", "/etc/hello/hello.json", "/usr/local/lib/go/current", "/etc/systemd/system/"
	var list []verify.Check
	add := func(some ...verify.Check) { list = append(list, some...) }
	for path, mode := range map[string]fs.FileMode{
		"/etc/hello": fs.ModeDir | 0o750, config: 0o640, "/opt/hello": fs.ModeDir | 0o755, "/opt/hello/bin": fs.ModeDir | 0o755, binary: 0o755,
		"/var/lib/hello": fs.ModeDir | 0o750, "/var/cache/hello": fs.ModeDir | 0o750, "/var/log/hello": fs.ModeDir | 0o750,
		units + "hello.service": 0o644, units + "hello.socket": 0o644, units + "hello.slice": 0o644,
	} {
		add(checks.Mode(root, path, mode))
		// The image's owners are recorded, not given: the names are looked up all the same.
		owner := checks.OwnedBy(root, path, "root", "root")
		owner.Severity = verify.Advisory
		add(owner)
	}
	for _, path := range []string{config, binary, units + "hello.service", units + "hello.socket", units + "hello.slice"} {
		content := checks.SHA256(root, path, digest(b, filepath.Join(root, path)))
		add(content)
	}
	add(checks.UnitLint(root, units+"hello.service", 257), checks.UnitLint(root, units+"hello.socket", 257), checks.UnitLint(root, units+"hello.slice", 257),
		checks.Link(root, "/opt/hello/logs", "/var/log/hello"), checks.Absent(root, "/etc/profile.d/go.sh"),
		checks.User(root, account.User{Name: "hello", Home: "/nonexistent"}), checks.Group(root, account.Group{Name: "hello"}), checks.PasswordLocked(root, "hello"),
		checks.Static(root, binary), checks.Starts(root, binary), checks.BuiltWith(root, binary, version), checks.BuiltFor(root, binary, "linux/amd64"),
		checks.BuildSettings(root, binary, map[string]string{"CGO_ENABLED": "0"}), checks.Module(root, binary, "github.com/bedplate/bedplate", ""),
		checks.GoVersion(root, goroot, version), checks.GoRelease(root, goroot, ">=1.26"), checks.GoParts(root, goroot, "linux/amd64"), checks.GoStray(root, goroot),
		checks.GoFirst(root, "/usr/local/bin:"+goroot+"/bin:/usr/bin", goroot))
	must(b, verify.Run(b.Context(), list...).Err())
	for b.Loop() {
		verify.Run(b.Context(), list...)
	}
	b.ReportMetric(float64(len(list)), "checks")
}
