// Package wire is what the agent in the machine and the host say to each other:
// JSON lines, over a virtio port, from the agent to the host only. What the
// agent is to do lies in the payload's manifest.
package wire

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
)

// Kind is what a frame says.
type Kind string

// The frames. Only Done proves that the agent did its work: QEMU exits 0
// whatever happened inside.
const (
	Hello  Kind = "hello"  // the agent runs
	Alive  Kind = "alive"  // still there; sent every few seconds
	Booted Kind = "booted" // systemd's state is Text
	Start  Kind = "start"  // program Name begins
	Out    Kind = "out"    // program Name printed Data
	File   Kind = "file"   // a piece of file Name that was asked for
	Exit   Kind = "exit"   // program Name ended: Code, or Text says how
	Error  Kind = "error"  // the agent itself failed: Text
	Done   Kind = "done"   // all programs ran; the machine powers off. Code is the shell's
)

// Frame is one line.
type Frame struct {
	Kind     Kind   `json:"k"`
	Name     string `json:"n,omitempty"`
	Text     string `json:"t,omitempty"`
	Data     []byte `json:"d,omitempty"`
	Code     int    `json:"c,omitempty"`
	Signal   string `json:"s,omitempty"` // the signal that ended the program
	TimedOut bool   `json:"o,omitempty"` // it was ended because its time was up
}

// Program is one line of the manifest.
type Program struct {
	Name    string
	Argv    []string
	Dir     string // below the payload
	Env     []string
	Seconds int      // time to run; then SIGQUIT (a Go program dumps its goroutines), then SIGKILL
	Collect []string // files in Dir to send back
}

// Manifest is the payload's manifest.json.
type Manifest struct {
	Programs []Program
	Shell    bool // a shell on the second serial line, after the programs
	Script   bool // the shell's input is no person's: no echo, no line editing
	Keep     bool // what is on the root disk is needed after the end
	Rows     int
	Columns  int
}

// ShellName is the shell's name in its Start frame; what was typed before is
// lost, since nobody had opened the line.
const ShellName = "shell"

// ManifestName is the manifest's place in the payload.
const ManifestName = "manifest.json"

// Sender writes frames; several goroutines may share one.
type Sender struct {
	mu sync.Mutex
	w  io.Writer
}

// NewSender sends to w.
func NewSender(w io.Writer) *Sender { return &Sender{w: w} }

// Send writes one frame with a single write.
func (s *Sender) Send(f Frame) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = s.w.Write(append(b, '\n'))
	return err
}

// Printer sends what is written to it as a program's output.
func (s *Sender) Printer(program string) io.Writer { return printer{s, program} }

type printer struct {
	s    *Sender
	name string
}

func (p printer) Write(b []byte) (int, error) {
	return len(b), p.s.Send(Frame{Kind: Out, Name: p.name, Data: b})
}

// maxFrame bounds a line: a program's largest write and then some.
const maxFrame = 16 << 20

// Frames reads frames until the other side hangs up.
func Frames(r io.Reader) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(make([]byte, 64<<10), maxFrame)
		for lines.Scan() {
			var f Frame
			if err := json.Unmarshal(lines.Bytes(), &f); err != nil || f.Kind == "" {
				if !yield(Frame{}, fmt.Errorf("wire: no frame: %.200q: %w", lines.Bytes(), errors.Join(err))) {
					return
				}
				continue
			}
			if !yield(f, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Frame{}, fmt.Errorf("wire: %w", err))
		}
	}
}
