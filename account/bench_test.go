package account_test

import (
	"testing"

	"github.com/bedplate/bedplate/account"
)

// BenchmarkConverged is a run over accounts that are as wanted: six files are
// read, nothing is written, no process is started.
func BenchmarkConverged(b *testing.B) {
	s := account.Set{Root: rootWith(b, nil), Backend: account.Files, Groups: []account.Group{{Name: "crew"}}, Users: []account.User{{Name: "app", Groups: []string{"adm", "crew"}}, {Name: "worker"}}}
	if _, err := s.Ensure(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if made, err := s.Ensure(b.Context()); err != nil || len(made) > 0 {
			b.Fatal(made, err)
		}
	}
}

func BenchmarkWritable(b *testing.B) {
	root := rootWith(b, nil)
	id := account.Identity{UID: 54321, GID: 54321}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := id.Writable(root, "/usr/sbin/nologin"); err != nil {
			b.Fatal(err)
		}
	}
}
