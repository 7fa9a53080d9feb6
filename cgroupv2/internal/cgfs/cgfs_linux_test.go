package cgfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// plain opens an ordinary folder as if it were a hierarchy, both ways that there
// are to open what is below.
func plain(t *testing.T, do func(t *testing.T, dir string, tree *Tree)) {
	for name, walks := range map[string]bool{"openat2": false, "walk": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var st unix.Statfs_t
			require.NoError(t, unix.Statfs(dir, &st))
			tree, err := open(dir, int64(st.Type)) //nolint:unconvert // its width differs between architectures
			require.NoError(t, err)
			tree.walks = walks
			do(t, dir, tree)
			require.NoError(t, tree.Close())
		})
	}
}

func TestNothingLeadsOut(t *testing.T) {
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "pids.max"), []byte("max\n"), 0o644))
	plain(t, func(t *testing.T, dir string, tree *Tree) {
		require.NoError(t, tree.Mkdir("a"))
		require.NoError(t, tree.Mkdir("a"), "one that is there")
		require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
		require.NoError(t, os.Symlink(filepath.Join(outside, "pids.max"), filepath.Join(dir, "a/pids.max")))
		require.NoError(t, os.Symlink("a", filepath.Join(dir, "inner")))
		for _, rel := range []string{"link", "a", "inner"} {
			require.ErrorIs(t, tree.Write(rel, "pids.max", "1"), ErrNotCgroup2, rel)
			_, err := tree.Exchange(rel, "pids.max", "1")
			require.ErrorIs(t, err, ErrNotCgroup2, rel)
			_, err = tree.Read(rel, "pids.max")
			require.ErrorIs(t, err, ErrNotCgroup2, rel)
		}
		require.ErrorIs(t, tree.Mkdir("link/x"), ErrNotCgroup2)
		_, err := tree.Exists("link/x")
		require.ErrorIs(t, err, ErrNotCgroup2)
		text, err := os.ReadFile(filepath.Join(outside, "pids.max"))
		require.NoError(t, err)
		require.Equal(t, "max\n", string(text))
		_, err = os.Stat(filepath.Join(outside, "x"))
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

func TestFiles(t *testing.T) {
	plain(t, func(t *testing.T, dir string, tree *Tree) {
		require.NoError(t, tree.Mkdir("a"))
		require.NoError(t, tree.Mkdir("a/b"))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a/f"), []byte("max\n"), 0o644))
		text, err := tree.Read("a", "f")
		require.NoError(t, err)
		require.Equal(t, "max", text)
		text, err = tree.Exchange("a", "f", "123\n")
		require.NoError(t, err)
		require.Equal(t, "123", text)
		_, err = tree.Read("a", "g")
		require.ErrorIs(t, err, fs.ErrNotExist)
		names, err := tree.Children("a")
		require.NoError(t, err)
		require.Equal(t, []string{"b"}, names)
		there, err := tree.Exists("a/c")
		require.NoError(t, err)
		require.False(t, there)
		require.ErrorIs(t, tree.Rmdir(""), unix.EBUSY)
		require.NoError(t, tree.Rmdir("a/b"))

		// What is read is of the group that was asked for, and not of the last one.
		require.NoError(t, tree.Mkdir("other"))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "other/f"), []byte("other"), 0o644))
		for range 2 {
			for rel, want := range map[string]string{"a": "123", "other": "other"} {
				text, err := tree.Read(rel, "f")
				require.NoError(t, err)
				require.Equal(t, want, text)
			}
		}
	})
}

// What was read to plan on is what is written, whatever has its name by then.
func TestWhatWasReadIsWritten(t *testing.T) {
	plain(t, func(t *testing.T, dir string, tree *Tree) {
		before := 0
		open := func() int {
			names, err := os.ReadDir("/proc/self/fd")
			require.NoError(t, err)
			return len(names)
		}
		before = open()
		for _, rel := range []string{"a", "b"} {
			require.NoError(t, tree.Mkdir(rel))
			require.NoError(t, os.WriteFile(filepath.Join(dir, rel, "f"), []byte("max\n"), 0o644))
		}
		for range 2 {
			text, err := tree.Now("a", "f")
			require.NoError(t, err)
			require.Equal(t, "max", text)
		}
		require.NoError(t, os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "old")))
		require.NoError(t, tree.Mkdir("a"))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a/f"), []byte("new\n"), 0o644))
		text, err := tree.Exchange("a", "f", "123\n")
		require.NoError(t, err)
		require.Equal(t, "123", text)
		for file, want := range map[string]string{"a/f": "new\n", "old/f": "123\n"} {
			b, err := os.ReadFile(filepath.Join(dir, file))
			require.NoError(t, err)
			require.Equal(t, want, string(b), file)
		}
		// Another group's: nothing of the last one is taken for it, or stays open.
		_, err = tree.Now("b", "g")
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.LessOrEqual(t, open(), before+1, "the group's own directory")
		// More than one read takes.
		long := strings.Repeat("254:16 rbps=1\n", 500)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "b/long"), []byte(long), 0o644))
		text, err = tree.Now("b", "long")
		require.NoError(t, err)
		require.Equal(t, strings.TrimSuffix(long, "\n"), text)
		if os.Getuid() != 0 { // root may write everything
			require.NoError(t, os.WriteFile(filepath.Join(dir, "b/readonly"), []byte("1\n"), 0o444))
			text, err = tree.Now("b", "readonly")
			require.NoError(t, err)
			require.Equal(t, "1", text)
			_, err = tree.Exchange("b", "readonly", "2")
			require.ErrorIs(t, err, fs.ErrPermission)
		}
	})
}

// Leaves are not listed, and what is removed is told from what has no controller.
func TestLeaves(t *testing.T) {
	plain(t, func(t *testing.T, dir string, tree *Tree) {
		require.NoError(t, tree.Mkdir("a"))
		require.NoError(t, tree.Mkdir("a/b"))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a/cgroup.controllers"), nil, 0o644))
		top, err := tree.Dir("")
		require.NoError(t, err)
		require.False(t, top.Leaf())
		a, err := top.Below([]byte("a\x00"), tree)
		require.NoError(t, err)
		require.False(t, a.Leaf())
		require.True(t, a.There())
		b, err := a.Below([]byte("b\x00"), tree)
		require.NoError(t, err)
		require.False(t, b.There())
		for _, d := range []Dir{top, a, b} {
			require.NoError(t, d.Close())
		}
	})
}

func TestEntries(t *testing.T) {
	plain(t, func(t *testing.T, dir string, tree *Tree) {
		want := map[string]bool{}
		for i := range 300 {
			name := "group-with-a-long-name-" + string(rune('a'+i%26)) + string(rune('a'+i/26))
			require.NoError(t, tree.Mkdir(name))
			want[name] = true
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
		d, err := tree.Dir("")
		require.NoError(t, err)
		entries, err := d.Entries(nil)
		require.NoError(t, err)
		for name, rest := Next(entries); name != nil; name, rest = Next(rest) {
			require.True(t, want[string(name[:len(name)-1])], "%q", name)
			delete(want, string(name[:len(name)-1]))
		}
		require.Empty(t, want)
		require.NoError(t, d.Close())
	})
	// What is no directory's list ends, and does not crash.
	for _, garbage := range [][]byte{nil, make([]byte, 10), make([]byte, 100), {18: 4, 16: 255, 17: 255}} {
		name, _ := Next(garbage)
		require.Nil(t, name)
	}
}

func TestWatchSeesTheEnd(t *testing.T) {
	plain(t, func(t *testing.T, dir string, tree *Tree) {
		require.NoError(t, tree.Mkdir("a"))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a/cgroup.events"), []byte("populated 0\n"), 0o644))
		w, err := tree.Watch("a", "cgroup.events")
		require.NoError(t, err)
		defer w.Close()
		go func() { _ = os.WriteFile(filepath.Join(dir, "a/cgroup.events"), []byte("populated 1\n"), 0o644) }()
		require.NoError(t, w.Wait(t.Context()))
		go func() { _ = os.RemoveAll(filepath.Join(dir, "a")) }()
		for there := true; there; {
			require.NoError(t, w.Wait(t.Context()))
			there, err = tree.Exists("a")
			require.NoError(t, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		for err = nil; err == nil; {
			err = w.Wait(ctx)
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestNoHierarchy(t *testing.T) {
	_, err := open(t.TempDir(), unix.CGROUP2_SUPER_MAGIC)
	require.ErrorIs(t, err, ErrNotCgroup2)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink("/proc", link))
	_, err = open(link, unix.PROC_SUPER_MAGIC)
	require.Error(t, err, "the place itself may be no link")
	_, err = open(filepath.Join(t.TempDir(), "absent"), 0)
	require.True(t, errors.Is(err, fs.ErrNotExist))
}

func TestRelative(t *testing.T) {
	for path, want := range map[string]string{
		"/": "", "/sys/fs/cgroup": "", "/sys/fs/cgroup/": "", "/sys/fs/cgroup/a/b": "a/b", "/a/b": "a/b", "a/b/": "a/b", "a": "a", "/sys/fs/cgroupx": "sys/fs/cgroupx", "a\\x2db.slice": "a\\x2db.slice",
	} {
		got, err := Relative(path)
		require.NoError(t, err, path)
		require.Equal(t, want, got)
	}
	for _, path := range []string{"", "..", "/..", "a/..", "a/./b", "a//b", "/sys/fs/cgroup/../x", "a\x00", "a\nb"} {
		_, err := Relative(path)
		var bad *PathError
		require.ErrorAs(t, err, &bad, "%q", path)
	}
}

// Where a process may run is where all its threads do.
func TestConfine(t *testing.T) {
	var all unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &all))
	first := -1
	for i := range len(all) * 64 {
		if all.IsSet(i) {
			first = i
			break
		}
	}
	require.GreaterOrEqual(t, first, 0)
	cmd := &os.ProcAttr{Files: []*os.File{nil, nil, nil}}
	p, err := os.StartProcess("/bin/sleep", []string{"sleep", "100"}, cmd)
	require.NoError(t, err)
	defer func() { _ = p.Kill(); _, _ = p.Wait() }()
	require.NoError(t, Confine(p.Pid, []int{first}))
	var now unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(p.Pid, &now))
	require.Equal(t, 1, now.Count())
	require.True(t, now.IsSet(first))
	require.NoError(t, Confine(1<<22-3, []int{first}), "one that has ended")
	started := false
	require.NoError(t, On([]int{first}, func() error { started = true; return nil }))
	require.True(t, started)
	require.NoError(t, unix.SchedGetaffinity(0, &now))
	require.Equal(t, all.Count(), now.Count(), "as before")
}
