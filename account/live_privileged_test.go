//go:build privileged

package account_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/internal/testenv"
)

func ensure(t testing.TB, s account.Set) {
	t.Helper()
	_, err := s.Ensure(t.Context())
	require.NoError(t, err)
}

// TestManyLive: many processes at once make one account, by each backend.
func TestManyLive(t *testing.T) {
	bringBusyBox(t)
	// Each process is slow to start here: in CI one release does it for each
	// backend, and the unprivileged test for Files.
	all := map[string]account.Backend{"trixie": account.Shadow, "bookworm": account.BusyBox, "bullseye": account.Sysusers}[testenv.Suite(t)]
	for _, backend := range []account.Backend{account.Shadow, account.BusyBox, account.Sysusers, account.Files} {
		n := 6
		if backend == all || os.Getenv("BEDPLATE_LONG") != "" {
			n = 32
		}
		t.Run(string(backend), func(t *testing.T) {
			before := snapshot(t, "")
			made := together(t, account.Set{Backend: backend}, slices.Repeat([]string{"one"}, n))
			slices.Sort(made)
			made = slices.DeleteFunc(made, func(s string) bool { return strings.Contains(s, " file ") })
			require.Equal(t, []string{"create group one", "create user one"}, made)
			require.True(t, know(t, "", "one").Locked)
			ensure(t, account.Set{Backend: backend, Users: []account.User{{Name: "one", Absent: true}}})
			require.Equal(t, before, snapshot(t, ""))
		})
	}
}

// TestAmongOthers: other tools make accounts meanwhile, and each gets what it
// wants.
func TestAmongOthers(t *testing.T) {
	before := snapshot(t, "")
	var ours []account.User
	for i := range 4 {
		ours = append(ours, account.User{Name: fmt.Sprintf("ours%d", i)})
	}
	for _, backend := range []account.Backend{account.Shadow, account.Files} {
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() {
				out, err := exec.Command("useradd", "-r", "-M", fmt.Sprintf("theirs%d", i)).CombinedOutput()
				if err != nil {
					errs[i] = fmt.Errorf("%w: %s", err, out)
				}
			})
		}
		_, err := account.Set{Backend: backend, Users: ours}.Ensure(t.Context())
		wg.Wait()
		require.NoError(t, errors.Join(append(errs, err)...), backend)
		seen := map[string]bool{}
		for line := range strings.Lines(read(t, "/etc/passwd")) {
			f := strings.Split(line, ":")
			require.False(t, seen[f[2]], "%s: two have uid %s", backend, f[2])
			seen[f[2]] = true
		}
		gone := account.Set{Backend: account.Files}
		for i := range 4 {
			know(t, "", fmt.Sprintf("ours%d", i))
			know(t, "", fmt.Sprintf("theirs%d", i))
			gone.Users = append(gone.Users, account.User{Name: fmt.Sprintf("ours%d", i), Absent: true}, account.User{Name: fmt.Sprintf("theirs%d", i), Absent: true})
		}
		ensure(t, gone)
	}
	require.Equal(t, before, snapshot(t, ""))
}

// TestAmongApplets: BusyBox's own adduser makes accounts meanwhile. It reads the
// files before it locks them, so that it can undo what it does not see; what is
// lost is done again.
func TestAmongApplets(t *testing.T) {
	bringBusyBox(t)
	before := snapshot(t, "")
	theirs := make(chan error)
	go func() {
		var errs []error
		for i := range 6 {
			if out, err := exec.Command("adduser", "-S", "-D", "-H", "-G", "nogroup", fmt.Sprintf("theirs%d", i)).CombinedOutput(); err != nil {
				errs = append(errs, fmt.Errorf("%w: %s", err, out))
			}
		}
		theirs <- errors.Join(errs...)
	}()
	ours := account.Set{Backend: account.BusyBox}
	gone := account.Set{Backend: account.Files}
	for i := range 4 {
		ours.Users = append(ours.Users, account.User{Name: fmt.Sprintf("ours%d", i)})
		gone.Users = append(gone.Users, account.User{Name: fmt.Sprintf("ours%d", i), Absent: true})
	}
	ensure(t, ours)
	require.NoError(t, <-theirs)
	ensure(t, ours) // the last of theirs may have read before we wrote
	seen := map[string]bool{}
	for line := range strings.Lines(read(t, "/etc/passwd")) {
		f := strings.Split(line, ":")
		require.False(t, seen[f[2]], "two have uid %s", f[2])
		seen[f[2]] = true
	}
	for i := range 6 {
		gone.Users = append(gone.Users, account.User{Name: fmt.Sprintf("theirs%d", i), Absent: true})
	}
	for _, u := range ours.Users {
		know(t, "", u.Name)
	}
	ensure(t, gone)
	require.Equal(t, before, snapshot(t, ""))
}

// TestRunningUser: who runs is not removed.
func TestRunningUser(t *testing.T) {
	ensure(t, account.Set{Users: []account.User{{Name: "runner", UID: 777}}})
	sleeper := exec.Command("sleep", "300")
	sleeper.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 777, Gid: 777}}
	require.NoError(t, sleeper.Start())
	for _, backend := range []account.Backend{account.Shadow, account.Files} {
		_, err := account.Set{Backend: backend, Users: []account.User{{Name: "runner", Absent: true}}}.Ensure(t.Context())
		conflict := (*account.ConflictError)(nil)
		require.ErrorAs(t, err, &conflict)
		require.ErrorContains(t, err, fmt.Sprintf("777, as which process %d (sleep) runs", sleeper.Process.Pid))
	}
	require.NoError(t, sleeper.Process.Kill())
	_ = sleeper.Wait()
	ensure(t, account.Set{Users: []account.User{{Name: "runner", Absent: true}}})
}

// TestLockIsNamed: vipw(8) edits the accounts. Whoever can't wait is told by
// whom he is kept; whoever can, goes on as soon as it ends.
func TestLockIsNamed(t *testing.T) {
	bringBusyBox(t)
	dir := t.TempDir()
	begun, end := filepath.Join(dir, "begun"), filepath.Join(dir, "end")
	editor := filepath.Join(dir, "editor")
	require.NoError(t, os.WriteFile(editor, []byte("#!/bin/sh\ntouch "+begun+"\nwhile ! [ -e "+end+" ]; do sleep 0.05; done\n"), 0o755))
	vipw := exec.Command("vipw")
	vipw.Env = append(os.Environ(), "EDITOR="+editor, "VISUAL="+editor)
	require.NoError(t, vipw.Start())
	require.Eventually(t, func() bool { _, err := os.Stat(begun); return err == nil }, time.Minute, 10*time.Millisecond)
	for _, backend := range []account.Backend{account.Shadow, account.Files, account.BusyBox, account.Sysusers} {
		named := fmt.Sprintf("is held by process %d (vipw)", vipw.Process.Pid)
		var err error
		for patience := time.Second; patience < time.Minute && (err == nil || !strings.Contains(err.Error(), named)); patience *= 4 {
			// On a busy host even what comes before the lock may take a second.
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			var made []bedplate.Change
			made, err = account.Set{Backend: backend, Users: []account.User{{Name: "patient", Comment: "waits"}}}.Ensure(ctx)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded, backend)
			require.Empty(t, made)
		}
		require.ErrorContains(t, err, named)
	}
	got := make(chan error)
	for _, backend := range []account.Backend{account.Shadow, account.Files, account.BusyBox, account.Sysusers} {
		go func() {
			_, err := account.Set{Backend: backend, Users: []account.User{{Name: "patient-" + string(backend)}}}.Ensure(t.Context())
			got <- err
		}()
	}
	require.NoError(t, os.WriteFile(end, nil, 0o644))
	gone := account.Set{Backend: account.Files, Users: []account.User{{Name: "patient", Absent: true}}}
	for range 4 {
		require.NoError(t, <-got)
	}
	require.NoError(t, vipw.Wait())
	for _, backend := range []account.Backend{account.Shadow, account.Files, account.BusyBox, account.Sysusers} {
		know(t, "", "patient-"+string(backend))
		gone.Users = append(gone.Users, account.User{Name: "patient-" + string(backend), Absent: true})
	}
	ensure(t, gone)
}

// TestFullAndReadOnly: what can't be written is refused, and nothing is touched.
func TestFullAndReadOnly(t *testing.T) {
	root := machineRoot(t)
	etc := filepath.Join(root, "etc")
	saved := t.TempDir()
	run(t, "cp", "-a", etc+"/.", saved)
	run(t, "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", etc)
	defer run(t, "umount", etc)
	run(t, "cp", "-a", saved+"/.", etc)
	before := snapshot(t, root)
	s := account.Set{Root: root, Backend: account.Files, Users: []account.User{{Name: "app", SubIDs: true}}}

	require.Error(t, os.WriteFile(filepath.Join(etc, "filler"), make([]byte, 1<<20), 0o644))
	made, err := s.Ensure(t.Context())
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Empty(t, made)
	require.Equal(t, before, snapshot(t, root))
	require.NoError(t, os.Remove(filepath.Join(etc, "filler")))

	run(t, "mount", "-o", "remount,ro", etc)
	for _, backend := range []account.Backend{account.Files, account.Sysusers} {
		s.Backend = backend
		made, err = s.Ensure(t.Context())
		require.ErrorIs(t, err, syscall.EROFS)
		require.Empty(t, made)
	}
	require.Equal(t, before, snapshot(t, root))
	run(t, "mount", "-o", "remount,rw", etc)
	entries, err := os.ReadDir(etc)
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, e.Name(), ".lock-")
		require.NotRegexp(t, `\.lock$|bedplate`, strings.TrimPrefix(e.Name(), ".pwd.lock"))
	}
	s.Backend = account.Files
	converge(t, s)
}
