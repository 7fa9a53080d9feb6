//go:build !linux

package atomicfile

import "os"

// keepLabel: other systems have no such contexts.
func keepLabel(_, _ *os.File) error { return nil }
