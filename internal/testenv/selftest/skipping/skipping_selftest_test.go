//go:build selftest

package skipping

import "testing"

func TestSkips(t *testing.T) { t.Skip("on purpose") }
