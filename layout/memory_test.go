package layout_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// inMemory gives a directory in which syncing costs nothing: what is on disk is
// not what these tests ask, but which calls were made, and in what order.
func inMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "layout-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}
