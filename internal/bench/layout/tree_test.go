package layout

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bedplate/bedplate/layout"
)

// tree has n entries as they are met: directories with a few files in each.
func tree(root string, n int) layout.Tree {
	t := layout.Tree{Root: root, Owners: layout.ApplyOwners}
	owner, group := fmt.Sprint(os.Getuid()), fmt.Sprint(os.Getgid())
	content := []byte("# a small file of configuration\nlisten = 127.0.0.1:8080\n")
	for i := 0; len(t.Entries) < n; i++ {
		dir := fmt.Sprintf("/srv/%03d/%05d", i/100, i)
		t.Entries = append(t.Entries,
			layout.Dir{Path: dir, Mode: 0o750, Owner: owner, Group: group},
			layout.File{Path: dir + "/a.conf", Content: content, Mode: 0o640, Owner: owner, Group: group},
			layout.File{Path: dir + "/b.conf", Content: content, Owner: owner, Group: group},
			layout.Symlink{Path: dir + "/current", Target: "a.conf"})
	}
	t.Entries = t.Entries[:n]
	return t
}

// places are a file system in memory, where making durable costs nothing, and
// one on a disk.
func places(b *testing.B) map[string]string {
	b.Helper()
	all := map[string]string{"disk": b.TempDir()}
	if dir, err := os.MkdirTemp("/dev/shm", "bench-"); err == nil {
		b.Cleanup(func() { _ = os.RemoveAll(dir) })
		all["memory"] = dir
	}
	return all
}

// systemdTmpfiles makes the fragment, and then makes it durable: bedplate's
// trees are durable when Ensure returns, and systemd's are not.
func systemdTmpfiles(root, fragment string) error {
	out, err := exec.Command("systemd-tmpfiles", "--root="+root, "--create", fragment).CombinedOutput()
	if err != nil || len(out) > 0 {
		return fmt.Errorf("%w: %s", err, out)
	}
	d, err := os.Open(root)
	if err != nil {
		return err
	}
	defer d.Close()
	if _, _, errno := syscall.Syscall(306, d.Fd(), 0, 0); errno != 0 { // syncfs
		return errno
	}
	return nil
}

// BenchmarkTree alternates the two in each round: what else the machine does
// then meets both.
func BenchmarkTree(b *testing.B) {
	if _, err := exec.LookPath("systemd-tmpfiles"); err != nil {
		b.Skip(err)
	}
	for _, what := range []string{"create", "no change"} {
		for name, dir := range places(b) {
			for _, n := range []int{1_000, 10_000} {
				b.Run(fmt.Sprintf("%s/%s/%d", what, name, n), func(b *testing.B) { compare(b, dir, n, what == "create") })
			}
		}
	}
}

func compare(b *testing.B, dir string, n int, fresh bool) {
	var ours, theirs rounds
	round := 0
	for b.Loop() {
		b.StopTimer()
		round++
		mine, other := filepath.Join(dir, fmt.Sprint("ours-", n)), filepath.Join(dir, fmt.Sprint("theirs-", n))
		t := tree(mine, n)
		fragment, err := t.Tmpfiles()
		conf := filepath.Join(dir, "x.conf")
		for _, err := range []error{err, os.MkdirAll(mine, 0o755), os.MkdirAll(other, 0o755), os.WriteFile(conf, fragment, 0o600)} {
			if err != nil {
				b.Fatal(err)
			}
		}
		syscall.Sync()
		b.StartTimer()
		first, second := func() { ours.time(b, func() error { _, err := t.Ensure(b.Context()); return err }) },
			func() { theirs.time(b, func() error { return systemdTmpfiles(other, conf) }) }
		if round%2 == 0 {
			first, second = second, first
		}
		first()
		second()
		if fresh {
			b.StopTimer()
			if err := os.RemoveAll(mine); err != nil {
				b.Fatal(err)
			}
			if err := os.RemoveAll(other); err != nil {
				b.Fatal(err)
			}
			syscall.Sync()
			b.StartTimer()
		}
	}
	if !fresh { // the first round made them
		ours, theirs = ours[min(1, len(ours)-1):], theirs[min(1, len(theirs)-1):]
	}
	b.ReportMetric(ours.median().Seconds()*1e6/float64(n), "µs/entry-ours")
	b.ReportMetric(theirs.median().Seconds()*1e6/float64(n), "µs/entry-tmpfiles")
	b.ReportMetric(theirs.median().Seconds()/ours.median().Seconds(), "times-faster")
}
