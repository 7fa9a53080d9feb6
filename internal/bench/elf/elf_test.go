package elf

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bedplate/bedplate/toolchain/build"
)

// BenchmarkAll asks, in turn, what a program needs of its host. ldd runs the
// program's loader; readelf only reads, as we do. Figures are medians.
func BenchmarkAll(b *testing.B) {
	for _, name := range []string{"/bin/ls", "/usr/bin/git", "/usr/bin/gdb", "go"} {
		program, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if program, err = filepath.EvalSymlinks(program); err != nil {
			b.Fatal(err)
		}
		b.Run(filepath.Base(name), func(b *testing.B) {
			ways := []struct {
				name string
				do   func() error
			}{
				{"inspect", func() error { _, err := build.Inspect(program); return err }},
				{"ldd", func() error { _, _ = exec.Command("ldd", program).Output(); return nil }}, // it fails for what is static
				{"readelf", func() error {
					return exec.Command("readelf", "--wide", "--program-headers", "--dynamic", "--version-info", "--dyn-syms", program).Run()
				}},
			}
			took := make([][]time.Duration, len(ways))
			for b.Loop() {
				for i, w := range ways {
					began := time.Now()
					if err := w.do(); err != nil {
						b.Fatal(w.name, err)
					}
					took[i] = append(took[i], time.Since(began))
				}
			}
			median := func(i int) float64 {
				slices.Sort(took[i])
				return float64(took[i][len(took[i])/2].Microseconds())
			}
			for i, w := range ways {
				b.ReportMetric(median(i), w.name+"-µs")
			}
			b.ReportMetric(median(1)/median(0), "ldd/inspect")
			b.ReportMetric(median(2)/median(0), "readelf/inspect")
			b.ReportMetric(0, "ns/op")
		})
	}
}
