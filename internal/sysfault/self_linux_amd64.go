package sysfault

import (
	"os"
	"os/exec"
	"path/filepath"
)

// T is what Self needs of a testing.T.
type T interface {
	Helper()
	Fatal(...any)
	TempDir() string
}

// Self runs one test of this test binary in a process of its own, with env in its
// environment, and gives what it said. One thread, and no collector's, make its
// calls come in the same order each time.
func Self(t T, test string, fault Fault, env ...string) (Result, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$")
	cmd.Env = append(append(os.Environ(), "GOMAXPROCS=1", "GOGC=off"), env...)
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	result, err := Run(cmd, fault)
	if err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return result, string(said)
}
