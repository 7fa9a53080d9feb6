package vm

import (
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/bedplate/bedplate/internal/testenv/wire"
	"github.com/stretchr/testify/require"
)

func TestInputWaitsForTheShell(t *testing.T) {
	var seen []wire.Frame
	l, err := (&Terminal{}).connect(exec.Command("true"), func(f wire.Frame) { seen = append(seen, f) }, nil)
	require.NoError(t, err)
	defer l.close()
	l.in = strings.NewReader("first\nsecond\n")
	l.see(wire.Frame{Kind: wire.Booted})
	l.see(wire.Frame{Kind: wire.Start, Name: wire.ShellName})
	got := make([]byte, len("first\nsecond\n\x04"))
	_, err = io.ReadFull(l.theirs, got)
	require.NoError(t, err)
	require.Equal(t, "first\nsecond\n\x04", string(got))
	require.Len(t, seen, 2)
}

func TestInputThatBreaksIsTold(t *testing.T) {
	told := make(chan error, 1)
	l, err := (&Terminal{}).connect(exec.Command("true"), func(wire.Frame) {}, func(err error) { told <- err })
	require.NoError(t, err)
	defer l.close()
	l.in = iotest.ErrReader(errors.New("hung up"))
	l.see(wire.Frame{Kind: wire.Start, Name: wire.ShellName})
	require.EqualError(t, <-told, "the shell's input: hung up")
}
