package unit_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// What Render writes, Parse and Decode read back as the same value, for any unit.
func FuzzIdentity(f *testing.F) {
	for seed := range uint64(400) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		identity(t, dice{rand.New(rand.NewPCG(seed, 1))}.Unit())
	})
}

func identity(t *testing.T, u unit.Unit) {
	t.Helper()
	text, err := unit.Render(u)
	require.NoError(t, err, "%#v", u)
	file, err := unit.Parse(u.UnitName(), strings.NewReader(string(text)))
	require.NoError(t, err)
	got, err := unit.Decode(file)
	require.NoError(t, err, "%s", text)
	require.Equal(t, u, got, "%s", text)
	again, err := unit.Render(got)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
	for _, finding := range unit.Lint(file, unit.Target{}) {
		if finding.Severity == unit.SeverityError && finding.Rule != "environment-secret" {
			t.Errorf("%s\n%s", finding, text)
		}
	}
}
