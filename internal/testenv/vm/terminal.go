package vm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/bedplate/bedplate/internal/testenv/wire"
)

// Terminal is the host's side of the machine's second serial line.
type Terminal struct {
	In  *os.File
	Out *os.File
}

// endOfFile is what a person types to say that there is no more.
const endOfFile = "\x04"

// line holds the input back until the shell has opened its end: a serial line
// that nobody listens to drops what it gets.
type line struct {
	in     io.Reader
	input  *os.File // towards QEMU
	theirs *os.File // QEMU's end of it
	next   func(wire.Frame)
	fail   func(error) // the input could not be read
	ready  sync.Once
}

// connect gives QEMU both directions by way of pipes: it makes what it is given
// non-blocking, and a terminal's input and output are mostly one open file.
func (t *Terminal) connect(cmd *exec.Cmd, see func(wire.Frame), fail func(error)) (*line, error) {
	theirs, input, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Stdout = theirs, struct{ io.Writer }{t.Out} // no *os.File: hence a pipe
	return &line{in: t.In, input: input, theirs: theirs, next: see, fail: fail}, nil
}

// see lets the input flow as soon as the shell listens.
func (l *line) see(f wire.Frame) {
	if f.Kind == wire.Start && f.Name == wire.ShellName {
		l.ready.Do(func() { go l.flow() })
	}
	l.next(f)
}

// flow ends with the input. The pipe stays open: the shell may have more to say.
func (l *line) flow() {
	_, err := io.Copy(l.input, l.in)
	if err == nil {
		_, err = io.WriteString(l.input, endOfFile)
	}
	// A machine that is gone by now misses nothing.
	if err != nil && !errors.Is(err, os.ErrClosed) && !errors.Is(err, syscall.EPIPE) {
		l.fail(fmt.Errorf("the shell's input: %w", err))
	}
}

func (l *line) close() {
	_ = errors.Join(l.input.Close(), l.theirs.Close()) // pipes: nothing is lost
}
