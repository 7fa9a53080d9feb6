package journal

import (
	"bufio"
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A journald that answers, refuses, hangs up, says nothing.
func TestSyncAsks(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"done":     {"{\"parameters\":{}}\x00", ""},
		"refused":  {"{\"error\":\"org.varlink.service.PermissionDenied\"}\x00", "PermissionDenied"},
		"nonsense": {"hello\x00", "invalid character"},
		"hung up":  {"", "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := ordered(t, c.answer)
			err := order(t.Context(), "io.systemd.Journal.Synchronize")
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
			require.Equal(t, "{\"method\":\"io.systemd.Journal.Synchronize\"}\x00", <-asked)
		})
	}
	t.Run("silence", func(t *testing.T) {
		ordered(t, "wait")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, Sync(ctx), context.DeadlineExceeded)
	})
}

func ordered(t *testing.T, answer string) (asked chan string) {
	t.Helper()
	before := journald
	t.Cleanup(func() { journald = before })
	journald = filepath.Join(t.TempDir(), "journald")
	l, err := net.Listen("unix", journald)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	asked = make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		line, err := bufio.NewReader(conn).ReadString(0)
		if err != nil && !errors.Is(err, net.ErrClosed) {
			line = err.Error()
		}
		asked <- line
		if answer == "wait" {
			_, _ = bufio.NewReader(conn).ReadByte() // until the caller is gone
			return
		}
		_, _ = conn.Write([]byte(answer)) // who is gone has no need of it
	}()
	return asked
}
