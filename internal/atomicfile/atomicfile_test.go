package atomicfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func open(t testing.TB) *os.File {
	t.Helper()
	d, err := os.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

func list(t *testing.T, d *os.File) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(d.Name())
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestWriteAt(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	d := open(t)
	path := filepath.Join(d.Name(), "f")
	for _, step := range []struct {
		data string
		o    Options
		want Outcome
		mode fs.FileMode
	}{
		{"a", Options{}, Created, 0o644},
		{"a", Options{}, Unchanged, 0o644},
		{"b", Options{}, Updated, 0o644},
		{"b", Options{Mode: 0o600}, Adjusted, 0o600},
		{"b", Options{Mode: 0o600, Owner: Own(os.Getuid(), os.Getgid())}, Unchanged, 0o600},
		{"", Options{Mode: 0o755 | fs.ModeSetgid}, Updated, 0o755 | fs.ModeSetgid},
		{strings.Repeat("x", 200_000), Options{}, Updated, 0o644},
		{strings.Repeat("x", 200_000), Options{}, Unchanged, 0o644},
		{strings.Repeat("x", 199_999) + "y", Options{}, Updated, 0o644},
	} {
		got, err := WriteAt(d, "f", []byte(step.data), step.o)
		require.NoError(t, err)
		require.Equal(t, step.want, got)
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, step.data, string(b))
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, step.mode, info.Mode())
	}
	require.Equal(t, []string{"f"}, list(t, d))
}

func TestIrregularIsRefused(t *testing.T) {
	d := open(t)
	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, []byte("v"), 0o600))
	require.NoError(t, os.Symlink(victim, filepath.Join(d.Name(), "link")))
	require.NoError(t, os.Mkdir(filepath.Join(d.Name(), "dir"), 0o755))
	require.NoError(t, syscall.Mkfifo(filepath.Join(d.Name(), "fifo"), 0o600))
	for _, name := range []string{"link", "dir", "fifo"} {
		_, err := WriteAt(d, name, []byte("x"), Options{})
		require.ErrorIs(t, err, ErrIrregular, name)
	}
	_, err := SymlinkAt(d, "target", "dir")
	require.ErrorIs(t, err, ErrIrregular)
	b, err := os.ReadFile(victim)
	require.NoError(t, err)
	require.Equal(t, "v", string(b))
}

func TestHardLinkKeepsItsContentAndMode(t *testing.T) {
	d := open(t)
	a, b := filepath.Join(d.Name(), "a"), filepath.Join(d.Name(), "b")
	require.NoError(t, os.WriteFile(a, []byte("x"), 0o600))
	require.NoError(t, os.Link(a, b))
	got, err := WriteAt(d, "b", []byte("x"), Options{Mode: 0o666})
	require.NoError(t, err)
	require.Equal(t, Adjusted, got)
	info, err := os.Stat(a)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode(), "the other name's file is not ours to change")
}

func TestRemainsOfAKilledWriterAreCleared(t *testing.T) {
	d := open(t)
	require.NoError(t, os.WriteFile(filepath.Join(d.Name(), temporary("f")), []byte("half"), 0o600))
	got, err := WriteAt(d, "f", []byte("whole"), Options{})
	require.NoError(t, err)
	require.Equal(t, Created, got)
	require.Equal(t, []string{"f"}, list(t, d))
}

func TestClearAt(t *testing.T) {
	d := open(t)
	require.NoError(t, ClearAt(d, "f"))
	require.NoError(t, os.WriteFile(filepath.Join(d.Name(), temporary("f")), []byte("half"), 0o600))
	require.NoError(t, os.Symlink("half", filepath.Join(d.Name(), temporary("f→"))))
	held, err := create(d, temporary("busy"))
	require.NoError(t, err)
	defer held.Close()
	require.NoError(t, ClearAt(d, "f"))
	require.NoError(t, ClearAt(d, "busy"))
	require.Equal(t, []string{temporary("busy")}, list(t, d))
}

func TestManyWriters(t *testing.T) {
	d := open(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 20 {
				_, err := WriteAt(d, "f", []byte(strings.Repeat(fmt.Sprintf("%02d%02d", i, j), 1000)), Options{})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b, err := os.ReadFile(filepath.Join(d.Name(), "f"))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat(string(b[:4]), 1000), string(b), "never mixed")
	require.Equal(t, []string{"f"}, list(t, d))
}

func TestSymlinkAt(t *testing.T) {
	d := open(t)
	require.NoError(t, os.Mkdir(filepath.Join(d.Name(), "v1"), 0o755))
	for _, step := range []struct {
		target string
		want   Outcome
	}{{"v1", Created}, {"v1", Unchanged}, {"v2", Updated}, {strings.Repeat("long/", 200), Updated}, {strings.Repeat("long/", 200), Unchanged}} {
		got, err := SymlinkAt(d, step.target, "current")
		require.NoError(t, err)
		require.Equal(t, step.want, got)
	}
	require.Equal(t, []string{"current", "v1"}, list(t, d), "nothing was made inside the old target")
}

func TestReplacedLinkIsHeld(t *testing.T) {
	d := open(t)
	for _, step := range []struct {
		target string
		want   Outcome
	}{{"v1", Created}, {"v1", Unchanged}, {"v2", Updated}} {
		got, old, err := RelinkAt(d, step.target, "current")
		require.NoError(t, err)
		require.Equal(t, step.want, got)
		require.Equal(t, runtime.GOOS == "linux" && step.want == Updated, old != nil)
		if old != nil {
			text, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", old.Fd()))
			require.NoError(t, err)
			require.Contains(t, text, "current", "it is open still")
		}
		require.NoError(t, Retire(old))
	}
}

func TestManyLinkers(t *testing.T) {
	d := open(t)
	require.NoError(t, os.Symlink("half", filepath.Join(d.Name(), temporary("current→"))))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				if _, err := SymlinkAt(d, fmt.Sprintf("v%d.%d", i, j), "current"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, []string{"current"}, list(t, d), "nothing is left, of a dead writer neither")
}

func TestLongestName(t *testing.T) {
	d := open(t)
	name := strings.Repeat("n", 255)
	_, err := WriteAt(d, name, nil, Options{})
	require.NoError(t, err)
	_, err = SymlinkAt(d, "x", strings.Repeat("l", 255))
	require.NoError(t, err)
	require.True(t, IsTemporary(temporary(name)))
	require.False(t, IsTemporary(name))
}

func TestReadOnlyDirectory(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root writes everywhere; the unprivileged run covers this")
	}
	d := open(t)
	require.NoError(t, os.Chmod(d.Name(), 0o555))
	_, err := WriteAt(d, "f", nil, Options{})
	require.ErrorIs(t, err, fs.ErrPermission)
	require.ErrorContains(t, err, "/f")
}
