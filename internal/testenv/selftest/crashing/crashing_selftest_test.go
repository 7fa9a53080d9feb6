//go:build selftest

package crashing

import "testing"

func TestCrashes(t *testing.T) { panic("on purpose") }
