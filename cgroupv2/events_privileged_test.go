//go:build privileged

package cgroupv2_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/cgroupv2"
)

// descriptors counts this process's open files.
func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(names)
}

func TestEventsTellAllAndTheEnd(t *testing.T) {
	d := delegated(t)
	g := made(t, d+"/x", cgroupv2.Limits{MemoryMax: cgroupv2.MiB(64), MemorySwapMax: cgroupv2.Bytes(0), TasksMax: cgroupv2.Tasks(30)})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stage := 0
	var end error
	for e, err := range g.Events(ctx) {
		if err != nil {
			end = err
			break
		}
		switch {
		case stage == 0:
			require.False(t, e.Populated)
			starts(t, g, "eat", "200")
			stage = 1
		case stage == 1 && e.Memory.OOMKills == 1 && !e.Populated:
			require.NoError(t, g.Remove())
			stage = 2
		}
	}
	require.Equal(t, 2, stage)
	require.ErrorIs(t, end, fs.ErrNotExist)

	// No descriptor is left over, however it ends.
	g = made(t, d+"/y", cgroupv2.Limits{})
	before := descriptors(t)
	for i := range times(100, 1000) {
		ctx, cancel := context.WithCancel(t.Context())
		if i%2 == 0 {
			go cancel()
		}
		for _, err := range g.Events(ctx) {
			require.NoError(t, err)
			if i%3 == 0 {
				break
			}
			cancel()
		}
		cancel()
	}
	require.Equal(t, before, descriptors(t))

	for _, err := range (cgroupv2.Group{Path: d + "/absent"}).Events(t.Context()) {
		require.True(t, errors.Is(err, fs.ErrNotExist), "%v", err)
	}
}
