//go:build selftest

package frozen

import (
	"os"
	"syscall"
	"testing"
	"time"
)

func TestStopsTheAgent(t *testing.T) {
	if err := syscall.Kill(os.Getppid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour)
}
