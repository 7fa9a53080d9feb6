package layout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/layout"
)

// many is a tree of n entries as they are met: directories with a few files.
func many(root string, n int) layout.Tree {
	tree := layout.Tree{Root: root, Owners: layout.ApplyOwners}
	content := []byte("# a small file of configuration\nlisten = 127.0.0.1:8080\n")
	for i := 0; len(tree.Entries) < n; i++ {
		dir := fmt.Sprintf("/srv/%03d/%05d", i/100, i)
		tree.Entries = append(tree.Entries, layout.Dir{Path: dir, Mode: 0o750},
			layout.File{Path: dir + "/a.conf", Content: content, Mode: 0o640}, layout.File{Path: dir + "/b.conf", Content: content},
			layout.Symlink{Path: dir + "/current", Target: "a.conf"})
	}
	tree.Entries = own(tree.Entries[:n])
	return tree
}

func BenchmarkNoChange(b *testing.B) {
	for _, n := range []int{20, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tree := many(b.TempDir(), n)
			_, err := tree.Ensure(b.Context())
			require.NoError(b, err)
			b.ReportAllocs()
			best := time.Hour // what it takes when nothing else runs
			for b.Loop() {
				begin := time.Now()
				if changes, err := tree.Ensure(b.Context()); err != nil || len(changes) > 0 {
					b.Fatal(changes, err)
				}
				best = min(best, time.Since(begin))
			}
			b.ReportMetric(float64(best.Nanoseconds())/float64(n), "best-ns/entry")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/entry")
		})
	}
}

func BenchmarkCreate(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				tree := many(b.TempDir(), n)
				b.StartTimer()
				_, err := tree.Ensure(b.Context())
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/entry")
		})
	}
}
