package unit_test

import (
	"context"
	"testing"

	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

func TestAskWithoutSystemd(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := unit.Ask(context.Background(), "x.service")
	require.ErrorIs(t, err, unit.ErrNoAnalyze)
}
