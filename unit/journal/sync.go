package journal

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

// Sync waits until the journal has written what was logged before the call. Only
// root may ask for it.
func Sync(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "journalctl", "--sync")
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("journal: journalctl --sync: %w: %s", err, out)
	}
	return nil
}
