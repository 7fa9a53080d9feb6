package syscalls_test

import (
	"testing"

	"github.com/bedplate/bedplate/unit/internal/syscalls"
	"github.com/stretchr/testify/require"
)

func TestGroups(t *testing.T) {
	for _, v := range []int{0, 247, 250, 252, 257, 300} {
		require.Contains(t, syscalls.Expand(v, "@privileged"), "chown", "a group within the group, in %d", v)
		require.True(t, syscalls.Known(v, "@system-service"))
		require.True(t, syscalls.Known(v, "openat2"))
		require.False(t, syscalls.Known(v, "opennat"))
		require.Equal(t, []string{"open"}, syscalls.Expand(v, "open"))
	}
	require.False(t, syscalls.Known(252, "@sandbox"))
	require.True(t, syscalls.Known(257, "@sandbox"))
	require.False(t, syscalls.Native("vm86"))
	require.True(t, syscalls.Native("swapon"))
}
