package layout_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/sysfault"
	"github.com/bedplate/bedplate/layout"
)

// faulty is a tree in which every kind of change is due, once with recorded
// owners and once with applied ones.
func faulty(root string, owners layout.Owners) layout.Tree {
	entries := []layout.Entry{
		layout.Dir{Path: "/new/dir", Mode: 0o750},
		layout.Dir{Path: "/wide", Mode: 0o700, Purge: []string{"stale*", "old*/"}},
		layout.File{Path: "/new/dir/f", Content: []byte("new"), Mode: 0o640},
		layout.File{Path: "/changed", Content: []byte("new")},
		layout.File{Path: "/copied", Source: layout.FromHost(root + "/source")},
		layout.File{Path: "/loose", Content: []byte("same"), Mode: 0o600},
		layout.File{Path: "/granted", Content: []byte("same"), Mode: 0o640, Grants: []layout.Grant{{User: "4711", Rights: 4}}},
		layout.Dir{Path: "/new/granted", Grants: []layout.Grant{}, Inherited: []layout.Grant{{User: "4711", Rights: 5}}},
		layout.File{Path: "/new/granted/f", Content: []byte("new"), Grants: []layout.Grant{{User: "4711", Rights: 6}}},
		layout.Symlink{Path: "/link", Target: "new"},
		layout.Symlink{Path: "/new/link", Target: "new"},
		layout.Absent{Path: "/gone", Recursive: true},
	}
	if owners == layout.ApplyOwners {
		entries = own(entries)
	}
	return layout.Tree{Root: root, Owners: owners, Entries: entries}
}

func prepare(t *testing.T, root string) {
	for name, content := range map[string]string{
		"wide/stale": "", "wide/old/x": "", "changed": "old", "copied": "old", "source": "new", "loose": "same", "granted": "same", "gone/a/b": "", "gone/c": "",
	} {
		write(t, root, name, content, 0o644)
	}
	require.NoError(t, os.Symlink("old", filepath.Join(root, "link")))
}

// TestEnsureInChild is the process that the next test kills.
func TestEnsureInChild(t *testing.T) {
	root := os.Getenv("LAYOUT_TEST_ROOT")
	if root == "" {
		return
	}
	tree := faulty(root, layout.Owners(os.Getenv("LAYOUT_TEST_OWNERS")))
	sysfault.Begin()
	_, err := tree.Ensure(t.Context())
	sysfault.End()
	require.NoError(t, err)
}

// whole checks that every file is the old one or the new one.
func whole(t *testing.T, root string) {
	t.Helper()
	for name, want := range map[string][]string{"changed": {"old", "new"}, "copied": {"old", "new"}, "loose": {"same"}, "granted": {"same"}, "new/dir/f": {"", "new"}, "new/granted/f": {"", "new"}} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if len(want) > 1 && want[0] == "" && os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		require.Contains(t, want, string(b))
		require.NotEqual(t, "", string(b))
	}
	target, err := os.Readlink(filepath.Join(root, "link"))
	require.NoError(t, err)
	require.Contains(t, []string{"old", "new"}, target)
}

func leftovers(t *testing.T, root string) (all []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && atomicfile.IsTemporary(d.Name()) {
			all = append(all, strings.TrimPrefix(p, root))
		}
		return err
	}))
	return all
}

// TestKilledAnywhere: at each system call that changes something, the process
// dies. Every file is whole, and the next run finishes the work.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	for _, owners := range []layout.Owners{layout.RecordOwners, layout.ApplyOwners} {
		steps := 0
		for at := 1; ; at++ {
			root := inMemory(t)
			prepare(t, root)
			tree := faulty(root, owners)
			result, out := sysfault.Self(t, "TestEnsureInChild", sysfault.Fault{At: at, Dir: root}, "LAYOUT_TEST_ROOT="+root, "LAYOUT_TEST_OWNERS="+string(owners))
			if !result.Status.Signaled() {
				require.Zero(t, result.Status.ExitStatus(), out)
				require.Less(t, result.Calls, at)
				break
			}
			require.Equal(t, syscall.SIGKILL, result.Status.Signal())
			whole(t, root)
			_, err := tree.Ensure(t.Context())
			require.NoError(t, err, "killed at call %d, %s", at, result.Struck)
			settled(t, tree)
			require.Empty(t, leftovers(t, root), "killed at call %d, %s", at, result.Struck)
			steps++
		}
		t.Logf("%q: killed at %d calls", owners, steps)
		require.Greater(t, steps, 20)
	}
}

// TestFailuresInChild is the process whose calls the next tests let fail, each
// in a tree of its own.
func TestFailuresInChild(t *testing.T) {
	dir := os.Getenv("LAYOUT_TEST_FAILURES")
	if dir == "" {
		return
	}
	owners, lasting := layout.Owners(os.Getenv("LAYOUT_TEST_OWNERS")), os.Getenv("LAYOUT_TEST_LASTING") != ""
	at := 1
	for ; ; at++ {
		root := filepath.Join(dir, strconv.Itoa(at))
		prepare(t, root)
		tree := faulty(root, owners)
		sysfault.Begin()
		_, err := tree.Ensure(t.Context())
		if !sysfault.End() {
			require.NoError(t, err)
			break
		}
		// Some calls can be done without: a file that can't be read for comparison
		// is written. copy_file_range's error is hidden by os.File, which copies
		// otherwise; what then fails may be another call.
		if err != nil && !strings.Contains(err.Error(), os.Getenv("LAYOUT_TEST_ERROR")) {
			require.Regexp(t, "copy_file_range|became 0 while it was copied", err.Error())
		}
		whole(t, root)
		if !lasting && !strings.Contains(fmt.Sprint(err), "unlinkat") {
			require.Empty(t, leftovers(t, root), "call %d: %v", at, err)
		}
		_, err = tree.Ensure(t.Context())
		require.NoError(t, err)
		settled(t, tree)
		require.Empty(t, leftovers(t, root))
		require.NoError(t, os.RemoveAll(root))
	}
	fmt.Println("calls:", at-1)
}

func failures(t *testing.T, owners layout.Owners, fault sysfault.Fault, env ...string) int {
	dir := inMemory(t)
	fault.Each, fault.Dir = true, dir
	result, out := sysfault.Self(t, "TestFailuresInChild", fault, append(env, "LAYOUT_TEST_FAILURES="+dir, "LAYOUT_TEST_OWNERS="+string(owners), "LAYOUT_TEST_ERROR="+fault.Errno.Error())...)
	require.True(t, result.Status.Exited() && result.Status.ExitStatus() == 0, out)
	_, after, ok := strings.Cut(out, "calls: ")
	require.True(t, ok, out)
	n, err := strconv.Atoi(strings.Fields(after)[0])
	require.NoError(t, err)
	return n
}

// errnos are all in the long form.
func errnos(short ...syscall.Errno) []syscall.Errno {
	if os.Getenv("BEDPLATE_LONG") != "" {
		return []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, syscall.EMFILE}
	}
	return short
}

// TestEachCallFails: each system call that touches files fails once. Ensure says
// so, leaves no half of anything, and the next run finishes the work.
func TestEachCallFails(t *testing.T) {
	t.Parallel()
	for owners, errnos := range map[layout.Owners][]syscall.Errno{
		layout.RecordOwners: errnos(syscall.ENOSPC), layout.ApplyOwners: errnos(syscall.EDQUOT),
	} {
		for _, errno := range errnos {
			n := failures(t, owners, sysfault.Fault{Errno: errno, Reads: true})
			t.Logf("%q: %d calls failed: %v", owners, n, errno)
			require.Greater(t, n, 100)
		}
	}
}

// TestNothingWorksAnyMore: from each call that changes something on, all fail,
// as on a file system that turned read-only.
func TestNothingWorksAnyMore(t *testing.T) {
	t.Parallel()
	for _, owners := range []layout.Owners{layout.RecordOwners, layout.ApplyOwners} {
		n := failures(t, owners, sysfault.Fault{Errno: syscall.EROFS, Lasting: true}, "LAYOUT_TEST_LASTING=1")
		t.Logf("%q: %d calls", owners, n)
		require.Greater(t, n, 20)
	}
}
