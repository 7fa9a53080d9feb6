package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"time"
)

// journald is where systemd-journald takes orders: what journalctl --sync says
// there is one line of JSON (varlink.org), and costs no process.
var journald = "/run/systemd/journal/io.systemd.journal"

// Sync waits until the journal has written what was logged before the call. Only
// root may ask for it.
func Sync(ctx context.Context) error {
	direct := order(ctx, "io.systemd.Journal.Synchronize")
	if direct == nil || ctx.Err() != nil {
		return direct
	}
	cmd := exec.CommandContext(ctx, "journalctl", "--sync")
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("journal: journalctl --sync: %w: %s (and %w)", err, out, direct)
	}
	return nil
}

// order calls a method of journald's that takes nothing and gives nothing.
func order(ctx context.Context, method string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", journald)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // ends whatever waits on it
	defer stop()
	if _, err := fmt.Fprintf(conn, "{\"method\":%q}\x00", method); err != nil {
		return because(ctx, err)
	}
	var answer []byte
	for len(answer) < longestAnswer {
		b := make([]byte, 512)
		n, err := conn.Read(b)
		answer = append(answer, b[:n]...)
		if i := bytes.IndexByte(answer, 0); i >= 0 {
			var a struct {
				Error string `json:"error"`
			}
			if err := json.Unmarshal(answer[:i], &a); err != nil {
				return fmt.Errorf("journal: the answer to %s: %w", method, err)
			}
			if a.Error != "" {
				return fmt.Errorf("journal: %s: %s", method, a.Error)
			}
			return nil
		}
		if err != nil {
			return because(ctx, err)
		}
	}
	return errors.New("journal: the answer to " + method + " does not end")
}

const longestAnswer = 64 << 10

// because says that the context ended, if that is why.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("journal: %w", err)
}
