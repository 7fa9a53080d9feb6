//go:build selftest

package failing

import "testing"

func TestFails(t *testing.T) { t.Error("on purpose") }

func TestPassesBeside(t *testing.T) {}
