//go:build selftest

package silent

import (
	"os"
	"testing"
)

// TestMain ends well without running anything.
func TestMain(*testing.M) { os.Exit(0) }

func TestVanishes(t *testing.T) {}
