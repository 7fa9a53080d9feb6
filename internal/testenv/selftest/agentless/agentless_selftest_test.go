//go:build selftest

package agentless

import (
	"os"
	"syscall"
	"testing"
	"time"
)

func TestKillsTheAgent(t *testing.T) {
	if err := syscall.Kill(os.Getppid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour)
}
