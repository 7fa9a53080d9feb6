//go:build selftest

package passing

import (
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
)

func TestPasses(t *testing.T) {
	if !testenv.Inside() {
		t.Fatal("not inside")
	}
	testenv.Scratch(t)
	testenv.Systemd(t)
}
