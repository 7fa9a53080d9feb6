//go:build privileged

package unit_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// TestAsk: systemd-analyze gives its opinion on good and bad files, and passes
// over a value that Lint finds.
func TestAsk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		return file
	}
	good := write("good.service", "[Service]\nExecStart=/bin/true\nPrivateTmp=yes\n")
	o, err := unit.Ask(context.Background(), good)
	require.NoError(t, err)
	require.Equal(t, testenv.Systemd(t), o.Systemd)
	for _, c := range o.Complaints {
		require.NotContains(t, c, "good.service")
	}
	bad := write("bad.service", "[Service]\nExecStart=/bin/true\nMemoryMax=512MB\n")
	o, err = unit.Ask(context.Background(), good, bad)
	require.NoError(t, err)
	require.Contains(t, strings.Join(o.Complaints, "\n"), "bad.service:3")
	if o.Systemd >= 250 {
		text, err := os.ReadFile(good)
		require.NoError(t, err)
		f, err := unit.Parse("good.service", strings.NewReader(string(text)))
		require.NoError(t, err)
		require.Equal(t, unit.Score(f, unit.Target{Systemd: o.Systemd}).Tenths, o.Exposure["good.service"])
	} else {
		require.Nil(t, o.Exposure)
	}
}
