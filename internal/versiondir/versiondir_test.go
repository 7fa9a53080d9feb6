package versiondir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func open(t testing.TB, dir string) *Store {
	t.Helper()
	d, err := os.Open(dir)
	require.NoError(t, err)
	s := Open(d)
	t.Cleanup(func() { s.Close() })
	return s
}

func publish(t testing.TB, s *Store, name string) {
	t.Helper()
	st, err := s.Stage(t.Context(), name)
	require.NoError(t, err)
	require.NoError(t, st.Root.WriteFile("version", []byte(name), 0o644))
	require.NoError(t, st.Publish())
}

func TestLife(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	current, err := s.Current()
	require.NoError(t, err)
	require.Empty(t, current)
	publish(t, s, "1")
	publish(t, s, "2")
	names, err := s.List()
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2"}, names)

	_, err = s.Stage(t.Context(), "1")
	require.ErrorIs(t, err, ErrPublished)
	_, err = s.Use("3")
	require.ErrorIs(t, err, fs.ErrNotExist)
	for _, step := range []struct {
		name    string
		changed bool
	}{{"1", true}, {"1", false}, {"2", true}} {
		changed, err := s.Use(step.name)
		require.NoError(t, err)
		require.Equal(t, step.changed, changed)
		b, err := os.ReadFile(filepath.Join(dir, "current", "version"))
		require.NoError(t, err)
		require.Equal(t, step.name, string(b))
	}
	require.ErrorIs(t, s.Remove(t.Context(), "2"), ErrInUse)
	require.NoError(t, os.Chmod(filepath.Join(dir, "1"), 0o555))
	require.NoError(t, s.Remove(t.Context(), "1"))
	require.ErrorIs(t, s.Remove(t.Context(), "1"), fs.ErrNotExist)
}

func TestNames(t *testing.T) {
	s := open(t, t.TempDir())
	for _, name := range []string{"", ".", "..", "a/b", "current", ".hidden", "a\nb"} {
		_, err := s.Stage(t.Context(), name)
		require.ErrorContains(t, err, "can't be the name", name)
		_, err = s.Use(name)
		require.Error(t, err, name)
		require.Error(t, s.Remove(t.Context(), name), name)
	}
}

func TestDiscardAndRemains(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	st, err := s.Stage(t.Context(), "1")
	require.NoError(t, err)
	require.NoError(t, st.Root.WriteFile("half", nil, 0o644))
	require.NoError(t, st.Discard())
	has, err := s.Has("1")
	require.NoError(t, err)
	require.False(t, has)

	// What a killed process left behind does not reach the next one's tree.
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".1.new", "ro"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".1.new", "ro", "remains"), nil, 0o644))
	require.NoError(t, os.Chmod(filepath.Join(dir, ".1.new", "ro"), 0o555))
	publish(t, s, "1")
	_, err = os.Stat(filepath.Join(dir, "1", "ro"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestRemainsOfOtherVersionsAreCleared(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	living, err := s.Stage(t.Context(), "living")
	require.NoError(t, err)
	for _, name := range []string{".dead.new", ".dead.old", ".1.2.new", ".other", ".new", "kept.new"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, name, "below"), 0o755))
	}
	for _, name := range []string{".dead.lock", ".former.lock", ".lock", "kept.lock", ".a.b.other"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	publish(t, s, "1")
	all := func() (names []string) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	require.Equal(t, []string{".a.b.other", ".living.lock", ".living.new", ".lock", ".new", ".other", "1", "kept.lock", "kept.new"}, all())
	require.NoError(t, living.Publish())
	_, err = s.Stage(t.Context(), "1")
	require.ErrorIs(t, err, ErrPublished)
	require.NoError(t, s.Remove(t.Context(), "1"))
	require.Equal(t, []string{".a.b.other", ".lock", ".new", ".other", "kept.lock", "kept.new", "living"}, all())
}

func TestOneOfManyPublishes(t *testing.T) {
	dir := t.TempDir()
	var published, waited atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			d, err := os.Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			s := Open(d)
			defer s.Close()
			st, err := s.Stage(context.Background(), "1")
			if errors.Is(err, ErrPublished) {
				waited.Add(1)
				return
			}
			if err == nil {
				err = st.Publish()
			}
			if err != nil {
				t.Error(err)
			}
			published.Add(1)
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, published.Load())
	require.EqualValues(t, 15, waited.Load())
}

// TestCurrentIsNeverAbsentOrMixed reads through the link while it is switched.
func TestCurrentIsNeverAbsentOrMixed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	publish(t, s, "1")
	publish(t, s, "2")
	_, err := s.Use("1")
	require.NoError(t, err)
	reads, switches := 10_000, 150
	if os.Getenv("BEDPLATE_LONG") != "" {
		reads, switches = 1_000_000, 10_000
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range switches {
			if _, err := s.Use([]string{"2", "1"}[i%2]); err != nil {
				t.Error(err)
			}
		}
	}()
	for range reads {
		b, err := os.ReadFile(filepath.Join(dir, "current", "version"))
		require.NoError(t, err)
		require.Contains(t, []string{"1", "2"}, string(b))
	}
	<-done
}
