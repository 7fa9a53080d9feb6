//go:build privileged

package checks_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/bedplate/bedplate/internal/posixacl"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/coreos/go-systemd/v22/dbus"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// sabotage is one fault's hands: what it does is undone in reverse order.
type sabotage struct {
	testing.TB
	systemd   *systemd
	reloading bool
	undo      []func()
}

func (s *sabotage) later(f func()) {
	s.current()
	s.undo = append(s.undo, f)
}

// current makes systemd forget the fault before this one, if it is not about to
// read its files anyhow.
func (s *sabotage) current() {
	if !s.reloading {
		s.systemd.current(s)
	}
}

func (s *sabotage) mend() {
	for len(s.undo) > 0 {
		f := s.undo[len(s.undo)-1]
		s.undo = s.undo[:len(s.undo)-1]
		f()
	}
}

func (s *sabotage) sh(line string) { s.Helper(); sh(s, line) }

// keep remembers what is at a path, with its times: systemd compares those of unit
// files with what it has read.
func (s *sabotage) keep(path string) {
	s.Helper()
	info, err := os.Lstat(path)
	if os.IsNotExist(err) {
		s.later(func() { require.NoError(s, os.RemoveAll(path)) })
		return
	}
	require.NoError(s, err)
	st := info.Sys().(*syscall.Stat_t)
	meta := func() {
		require.NoError(s, os.Chown(path, int(st.Uid), int(st.Gid)))
		require.NoError(s, os.Chmod(path, info.Mode()))
		require.NoError(s, os.Chtimes(path, info.ModTime(), info.ModTime()))
	}
	switch {
	case info.IsDir():
		s.later(meta)
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		require.NoError(s, err)
		s.later(func() {
			require.NoError(s, os.RemoveAll(path))
			require.NoError(s, os.Symlink(target, path))
		})
	default:
		// A copy by name: the file may be running, and large.
		saved := path + ".saved"
		require.NoError(s, os.Link(path, saved))
		s.later(func() {
			require.NoError(s, os.RemoveAll(path))
			require.NoError(s, os.Rename(saved, path))
			meta()
		})
	}
}

// replace puts another file in the place of one; the old inode stays as it is.
func (s *sabotage) replace(path string, content []byte, mode fs.FileMode) {
	s.Helper()
	s.keep(path)
	require.NoError(s, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(s, os.RemoveAll(path))
	require.NoError(s, os.WriteFile(path, content, mode))
	require.NoError(s, os.Chmod(path, mode))
}

// edit gives a file another content, with its owner and mode.
func (s *sabotage) edit(path string, change func([]byte) []byte) {
	s.Helper()
	info, err := os.Stat(path)
	require.NoError(s, err)
	st := info.Sys().(*syscall.Stat_t)
	content, err := os.ReadFile(path)
	require.NoError(s, err)
	s.replace(path, change(bytes.Clone(content)), info.Mode().Perm())
	require.NoError(s, os.Chown(path, int(st.Uid), int(st.Gid)))
}

func flip(b []byte) []byte {
	b[len(b)/2] ^= 1
	return b
}

func appended(text string) func([]byte) []byte {
	return func(b []byte) []byte { return append(b, text...) }
}

func (s *sabotage) chmod(path string, mode fs.FileMode) {
	s.Helper()
	s.keepMeta(path)
	require.NoError(s, os.Chmod(path, mode))
}

func (s *sabotage) chown(path string, uid, gid int) {
	s.Helper()
	s.keepMeta(path)
	require.NoError(s, os.Chown(path, uid, gid))
	info, err := os.Stat(path)
	require.NoError(s, err)
	require.NoError(s, os.Chmod(path, info.Mode()))
}

// allow puts an entry for one more into a path's access control list.
func (s *sabotage) allow(path string, tag posixacl.Tag, id int) {
	s.Helper()
	info, err := os.Stat(path)
	require.NoError(s, err)
	s.keepMeta(path)
	s.later(func() { require.NoError(s, unix.Removexattr(path, posixacl.Access)) })
	list := posixacl.New(uint32(info.Mode().Perm()), []posixacl.Entry{{Tag: tag, Perm: 7, ID: uint32(id)}})
	require.NoError(s, unix.Setxattr(path, posixacl.Access, posixacl.Encode(list), 0))
}

func (s *sabotage) keepMeta(path string) {
	s.Helper()
	info, err := os.Stat(path)
	require.NoError(s, err)
	st := info.Sys().(*syscall.Stat_t)
	s.later(func() {
		require.NoError(s, os.Chown(path, int(st.Uid), int(st.Gid)))
		require.NoError(s, os.Chmod(path, info.Mode()))
	})
}

func (s *sabotage) hide(path string) {
	s.Helper()
	s.current()
	require.NoError(s, os.Rename(path, path+".hidden"))
	s.later(func() {
		require.NoError(s, os.RemoveAll(path))
		require.NoError(s, os.Rename(path+".hidden", path))
	})
}

// reload makes systemd read its files, now with the fault and then without.
func (s *sabotage) reload(fault func()) {
	s.Helper()
	was := s.reloading
	s.reloading = true
	if s.systemd.forgot {
		s.systemd.current(s)
	}
	s.later(func() { s.systemd.stale = true })
	settle(s)
	fault()
	s.systemd.reload(s)
	s.reloading = was
}

// forget is a reload by which systemd forgets what a unit wants: it takes
// controllers away, which the reload that seeds another fault need not bring back.
func (s *sabotage) forget(fault func()) {
	s.Helper()
	s.reload(fault)
	s.systemd.forgot = true
}

// systemd is the manager. A reload is slow: it runs all generators.
type systemd struct {
	conn   *dbus.Conn
	stale  bool // it knows files of a fault that was mended
	forgot bool // it has to be reloaded before the next fault
}

func (m *systemd) reload(t testing.TB) {
	t.Helper()
	require.NoError(t, m.conn.ReloadContext(t.Context()))
	m.stale, m.forgot = false, false
}

// restarted waits until a service was started again by itself.
func (m *systemd) restarted(t testing.TB, unit string) {
	t.Helper()
	require.Eventually(t, func() bool {
		p, err := m.conn.GetAllPropertiesContext(t.Context(), unit)
		return err == nil && p["NRestarts"] == uint32(1) && p["ActiveState"] == "active"
	}, 30*time.Second, 50*time.Millisecond)
}

func (m *systemd) current(t testing.TB) {
	t.Helper()
	if m.stale {
		m.reload(t)
		settle(t)
	}
}

// settle gives the kernel what systemd has: on 257 a reload alone does not.
func settle(t testing.TB) {
	t.Helper()
	limits := map[string]string{"memory.max": "268435456", "memory.high": "234881024", "memory.swap.max": "0", "cpu.max": "50000 100000", "pids.max": "64"}
	for file, value := range limits {
		writeKernel(t, "/hello.slice/hello.service", file, value)
	}
}

// restart starts the service anew, with the fault and then without.
func (s *sabotage) restart(fault func()) {
	s.Helper()
	s.later(func() { s.systemd.revive(s) })
	fault()
	// Resetting forgets how often it was started, too: five times in five minutes
	// are the limit.
	s.sh("systemctl reset-failed hello.service hello.socket; systemctl restart hello.service")
}

// revive starts the service anew, and makes it say something.
func (m *systemd) revive(t testing.TB) {
	t.Helper()
	m.current(t)
	sh(t, "systemctl reset-failed; systemctl restart hello.socket hello.service")
	require.NoError(t, verify.Run(t.Context(), checks.HTTP(url+"/", "hello")).Err())
	sh(t, "journalctl --sync")
}

// dropIn puts a drop-in with these lines into a directory.
func (s *sabotage) dropIn(dir, section, lines string) string {
	s.Helper()
	file := filepath.Join(dir, "60-foreign.conf")
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		s.later(func() { require.NoError(s, os.RemoveAll(dir)) })
	}
	s.replace(file, []byte("["+section+"]\n"+lines+"\n"), 0o644)
	return file
}

func writeKernel(t testing.TB, group, file, value string) {
	t.Helper()
	path := "/sys/fs/cgroup" + group + "/" + file
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return
	}
	require.NoError(t, os.WriteFile(path, []byte(value), 0))
}

// kernel changes a cgroup's file behind systemd's back.
func (s *sabotage) kernel(group, file, value, good string) {
	s.Helper()
	s.later(func() { writeKernel(s, group, file, good) })
	require.NoError(s, os.WriteFile("/sys/fs/cgroup"+group+"/"+file, []byte(value), 0))
}

// intrude lets a process in the service's cgroup listen.
func (s *sabotage) intrude(network, address string) {
	s.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=/hello.slice/hello.service %s %s", intruder, network, address))
	out, err := cmd.StdoutPipe()
	require.NoError(s, err)
	cmd.Stderr = os.Stderr
	require.NoError(s, cmd.Start())
	s.later(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if network == "unix" {
			require.NoError(s, os.RemoveAll(address))
		}
	})
	said := make([]byte, len("listening"))
	_, err = out.Read(said)
	require.NoError(s, err)
	require.Equal(s, "listening", string(said))
}
