package shared_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bedplate/bedplate/verify/internal/shared"
	"github.com/stretchr/testify/require"
)

func TestReadOnce(t *testing.T) {
	ctx, end := shared.With(t.Context())
	defer end()
	var reads atomic.Int32
	read := func(context.Context) (int, error) { return int(reads.Add(1)), errors.New("each") }
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			n, err := shared.Get(ctx, "a", read)
			if n != 1 || err == nil {
				t.Error(n, err)
			}
		})
	}
	wg.Wait()
	n, _ := shared.Get(ctx, "b", read)
	require.Equal(t, 2, n, "another key")
	s, err := shared.Get(ctx, "a", func(context.Context) (string, error) { return "text", nil })
	require.NoError(t, err)
	require.Equal(t, "text", s, "another kind of value under the same key")
	again, end2 := shared.With(ctx)
	defer end2()
	n, _ = shared.Get(again, "a", read)
	require.Equal(t, 3, n, "a new scope")
	_, err = shared.Get(ctx, "panic", func(context.Context) (int, error) { panic("oh") })
	require.EqualError(t, err, "panicked: oh")
	n, _ = shared.Get(t.Context(), "a", read)
	require.Equal(t, 4, n, "no scope")
}

func TestACallersDeadlineIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := shared.With(t.Context())
		slow := func(ctx context.Context) (string, error) {
			select {
			case <-time.After(time.Minute):
				return "read", nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		hasty, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := shared.Get(hasty, "k", slow)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		s, err := shared.Get(ctx, "k", slow)
		require.NoError(t, err)
		require.Equal(t, "read", s)
		end()
		_, err = shared.Get(ctx, "other", slow)
		require.ErrorIs(t, err, context.Canceled)
	})
}
