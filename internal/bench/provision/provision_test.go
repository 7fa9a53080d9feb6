// Package provision compares a run that finds everything as wanted with the same
// of an Ansible playbook.
package provision

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func run(b *testing.B, argv ...string) string {
	b.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %v\n%s", argv, err, out)
	}
	return string(out)
}

var changed = regexp.MustCompile(`changed=0 +unreachable=0 +failed=0`)

// BenchmarkNoop runs both in turn, and reports the medians and their ratio.
func BenchmarkNoop(b *testing.B) {
	if os.Getuid() != 0 {
		b.Fatal("run it as root: both give files away")
	}
	dir := b.TempDir()
	command, root := filepath.Join(dir, "provision"), filepath.Join(dir, "machine")
	top, err := filepath.Abs("../../..")
	if err != nil {
		b.Fatal(err)
	}
	run(b, "go", "build", "-C", top, "-o", command, "./examples/provision")
	ours := []string{command, "-root", root, "-src", top}
	run(b, ours...)
	// A copy of the files is what the playbook has for its source.
	run(b, "cp", "-a", root, filepath.Join(dir, "wanted"))
	passwd := run(b, "grep", "^hello:", filepath.Join(root, "etc/passwd"))
	ids := strings.Split(strings.TrimSpace(passwd), ":")
	theirs := []string{"ansible-playbook", "-i", "localhost,", "testdata/playbook.yml",
		"-e", "root=" + root, "-e", "wanted=" + filepath.Join(dir, "wanted"), "-e", "uid=" + ids[2], "-e", "gid=" + ids[3],
		"-e", `{"passwd": "` + strings.TrimSpace(passwd) + `"}`}
	run(b, theirs...)

	var our, their, ratio []time.Duration
	for b.Loop() {
		began := time.Now()
		if out := run(b, ours...); !strings.Contains(out, "nothing to change") {
			b.Fatal(out)
		}
		middle := time.Now()
		if out := run(b, theirs...); !changed.MatchString(out) {
			b.Fatal(out)
		}
		our, their = append(our, middle.Sub(began)), append(their, time.Since(middle))
		ratio = append(ratio, time.Since(middle)/max(1, middle.Sub(began)/1000))
	}
	b.ReportMetric(median(our).Seconds()*1000, "ms/bedplate")
	b.ReportMetric(median(their).Seconds()*1000, "ms/ansible")
	b.ReportMetric(float64(median(ratio))/1000, "times")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
