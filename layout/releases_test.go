package layout_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/layout"
)

func shelf(t testing.TB) layout.Releases {
	t.Helper()
	return shelfIn(t, t.TempDir())
}

func shelfIn(t testing.TB, root string) layout.Releases {
	t.Helper()
	_, err := layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: layout.Service{Name: "app"}.Entries()}.Ensure(t.Context())
	require.NoError(t, err)
	r := layout.Releases{Root: root, Dir: "/opt/app/releases"}
	t.Cleanup(func() { require.NoError(t, unseal(root)) })
	return r
}

// unseal lets an ordinary user remove what releases made read-only.
func unseal(root string) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(p, 0o755)
		}
		return err
	})
}

func contents(text string) layout.Contents {
	return layout.TreeFS(fstest.MapFS{
		"bin/app":   {Data: []byte("binary " + text), Mode: 0o755},
		"doc/a.txt": {Data: []byte(text), Mode: 0o600},
		"app":       {Data: []byte("bin/app"), Mode: fs.ModeSymlink},
	})
}

func stage(t testing.TB, r layout.Releases, text string) layout.Release {
	t.Helper()
	rel, err := r.Stage(t.Context(), layout.Staging{Contents: contents(text), Label: text, Build: map[string]string{"commit": text}})
	require.NoError(t, err)
	return rel
}

func TestStage(t *testing.T) {
	r := shelf(t)
	rel := stage(t, r, "v1")
	require.Equal(t, "v1-9ac4415c36f85f6c", rel.ID, "the same everywhere")
	require.Equal(t, "/opt/app/releases/"+rel.ID, rel.Path)
	dir := filepath.Join(r.Root, rel.Path)
	for name, want := range map[string]fs.FileMode{
		"": fs.ModeDir | 0o555, "bin": fs.ModeDir | 0o555, "bin/app": 0o555, "doc/a.txt": 0o444, "app": fs.ModeSymlink | 0o777, layout.ManifestName: 0o444,
	} {
		info, err := os.Lstat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, want, info.Mode(), name)
	}
	require.Equal(t, map[string]string{"commit": "v1"}, rel.Manifest.Build)
	require.NoError(t, r.Verify(t.Context(), rel.ID))

	before := snapshot(t, dir)
	require.Equal(t, rel.ID, stage(t, r, "v1").ID)
	require.Equal(t, before, snapshot(t, dir), "a release that is there is left alone")

	require.NoError(t, unseal(dir))
	require.NoError(t, os.Chmod(filepath.Join(dir, "doc/a.txt"), 0o755))
	require.NoError(t, os.Remove(filepath.Join(dir, "bin/app")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "extra"), nil, 0o644))
	err := r.Verify(t.Context(), rel.ID)
	for _, want := range []string{"doc/a.txt is not what", "bin/app is missing", "extra is not in the manifest"} {
		require.ErrorContains(t, err, want)
	}
}

func TestGoBinaryIsDescribed(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	b, err := os.ReadFile(self)
	require.NoError(t, err)
	rel, err := shelf(t).Stage(t.Context(), layout.Staging{Contents: layout.TreeFS(fstest.MapFS{"app": {Data: b, Mode: 0o755}})})
	require.NoError(t, err)
	require.Contains(t, rel.Manifest.Files[0].Go, "go1.")
	require.Len(t, rel.ID, 16)
}

func TestActivateRollbackPrune(t *testing.T) {
	r := shelf(t)
	var ids []string
	for i := range 6 {
		ids = append(ids, stage(t, r, fmt.Sprint("v", i)).ID)
	}
	current := func() string {
		t.Helper()
		target, err := os.Readlink(filepath.Join(r.Root, r.Dir, "current"))
		require.NoError(t, err)
		b, err := os.ReadFile(filepath.Join(r.Root, "opt/app/current/doc/a.txt"))
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(target, string(b)+"-"))
		return string(b)
	}
	activate := func(i int) []string {
		t.Helper()
		changes, err := r.Activate(t.Context(), ids[i])
		require.NoError(t, err)
		return targets(changes)
	}
	_, err := r.Rollback(t.Context())
	require.ErrorIs(t, err, layout.ErrNoPrevious)
	require.Equal(t, []string{"create symlink /opt/app/releases/current: → " + ids[0]}, activate(0))
	require.Empty(t, activate(0))
	_, err = r.Rollback(t.Context())
	require.ErrorIs(t, err, layout.ErrNoPrevious)
	require.Equal(t, []string{"update symlink /opt/app/releases/current: " + ids[0] + " → " + ids[1]}, activate(1))
	activate(2)
	require.Equal(t, "v2", current())
	for _, want := range []string{"v1", "v0"} {
		_, err := r.Rollback(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, current())
	}
	_, err = r.Rollback(t.Context())
	require.ErrorIs(t, err, layout.ErrNoPrevious)
	activate(3)
	activate(1)

	// v1 is current and v3 the previous, though neither is new.
	require.NoError(t, os.Mkdir(filepath.Join(r.Root, r.Dir, ".v9.new"), 0o755))
	changes, err := r.Prune(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, changes, 3)
	all, err := r.List()
	require.NoError(t, err)
	require.Len(t, all, 3)
	for i, want := range []string{ids[5], ids[3], ids[1]} {
		require.Equal(t, want, all[i].ID)
		require.Equal(t, i == 1, all[i].Previous)
		require.Equal(t, i == 2, all[i].Current)
	}
	require.NotContains(t, names(t, filepath.Join(r.Root, r.Dir)), ".v9.new")
	changes, err = r.Prune(t.Context(), 1)
	require.NoError(t, err)
	require.Empty(t, changes)

	for _, id := range []string{"absent", "", "..", "a/b", "current"} {
		_, err := r.Activate(t.Context(), id)
		require.ErrorIs(t, err, fs.ErrNotExist, id)
	}
	require.Error(t, func() error { _, err := r.Prune(t.Context(), -1); return err }())
	require.Equal(t, "v1", current())
}

func TestDeployment(t *testing.T) {
	root := t.TempDir()
	t.Cleanup(func() { require.NoError(t, unseal(root)) })
	d := layout.Deployment{Releases: layout.Releases{Root: root, Dir: "/opt/app/releases"}, Staging: layout.Staging{Contents: contents("v1"), Label: "v1"}}
	planned, err := d.Plan(t.Context())
	require.NoError(t, err)
	require.Len(t, planned, 2)
	require.Equal(t, "directory /opt/app/releases", planned[0].Pending)
	_, err = d.Ensure(t.Context())
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "make it with a Tree")

	require.NoError(t, os.MkdirAll(filepath.Join(root, "opt/app/releases"), 0o755))
	for i := range planned {
		planned[i].Pending = ""
	}
	done, err := d.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, planned, done)
	before := snapshot(t, root)
	for _, do := range []func(context.Context) (int, error){
		func(ctx context.Context) (int, error) { c, err := d.Plan(ctx); return len(c), err },
		func(ctx context.Context) (int, error) { c, err := d.Ensure(ctx); return len(c), err },
	} {
		n, err := do(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
	}
	require.Equal(t, before, snapshot(t, root))

	d.Staging = layout.Staging{Contents: contents("v2")}
	planned, err = d.Plan(t.Context())
	require.NoError(t, err)
	done, err = d.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, planned, done)
}

func within(dir *os.Root) (all []string) {
	_ = fs.WalkDir(dir.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		all = append(all, p)
		return err
	})
	return all
}

// TestManyDeployers: sixteen stage and activate at once, and a reader never
// TestForeignCurrent: what others made of the link and of the history is replaced,
// and remembered as no release.
func TestForeignCurrent(t *testing.T) {
	r := shelf(t)
	rel := stage(t, r, "v1")
	dir := filepath.Join(r.Root, r.Dir)
	for _, target := range []string{"/etc", "gone", "../../..", "."} {
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "current")))
		require.NoError(t, os.Symlink(target, filepath.Join(dir, "current")))
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".history"), []byte("../x /etc current\n\xff\n"), 0o644))
		_, err := r.List()
		require.NoError(t, err)
		changes, err := r.Activate(t.Context(), rel.ID)
		require.NoError(t, err)
		require.Len(t, changes, 1)
		_, err = r.Rollback(t.Context())
		require.ErrorIs(t, err, layout.ErrNoPrevious)
		all, err := r.List()
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.True(t, all[0].Current)
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "current")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "current"), 0o755))
	_, err := r.Activate(t.Context(), rel.ID)
	require.ErrorContains(t, err, "current: it is no symlink; move it away")
	require.NoError(t, os.Remove(filepath.Join(dir, "current")))
}

// finds the link absent or a release in part.
func TestManyDeployers(t *testing.T) {
	r := shelf(t)
	ids := []string{stage(t, r, "a").ID, stage(t, r, "b").ID}
	_, err := r.Activate(t.Context(), ids[0])
	require.NoError(t, err)
	reads, switches := 20_000, 100
	if os.Getenv("BEDPLATE_LONG") != "" {
		reads, switches = 1_000_000, 10_000
	}
	var done, read atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := 0; done.Add(1) <= int64(switches) || read.Load() < int64(reads); j++ {
				id := ids[j%2]
				if j%50 == i {
					rel, err := r.Stage(context.Background(), layout.Staging{Contents: contents("c"), Label: "c"})
					if err != nil {
						t.Error(err)
						return
					}
					id = rel.ID
				}
				if _, err := r.Activate(context.Background(), id); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	link := filepath.Join(r.Root, "opt/app/current")
	for read.Load() < int64(reads) {
		dir, err := os.OpenRoot(link)
		require.NoError(t, err, "never absent")
		a, errA := dir.ReadFile("doc/a.txt")
		b, errB := dir.ReadFile("bin/app")
		if errA != nil || errB != nil {
			require.Fail(t, "in part", "%v; %v; read %d; the link led to %v", errA, errB, read.Load(), within(dir))
		}
		require.Equal(t, "binary "+string(a), string(b), "never mixed")
		require.NoError(t, dir.Close())
		read.Add(1)
	}
	wg.Wait()
	t.Logf("%d reads during %d switches", read.Load(), done.Load())
}
