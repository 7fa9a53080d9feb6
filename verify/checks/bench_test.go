package checks_test

import (
	"testing"

	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
)

// The levels on the Go that runs this; internal/bench/verify compares them with
// the usual commands, and has the deep one.
func BenchmarkQuick(b *testing.B)    { level(b, false) }
func BenchmarkStandard(b *testing.B) { level(b, true) }

func level(b *testing.B, standard bool) {
	goroot, version := sdk(b)
	list := []verify.Check{
		checks.GoVersion("", goroot, version), checks.GoRelease("", goroot, ">=1.25"), checks.GoParts("", goroot, platform),
		checks.GoStray("", goroot), checks.GoFirst("", goroot+"/bin", goroot),
	}
	if standard {
		list = append(list, checks.GoCompiles(goroot))
	}
	b.ReportAllocs()
	for b.Loop() {
		if r := verify.Run(b.Context(), list...); r.Count(verify.Unknown) > 0 {
			b.Fatal(r.Err())
		}
	}
}
