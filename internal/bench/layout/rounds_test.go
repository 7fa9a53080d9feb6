package layout

import (
	"slices"
	"testing"
	"time"
)

type rounds []time.Duration

func (r *rounds) time(b *testing.B, do func() error) {
	begin := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	*r = append(*r, time.Since(begin))
}

func (r rounds) median() time.Duration {
	s := slices.Sorted(slices.Values(r))
	return s[len(s)/2]
}
