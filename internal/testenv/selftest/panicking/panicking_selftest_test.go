//go:build selftest

package panicking

import (
	"os"
	"testing"
)

func TestPanicsTheKernel(t *testing.T) {
	if err := os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0o200); err != nil {
		t.Fatal(err)
	}
}
