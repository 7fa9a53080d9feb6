package transaction_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/xattr"
	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/transaction"
)

// picture is all of a tree that putting back must bring again.
func picture(t testing.TB, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || strings.HasPrefix(p, filepath.Join(root, "opt/releases/.")) { // locks and history
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		text := fmt.Sprint(info.Mode(), st.Uid, st.Gid)
		switch {
		case info.Mode().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			text += " " + string(b)
			f, err := os.Open(p)
			if err != nil {
				return err
			}
			defer f.Close()
			names, err := xattr.List(f)
			if err != nil && !errors.Is(err, errors.ErrUnsupported) {
				return err
			}
			text += fmt.Sprint(names)
		case info.Mode().Type() == fs.ModeSymlink:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			text += " → " + target
		}
		all[strings.TrimPrefix(p, root)] = text
		return nil
	}))
	return all
}

func write(t testing.TB, root, name, content string, mode fs.FileMode) {
	t.Helper()
	p := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
	require.NoError(t, os.WriteFile(p, []byte(content), mode))
	require.NoError(t, os.Chmod(p, mode))
}

// prepare makes a root in which the steps have something to change of each kind.
func prepare(t testing.TB, root string) {
	t.Helper()
	write(t, root, "etc/changed", "old", 0o640)
	write(t, root, "etc/loose", "same", 0o666)
	write(t, root, "etc/gone", "precious", 0o600)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc/empty"), 0o711))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "opt/releases"), 0o755))
	require.NoError(t, os.Chmod(filepath.Join(root, "opt"), 0o700))
	require.NoError(t, os.Symlink("old", filepath.Join(root, "etc/link")))
	require.NoError(t, os.Symlink("target", filepath.Join(root, "etc/goner")))
}

func own(entries ...layout.Entry) (all []layout.Entry) {
	uid, gid := strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getgid())
	for _, e := range entries {
		switch v := e.(type) {
		case layout.Dir:
			v.Owner, v.Group = uid, gid
			e = v
		case layout.File:
			v.Owner, v.Group = uid, gid
			e = v
		}
		all = append(all, e)
	}
	return all
}

func steps(root string, more ...bedplate.Step) []bedplate.Step {
	return append([]bedplate.Step{
		{Name: "conf", Resource: layout.Tree{Root: root, Owners: layout.ApplyOwners, Entries: own(
			layout.File{Path: "/etc/changed", Content: []byte("new"), Mode: 0o600}, layout.File{Path: "/etc/loose", Content: []byte("same")},
			layout.File{Path: "/etc/made/deep/f", Content: []byte("new")}, layout.Symlink{Path: "/etc/link", Target: "new"},
			layout.Symlink{Path: "/etc/made/link", Target: "x"},
			layout.Absent{Path: "/etc/gone"}, layout.Absent{Path: "/etc/empty"}, layout.Absent{Path: "/etc/goner"}, layout.Dir{Path: "/opt", Mode: 0o755},
		)}},
		{Name: "release", Resource: layout.Deployment{Releases: layout.Releases{Root: root, Dir: "/opt/releases"}, Staging: layout.Staging{
			Contents: layout.TreeFS(fstest.MapFS{"bin/app": {Data: []byte("app"), Mode: 0o755}}), Label: "v1",
		}}},
		{Name: "again", Resource: layout.Tree{Root: root, Owners: layout.ApplyOwners, Entries: own(layout.File{Path: "/etc/changed", Content: []byte("new"), Mode: 0o640})}},
	}, more...)
}

func open(t testing.TB) (transaction.Tx, string) {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	prepare(t, root)
	t.Cleanup(func() { unseal(root) })
	return transaction.Tx{Dir: filepath.Join(dir, "tx"), Root: root}, root
}

// unseal lets an ordinary user remove releases.
func unseal(root string) {
	_ = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(p, 0o755)
		}
		return err
	})
}

// resource is one that does what the test says.
type resource struct {
	plan, ensure func() ([]bedplate.Change, error)
}

func (r resource) Plan(context.Context) ([]bedplate.Change, error)   { return r.plan() }
func (r resource) Ensure(context.Context) ([]bedplate.Change, error) { return r.ensure() }

var errStep = errors.New("the step's own reason")

func failing(before func()) bedplate.Step {
	return bedplate.Step{Name: "fails", Resource: resource{
		func() ([]bedplate.Change, error) { return nil, nil },
		func() ([]bedplate.Change, error) { before(); return nil, errStep },
	}}
}

func left(t testing.TB, tx transaction.Tx) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(tx.Dir)
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestApplied(t *testing.T) {
	tx, root := open(t)
	var told []bedplate.Change
	tx.Progress = func(c bedplate.Change) { told = append(told, c) }
	planned, err := bedplate.Plan(t.Context(), steps(root)...)
	require.NoError(t, err)
	done, err := tx.Apply(t.Context(), steps(root)...)
	require.NoError(t, err)
	require.Equal(t, told, done)
	require.NotEmpty(t, planned)
	require.Equal(t, []string{"lock"}, left(t, tx))
	b, err := os.ReadFile(filepath.Join(root, "opt/releases/current/bin/app"))
	require.NoError(t, err)
	require.Equal(t, "app", string(b))

	after := picture(t, root)
	changes, err := tx.Recover(t.Context(), steps(root)...)
	require.NoError(t, err)
	require.Empty(t, changes, "what is committed stays")
	require.Equal(t, after, picture(t, root))
}

func TestTakenBack(t *testing.T) {
	tx, root := open(t)
	before := picture(t, root)
	var midway map[string]string
	changes, err := tx.Apply(t.Context(), steps(root, failing(func() { midway = picture(t, root) }))...)
	var reverted *transaction.RevertedError
	require.ErrorAs(t, err, &reverted)
	require.ErrorIs(t, err, errStep)
	require.ErrorContains(t, err, "taken back, since fails: the step's own reason")
	require.Empty(t, changes)
	require.NotEqual(t, before, midway)
	require.Equal(t, before, picture(t, root))
	require.Equal(t, []string{"lock"}, left(t, tx))
}

func TestCancelled(t *testing.T) {
	tx, root := open(t)
	before := picture(t, root)
	ctx, cancel := context.WithCancel(t.Context())
	tx.Progress = func(bedplate.Change) { cancel() }
	_, err := tx.Apply(ctx, steps(root)...)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, before, picture(t, root), "taking back is not cancelled")
	require.Equal(t, []string{"lock"}, left(t, tx))
}

func TestAttributesAreBroughtBack(t *testing.T) {
	tx, root := open(t)
	if err := syscallSetxattr(filepath.Join(root, "etc/changed"), "user.origin", "x"); err != nil {
		t.Skipf("this file system has no attributes: %v", err)
	}
	before := picture(t, root)
	_, err := tx.Apply(t.Context(), steps(root, failing(func() { require.NotEqual(t, before["/etc/changed"], picture(t, root)["/etc/changed"]) }))...)
	require.ErrorIs(t, err, errStep)
	require.Equal(t, before, picture(t, root))
	require.Contains(t, before["/etc/changed"], "user.origin")
}

func TestIrreversible(t *testing.T) {
	tx, root := open(t)
	require.NoError(t, os.Link(filepath.Join(root, "etc/loose"), filepath.Join(root, "etc/other-name")))
	write(t, root, "full/f", "", 0o644)
	before := picture(t, root)
	start := bedplate.Change{Op: bedplate.OpRun, Kind: "process", Target: "app.service"}
	more := []bedplate.Step{
		{Name: "full", Resource: layout.Tree{Root: root, Owners: layout.ApplyOwners, Entries: []layout.Entry{layout.Absent{Path: "/full", Recursive: true}}}},
		{Name: "start", Resource: resource{func() ([]bedplate.Change, error) { return []bedplate.Change{start}, nil }, func() ([]bedplate.Change, error) { panic("not reached") }}},
	}
	_, err := tx.Apply(t.Context(), steps(root, more...)...)
	for _, want := range []string{"full: delete directory /full: ", "something in it", "start: run process app.service: it is no file", "conf: update file /etc/loose", "several names"} {
		require.ErrorContains(t, err, want)
	}
	var irreversible *transaction.IrreversibleError
	require.ErrorAs(t, err, &irreversible)
	require.Equal(t, before, picture(t, root))
	require.Equal(t, []string{"lock"}, left(t, tx))
}

func TestUnplanned(t *testing.T) {
	tx, root := open(t)
	before := picture(t, root)
	surprise := bedplate.Step{Name: "surprise", Resource: resource{
		func() ([]bedplate.Change, error) { return nil, nil },
		func() ([]bedplate.Change, error) {
			return []bedplate.Change{{Op: bedplate.OpCreate, Kind: "file", Target: "/nobody/planned"}}, nil
		},
	}}
	_, err := tx.Apply(t.Context(), steps(root, surprise)...)
	require.ErrorContains(t, err, "/nobody/planned was not planned")
	require.Equal(t, before, picture(t, root))
}

func TestRefused(t *testing.T) {
	tx, root := open(t)
	s := steps(root)
	for _, bad := range [][]bedplate.Step{{{Name: "a"}}, {{Resource: s[0].Resource}}, {s[0], s[0]}} {
		_, err := tx.Apply(t.Context(), bad...)
		require.ErrorContains(t, err, "transaction: step ")
		_, err = tx.Recover(t.Context(), bad...)
		require.ErrorContains(t, err, "transaction: step ")
	}
	_, err := transaction.Tx{Dir: "relative"}.Apply(t.Context(), s...)
	require.ErrorContains(t, err, "is not absolute")
	require.NoError(t, os.MkdirAll(tx.Dir, 0o755))
	require.NoError(t, os.Chmod(tx.Dir, 0o755))
	_, err = tx.Apply(t.Context(), s...)
	require.ErrorContains(t, err, "0700")
}

// reverter counts what it is asked to take back.
type reverter struct {
	resource
	asked *[][]bedplate.Change
	err   error
}

func (r reverter) Revert(_ context.Context, changes []bedplate.Change) error {
	*r.asked = append(*r.asked, changes)
	return r.err
}

func TestReverter(t *testing.T) {
	tx, root := open(t)
	before := picture(t, root)
	start := bedplate.Change{Op: bedplate.OpRun, Kind: "process", Target: "app.service"}
	var asked [][]bedplate.Change
	runs := func() ([]bedplate.Change, error) { return []bedplate.Change{start}, nil }
	step := bedplate.Step{Name: "start", Resource: reverter{resource{runs, runs}, &asked, errors.New("not now")}}
	all := steps(root, step, failing(func() {}))
	changes, err := tx.Apply(t.Context(), all...)
	require.ErrorIs(t, err, errStep)
	require.ErrorContains(t, err, "take back start: not now")
	require.NotEmpty(t, changes)
	require.Equal(t, before, picture(t, root), "files are put back all the same")
	start.Step = "start"
	require.Equal(t, [][]bedplate.Change{{start}}, asked)

	_, err = tx.Apply(t.Context(), all...)
	require.ErrorIs(t, err, transaction.ErrUnfinished)
	_, err = tx.Recover(t.Context(), steps(root)...)
	require.ErrorContains(t, err, `step "start" is not among those given`)
	step.Resource = reverter{resource{runs, runs}, &asked, nil}
	_, err = tx.Recover(t.Context(), step)
	require.NoError(t, err)
	require.Len(t, asked, 2)
	require.Equal(t, []string{"lock"}, left(t, tx))
	done, err := tx.Apply(t.Context(), slices.Concat(steps(root), []bedplate.Step{step})...)
	require.NoError(t, err)
	require.Equal(t, start, done[len(done)-1])
}
