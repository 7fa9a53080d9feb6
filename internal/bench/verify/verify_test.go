package verify_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
)

var cold = flag.Bool("cold", false, "give the usual commands an empty build cache each time")

// archive is the running Go's own SDK in the module cache, where the go command
// puts it if it is not there yet.
func archive(b *testing.B) (version, file, sum string) {
	b.Helper()
	out, err := exec.Command("go", "env", "GOVERSION").Output()
	must(b, err)
	version = strings.TrimSpace(string(out))
	download := exec.Command("go", "mod", "download", "-json", "golang.org/toolchain@v0.0.1-"+version+"."+runtime.GOOS+"-"+runtime.GOARCH)
	download.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err = download.Output()
	must(b, err)
	var got struct{ Zip string }
	must(b, json.Unmarshal(out, &got))
	return version, got.Zip, digest(b, got.Zip)
}

func digest(b *testing.B, file string) string {
	b.Helper()
	f, err := os.Open(file)
	must(b, err)
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	must(b, err)
	return hex.EncodeToString(h.Sum(nil))
}

// install unpacks it, with a receipt.
func install(b *testing.B) toolchain.Installation {
	b.Helper()
	version, file, sum := archive(b)
	i, err := toolchain.Install(b.Context(), toolchain.SDK{
		Version: version, Dir: filepath.Join(b.TempDir(), "go"), AllowEndOfLife: true, Source: toolchain.Archive{Path: file, SHA256: sum},
	})
	must(b, err)
	return i
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkLevels runs the levels and the usual commands in turn; the figures are
// medians, and ratios of them.
func BenchmarkLevels(b *testing.B) {
	i := install(b)
	platform := runtime.GOOS + "/" + runtime.GOARCH
	quick := []verify.Check{
		checks.GoVersion("", i.GOROOT, string(i.Version)), checks.GoRelease("", i.GOROOT, ">=1.25"), checks.GoParts("", i.GOROOT, platform),
		checks.GoStray("", i.GOROOT), checks.GoFirst("", filepath.Join(i.GOROOT, "bin")+":/usr/bin", i.GOROOT),
	}
	standard := append(slices.Clone(quick), checks.GoCompiles(i.GOROOT))
	deep := append(slices.Clone(standard), checks.GoTree(filepath.Dir(i.GOROOT), string(i.Version)))
	suite := func(list []verify.Check) func() {
		return func() {
			for _, r := range verify.Run(b.Context(), list...).Results {
				// What this host has in its profiles is not ours to judge.
				if r.Status != verify.Pass && !(r.Check == "go/stray" && r.Status == verify.Fail) {
					b.Fatal(r.Check, ": ", r.Finding)
				}
			}
		}
	}
	usual := func() {
		dir := b.TempDir()
		for _, args := range [][]string{{"version"}, {"env"}, {"test", "-v", "runtime/metrics"}} {
			cmd := i.Command(b.Context(), args...)
			if *cold {
				cmd.Env = append(cmd.Env, "GOCACHE="+dir)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("go %v: %v\n%s", args, err, out)
			}
		}
	}
	contestants := []struct {
		name string
		run  func()
	}{{"quick", suite(quick)}, {"standard", suite(standard)}, {"deep", suite(deep)}, {"usual", usual}}
	took := make([][]time.Duration, len(contestants))
	for _, c := range contestants { // warm
		c.run()
	}
	for b.Loop() {
		for n, c := range contestants {
			began := time.Now()
			c.run()
			took[n] = append(took[n], time.Since(began))
		}
	}
	median := func(n int) float64 {
		slices.Sort(took[n])
		return float64(took[n][len(took[n])/2].Microseconds()) / 1000
	}
	for n, c := range contestants {
		b.ReportMetric(median(n), c.name+"-ms")
		if c.name != "usual" {
			b.ReportMetric(median(len(contestants)-1)/median(n), c.name+"-times")
		}
	}
	b.ReportMetric(0, "ns/op") // it would be the sum of all
}
