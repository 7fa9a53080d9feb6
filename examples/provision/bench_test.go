package main

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/bedplate/bedplate"
	"github.com/stretchr/testify/require"
)

// BenchmarkSecondRun is what a run costs that finds everything as wanted: all
// resources planned, and nothing written, asked or started.
func BenchmarkSecondRun(b *testing.B) {
	from, err := archive()
	require.NoError(b, err)
	args := append([]string{"-root", filepath.Join(b.TempDir(), "machine"), "-src", "../..", "-json"}, from...)
	code, err := run(b.Context(), args, io.Discard, io.Discard)
	require.NoError(b, err)
	require.Zero(b, code)
	o, err := parse(args, io.Discard)
	require.NoError(b, err)
	o.sdk, err = chooseSource(b.Context(), o, nil)
	require.NoError(b, err)
	steps, err := o.steps()
	require.NoError(b, err)
	b.Run("all", func(b *testing.B) { plan(b, steps...) })
	for _, s := range steps {
		b.Run(s.Name, func(b *testing.B) { plan(b, s) })
	}
}

func plan(b *testing.B, steps ...bedplate.Step) {
	b.ReportAllocs()
	for b.Loop() {
		changes, err := bedplate.Apply(b.Context(), steps...)
		if err != nil || len(changes) > 0 {
			b.Fatal(changes, err)
		}
	}
}
