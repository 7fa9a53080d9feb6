package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/internal/testenv/vm"
)

// planned is a batch that is prepared when it is first needed.
type planned struct {
	prepare func() (*batch, error)
	once    bool // on the last suite only
}

// bootAll runs every batch in a machine of every suite, jobs of them at a time.
// What a lone machine says is shown as it comes; of several, each has its say
// when it ended.
func bootAll(ctx context.Context, s *settings, suites []string, batches []planned, jobs int) ([]*outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu       sync.Mutex
		running  sync.WaitGroup
		outcomes []*outcome
		failed   error
		seats    = make(chan struct{}, jobs)
	)
	one := func(prepared func() (*batch, error), suite string) {
		var said bytes.Buffer
		show := io.Writer(&said)
		if jobs == 1 {
			show = os.Stdout
		}
		var ended []*outcome
		b, err := prepared()
		if err == nil {
			ended, err = b.boot(ctx, s, suite, show)
		}
		for _, o := range ended {
			o.report(show)
		}
		mu.Lock()
		defer mu.Unlock()
		// What can't be shown is still judged.
		_, _ = os.Stdout.Write(said.Bytes())
		outcomes = append(outcomes, ended...)
		if err == nil {
			return
		}
		if failed == nil { // those after it were only called off
			failed = err
		}
		cancel()
	}
	for i, suite := range suites {
		for _, b := range batches {
			if b.once && i < len(suites)-1 {
				continue
			}
			select {
			case seats <- struct{}{}:
			case <-ctx.Done():
				continue
			}
			running.Go(func() {
				defer func() { <-seats }()
				one(b.prepare, suite)
			})
		}
	}
	running.Wait()
	if failed == nil {
		failed = context.Cause(ctx)
	}
	return outcomes, failed
}

// boot runs the batch in a machine of the suite, as often as it asks to be booted:
// until one end is not well. An error is the host's own; what went wrong inside is
// the outcome's.
func (b *batch) boot(ctx context.Context, s *settings, suite string, show io.Writer) (outcomes []*outcome, err error) {
	machine, err := s.builder().Build(ctx, suite)
	if err != nil {
		return nil, err
	}
	payload := b.payload
	if payload.Files, err = b.files(ctx, s.builder(), suite); err != nil {
		return nil, err
	}
	c := vm.Config{Machine: machine, Init: b.init, Agent: b.agent, Payload: payload, CPUs: b.cpus, Full: b.full, Silence: b.silence}
	if b.boots > 1 {
		c.Disk = filepath.Join(b.dir, "disk-"+suite)
		if err := copyDisk(ctx, c.Disk, machine.Root); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.Remove(c.Disk)) }()
	}
	for n := 1; n <= b.boots; n++ {
		c.Console = filepath.Join(s.out, "console-"+suite+"-"+b.packages[0].name+".log")
		if n > 1 {
			c.Console, c.Firmware = fmt.Sprintf("%s.%d", c.Console, n), true
		}
		c.Payload.Manifest.Programs = slices.Clone(payload.Manifest.Programs)
		for i := range c.Payload.Manifest.Programs {
			env := &c.Payload.Manifest.Programs[i].Env
			*env = append(slices.Clone(*env), fmt.Sprintf("%s=%d", testenv.BootVariable, n))
		}
		o, err := b.once(ctx, c, suite, show)
		if err != nil {
			return outcomes, err
		}
		if outcomes = append(outcomes, o); len(o.problems()) > 0 {
			break
		}
	}
	return outcomes, nil
}

// once boots it once.
func (b *batch) once(ctx context.Context, c vm.Config, suite string, show io.Writer) (*outcome, error) {
	began := time.Now()
	o := newOutcome(suite, b, show)
	_, o.died = c.Run(ctx, o.see)
	if early := new(vm.DiedError); errors.As(o.died, &early) && o.boot == "" {
		// Nothing of the tests has run yet. QEMU itself aborts at times while it
		// boots (seen: an assertion in its memory maps), and that says nothing of them.
		fmt.Fprintf(show, "      %-8s  died before it was up, and is started once more: %s\n", suite, early.Cause)
		o = newOutcome(suite, b, show)
		_, o.died = c.Run(ctx, o.see)
	}
	o.took = time.Since(began)
	o.close()
	var hung *vm.HungError
	var died *vm.DiedError
	if o.died != nil && !errors.As(o.died, &hung) && !errors.As(o.died, &died) {
		return nil, o.died
	}
	return o, nil
}

// copyDisk copies an image with its holes.
func copyDisk(ctx context.Context, to, from string) error {
	if out, err := exec.CommandContext(ctx, "cp", "--sparse=always", "--reflink=auto", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("copying the image: %w: %s", err, out)
	}
	return nil
}
