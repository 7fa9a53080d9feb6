package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// tree makes a root with links of every kind, beside a file that nothing inside may reach.
func tree(t testing.TB) *Root {
	t.Helper()
	top := t.TempDir()
	root := filepath.Join(top, "root")
	require.NoError(t, os.WriteFile(filepath.Join(top, "secret"), []byte("outside"), 0o600))
	for _, d := range []string{"etc", "usr/lib/deep", "var"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, d), 0o755))
	}
	for name, content := range map[string]string{"etc/passwd": "inside", "usr/lib/deep/f": "f", "secret": "mine"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(content), 0o644))
	}
	for name, target := range map[string]string{
		"lib": "usr/lib", "abs": "/usr/lib", "up": "../../../../secret", "absup": "/../../secret",
		"var/run": "/run", "loop": "loop2", "loop2": "loop", "usr/lib/back": "../../etc/passwd",
		"dangling": "/nowhere/at/all", "dot": ".", "slash": "/", "usr/chain": "/abs/deep", "filelink": "etc/passwd",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(root, name)))
	}
	r, err := Open(root)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

var names = []string{
	"", "/", ".", "..", "../..", "etc", "etc/", "etc/passwd", "/etc/passwd", "etc/passwd/", "lib/deep/f", "abs/deep/f",
	"up", "absup", "../secret", "var/run", "loop", "loop/x", "usr/lib/back", "abs/back", "dangling", "dangling/x", "dot/dot/etc/passwd",
	"slash/slash/etc", "usr/chain/f", "usr/chain/../../etc/passwd", "lib/../secret", "abs/../../secret", "nothing", "nothing/x",
	"etc/passwd/x", "filelink", "filelink/", "filelink/x", "etc//passwd", "./etc/./passwd", "abs/deep/../back",
}

// TestWalkIsKernel proves the fallback against the kernel's own resolution.
func TestWalkIsKernel(t *testing.T) {
	r := tree(t)
	for _, name := range names {
		for flagName, flag := range map[string]int{"read": syscall.O_RDONLY, "dir": syscall.O_RDONLY | syscall.O_DIRECTORY, "nofollow": syscall.O_RDONLY | syscall.O_NOFOLLOW} {
			t.Run(flagName+" "+name, func(t *testing.T) { sameResolution(t, r, name, flag) })
		}
	}
}

func sameResolution(t *testing.T, r *Root, name string, flag int) {
	want, wantErr := identity(r.resolve(clean(name), flag|syscall.O_CLOEXEC, 0))
	got, gotErr := identity(r.walk(clean(name), flag|syscall.O_CLOEXEC, 0))
	require.Equal(t, want, got)
	require.Equal(t, wantErr, gotErr)
}

func identity(fd int, err error) (uint64, error) {
	if err != nil {
		return 0, err
	}
	f := os.NewFile(uintptr(fd), "")
	defer f.Close()
	i, err := StatFile(f)
	return i.Ino, err
}

func FuzzWalkIsKernel(f *testing.F) {
	for _, n := range names {
		f.Add(n)
	}
	r := tree(f)
	f.Fuzz(func(t *testing.T, name string) {
		if strings.ContainsRune(name, 0) || len(name) > 4000 {
			t.Skip("no file name")
		}
		sameResolution(t, r, name, syscall.O_RDONLY)
	})
}

func TestNothingOutside(t *testing.T) {
	r := tree(t)
	for _, name := range []string{"up", "absup", "../secret", "abs/../../../secret"} {
		b, err := r.ReadFile(name)
		require.NoError(t, err, name)
		require.Equal(t, "mine", string(b), name)
	}
	made, err := r.MkdirAll("/var/../up/../../x/y", 0o750)
	require.NoError(t, err)
	require.Equal(t, []string{"/x", "/x/y"}, made, "names are cleaned like the kernel's where no link is in them")
	_, err = os.Stat(filepath.Join(r.Path(), "..", "x"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestMkdirAllIsExactAndRepeats(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	r := tree(t)
	made, err := r.MkdirAll("abs/new/leaf", 0o2755)
	require.NoError(t, err)
	require.Equal(t, []string{"/abs/new", "/abs/new/leaf"}, made)
	i, err := r.Stat("usr/lib/new")
	require.NoError(t, err)
	require.Equal(t, fs.ModeDir|0o755, i.Mode&^fs.ModeSetgid)
	made, err = r.MkdirAll("abs/new/leaf", 0o700)
	require.NoError(t, err)
	require.Empty(t, made)

	_, err = r.MkdirAll("etc/passwd/x", 0o755)
	require.ErrorIs(t, err, syscall.ENOTDIR)
	require.ErrorContains(t, err, "etc/passwd")
	_, err = r.MkdirAll("dangling/x", 0o755)
	require.Error(t, err, "a dangling link is nothing to make a directory behind")
}

func TestRemove(t *testing.T) {
	r := tree(t)
	require.NoError(t, r.Remove("filelink"))
	require.NoError(t, r.Remove("etc/passwd"))
	require.NoError(t, r.Remove("etc"))
	require.ErrorIs(t, r.Remove("usr"), syscall.ENOTEMPTY)
	require.ErrorIs(t, r.Remove("etc"), fs.ErrNotExist)
	require.Error(t, r.Remove("/"))
	require.Error(t, r.Remove("usr/.."))
}

// TestReadFileWaitsForNobody: what is to be a file may be anything in an image.
func TestReadFileWaitsForNobody(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	require.NoError(t, os.Symlink("fifo", filepath.Join(dir, "link")))
	root, err := Open(dir)
	require.NoError(t, err)
	defer root.Close()
	for _, name := range []string{"/fifo", "/link"} {
		_, err := root.ReadFile(name)
		require.ErrorContains(t, err, "it is neither a file nor /dev/null")
	}
	_, err = root.ReadFile("/")
	require.ErrorIs(t, err, unix.EISDIR)
	machine, err := Open("")
	require.NoError(t, err)
	defer machine.Close()
	b, err := machine.ReadFile("/dev/null")
	require.NoError(t, err)
	require.Empty(t, b)
}

func TestExists(t *testing.T) {
	r := tree(t)
	for name, want := range map[string]bool{"etc": true, "filelink": true, "dangling": false, "no": false, "etc/passwd/x": false} {
		got, err := r.Exists(name)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	_, err := r.Exists("loop")
	require.True(t, errors.Is(err, syscall.ELOOP), "a loop is an error, not an absence")
}

func TestPlannedRootIsEmptyUntilItIsMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later", "root")
	_, err := Open(dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
	r, err := OpenPlanned(dir)
	require.NoError(t, err)
	defer r.Close()
	require.True(t, r.Missing())
	for _, name := range []string{"/", "/etc/passwd", "a"} {
		_, err = r.Stat(name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
		_, err = r.ReadFile(name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
	}
	for _, name := range []string{"/", "/etc"} {
		_, err = r.Lstat(name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
	}
	require.NoDirExists(t, dir)
	require.NoError(t, r.Make())
	require.False(t, r.Missing())
	require.NoError(t, r.Mkdir("/etc", 0o755))
	require.DirExists(t, filepath.Join(dir, "etc"))
}

// An error of the machine's own root names the path as a person would.
func TestNamesOfTheMachinesRoot(t *testing.T) {
	r, err := Open("/")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	dir, err := r.OpenDir("/")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dir.Close()) })
	etc, err := OpenAt(dir, "etc", unix.O_RDONLY)
	require.NoError(t, err)
	require.Equal(t, "/etc", etc.Name())
	require.NoError(t, etc.Close())
	_, err = LstatAt(dir, "nowhere")
	require.ErrorContains(t, err, "lstat /nowhere:")
}
