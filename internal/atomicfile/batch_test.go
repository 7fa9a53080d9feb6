package atomicfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBatch(t *testing.T) {
	for _, n := range []int{0, 1, Few, 40} {
		d := open(t)
		require.NoError(t, os.WriteFile(filepath.Join(d.Name(), "old"), []byte("old"), 0o600))
		var b Batch
		write := func(name string) {
			require.NoError(t, b.Write(d, name, strings.NewReader("new "+name), int64(4+len(name)), Options{Mode: 0o640}))
		}
		write("old")
		var want []string
		for i := range n {
			name := fmt.Sprintf("%02d", i)
			write(name)
			want = append(want, name)
		}
		old, err := os.ReadFile(filepath.Join(d.Name(), "old"))
		require.NoError(t, err)
		require.Equal(t, "old", string(old), "not before Publish")
		require.Equal(t, n+1, b.Len())
		published, err := b.Publish()
		require.NoError(t, err)
		require.Equal(t, n+1, published)
		require.Zero(t, b.Len())
		require.Equal(t, append(want, "old"), list(t, d))
		for _, name := range list(t, d) {
			got, err := os.ReadFile(filepath.Join(d.Name(), name))
			require.NoError(t, err)
			require.Equal(t, "new "+name, string(got))
		}
	}
}

func TestBatchThatFails(t *testing.T) {
	d := open(t)
	var b Batch
	for _, name := range []string{"a", "b", "c"} {
		require.NoError(t, b.Write(d, name, strings.NewReader("x"), 1, Options{}))
	}
	require.NoError(t, os.Mkdir(filepath.Join(d.Name(), "b"), 0o755))
	published, err := b.Publish()
	require.Error(t, err)
	require.Equal(t, 1, published)
	require.Equal(t, []string{"a", "b"}, list(t, d), "the rest is removed")

	require.ErrorIs(t, b.Write(d, "b", strings.NewReader("x"), 1, Options{}), ErrIrregular)
	require.Error(t, b.Write(d, "short", strings.NewReader("x"), 2, Options{}))
	require.NoError(t, b.Write(d, "c", strings.NewReader("x"), 1, Options{}))
	require.NoError(t, b.Discard())
	require.Equal(t, []string{"a", "b"}, list(t, d))
}
