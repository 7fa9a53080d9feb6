package account_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/sysfault"
)

// busy is a set in which every kind of change is due.
func busy(root string, backend account.Backend) account.Set {
	s := account.Set{Root: root, Backend: backend, Groups: []account.Group{{Name: "crew", GID: 950}}, Users: []account.User{{Name: "worker", Group: "crew"}, {Name: "app", Comment: "Ours"}}}
	if backend == account.Files {
		s.Groups = append(s.Groups, account.Group{Name: "former", Absent: true})
		s.Users[1].Groups, s.Users[1].SubIDs = []string{"adm", "crew"}, true
		s.Users = append(s.Users, account.User{Name: "old", Groups: []string{"adm"}}, account.User{Name: "gone", Absent: true})
	}
	return s
}

func busyRoot(t testing.TB) string {
	return rootWith(t, map[string]string{
		"etc/passwd": passwdText + "gone:x:900:900::/:/bin/sh\n", "etc/group": groupText + "gone:x:900:\nformer:x:901:\n",
		"etc/shadow": shadowText + "\ngone:$6$x:1::::::\n", "etc/gshadow": gshadowText + "former:!::gone\n",
	})
}

// TestEnsureInChild is the process that the tests below stop.
func TestEnsureInChild(t *testing.T) {
	root := os.Getenv("ACCOUNT_TEST_ROOT")
	if root == "" {
		return
	}
	s := busy(root, account.Backend(os.Getenv("ACCOUNT_TEST_BACKEND")))
	sysfault.Begin()
	_, err := s.Ensure(t.Context())
	sysfault.End()
	if err != nil {
		t.Fatal("ENSURE:", err)
	}
}

func strike(t *testing.T, root string, backend account.Backend, fault sysfault.Fault) (sysfault.Result, string) {
	t.Helper()
	fault.Dir = root
	return sysfault.Self(t, "TestEnsureInChild", fault, "ACCOUNT_TEST_ROOT="+root, "ACCOUNT_TEST_BACKEND="+string(backend))
}

// etc is all that is in the root's /etc.
func etc(t testing.TB, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, dir := range []string{"etc", "etc/sysusers.d"} {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		for _, e := range entries {
			// A dead process's lock is broken by the next that needs it.
			if !e.IsDir() && !strings.HasSuffix(e.Name(), ".lock") {
				all[dir+"/"+e.Name()] = read(t, root, dir, e.Name())
			}
		}
	}
	return all
}

// sound checks what has to hold at any moment: files are whole, and a user that
// is there has a group, and no password that opens the account.
func sound(t *testing.T, root string) {
	t.Helper()
	for _, file := range []string{"passwd", "group", "shadow", "gshadow"} {
		text := read(t, root, "etc", file)
		require.NotEmpty(t, text)
		require.Contains(t, text, "root", file)
	}
	users, groups, shadow := read(t, root, "etc/passwd"), read(t, root, "etc/group"), read(t, root, "etc/shadow")
	for _, name := range []string{"app", "worker"} {
		for line := range strings.Lines(users) {
			if f := strings.Split(line, ":"); f[0] == name {
				require.Contains(t, groups, ":"+f[3]+":")
				require.Contains(t, shadow, "\n"+name+":!*:")
			}
		}
	}
}

// TestKilledAnywhere: at each system call that changes something, the process
// dies. Nothing is torn, and the next run ends where an undisturbed one does.
func TestKilledAnywhere(t *testing.T) {
	for _, backend := range []account.Backend{account.Files, account.Record} {
		undisturbed := busyRoot(t)
		_, err := busy(undisturbed, backend).Ensure(t.Context())
		require.NoError(t, err)
		want := etc(t, undisturbed)
		steps := 0
		for at := 1; ; at++ {
			root := busyRoot(t)
			result, out := strike(t, root, backend, sysfault.Fault{At: at})
			if !result.Status.Signaled() {
				require.Zero(t, result.Status.ExitStatus(), out)
				require.Less(t, result.Calls, at)
				break
			}
			require.Equal(t, syscall.SIGKILL, result.Status.Signal())
			sound(t, root)
			converge(t, busy(root, backend))
			require.Equal(t, want, etc(t, root), "killed at call %d, %s", at, result.Struck)
			steps++
		}
		t.Logf("%s: killed at %d calls", backend, steps)
		require.Greater(t, steps, 5)
	}
}

// TestEachCallFails: each system call that touches the files fails once: a full
// disk, one that is read-only, one that is damaged. Ensure says so, and until
// all is prepared nothing has changed.
func TestEachCallFails(t *testing.T) {
	errnos, stride := []syscall.Errno{syscall.ENOSPC}, 5
	if os.Getenv("BEDPLATE_LONG") != "" {
		stride = 1
		errnos = append(errnos, syscall.EIO, syscall.EROFS, syscall.EMFILE, syscall.EDQUOT)
	}
	for _, errno := range errnos {
		for _, backend := range []account.Backend{account.Files, account.Record} {
			t.Run(fmt.Sprint(backend, " ", errno), func(t *testing.T) {
				failures, published := 0, firstRename(t, backend)
				for at := 1; ; at += stride {
					root := busyRoot(t)
					before := etc(t, root)
					result, out := strike(t, root, backend, sysfault.Fault{At: at, Errno: errno, Reads: true})
					require.False(t, result.Status.Signaled())
					if result.Calls < at {
						require.Zero(t, result.Status.ExitStatus(), out)
						break
					}
					if result.Status.ExitStatus() != 0 {
						failures++
						require.Contains(t, out, "ENSURE: account: ", "call %d, %s", at, result.Struck)
						require.NotContains(t, out, "$6$")
					}
					sound(t, root)
					if result.Status.ExitStatus() != 0 && at < published {
						require.Equal(t, before, etc(t, root), "call %d, %s", at, result.Struck)
					}
					converge(t, busy(root, backend))
				}
				require.Greater(t, failures, 5)
			})
		}
	}
}

// firstRename is the call with which the first file gets its name: the last at
// which a process can die and leave all as it was.
func firstRename(t *testing.T, backend account.Backend) int {
	t.Helper()
	struck := map[int]string{}
	first := sort.Search(1<<10, func(i int) bool {
		root := busyRoot(t)
		before := etc(t, root)
		result, _ := strike(t, root, backend, sysfault.Fault{At: i + 1, Reads: true})
		struck[i+1] = result.Struck
		now := etc(t, root)
		maps.DeleteFunc(now, func(name, _ string) bool { return atomicfile.IsTemporary(filepath.Base(name)) })
		return !maps.Equal(before, now)
	})
	require.True(t, strings.HasPrefix(struck[first], "rename"), "%d is %s", first, struck[first])
	return first
}
