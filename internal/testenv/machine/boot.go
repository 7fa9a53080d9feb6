package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/bedplate/bedplate/internal/testenv/vm"
)

// bootAll runs every batch in a machine of every suite, jobs of them at a time.
// What a lone machine says is shown as it comes; of several, each has its say
// when it ended.
func bootAll(ctx context.Context, s *settings, suites []string, batches []*batch, jobs int) ([]*outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu       sync.Mutex
		running  sync.WaitGroup
		outcomes []*outcome
		failed   error
		seats    = make(chan struct{}, jobs)
	)
	one := func(b *batch, suite string) {
		var said bytes.Buffer
		show := io.Writer(&said)
		if jobs == 1 {
			show = os.Stdout
		}
		o, err := b.boot(ctx, s, suite, show)
		if err == nil {
			o.report(show)
		}
		mu.Lock()
		defer mu.Unlock()
		// What can't be shown is still judged.
		_, _ = os.Stdout.Write(said.Bytes())
		if err == nil {
			outcomes = append(outcomes, o)
			return
		}
		if failed == nil { // those after it were only called off
			failed = err
		}
		cancel()
	}
	for _, suite := range suites {
		for _, b := range batches {
			select {
			case seats <- struct{}{}:
			case <-ctx.Done():
				continue
			}
			running.Go(func() {
				defer func() { <-seats }()
				one(b, suite)
			})
		}
	}
	running.Wait()
	if failed == nil {
		failed = context.Cause(ctx)
	}
	return outcomes, failed
}

// boot runs the batch in a machine of the suite. An error is the host's own;
// what went wrong inside is the outcome's.
func (b *batch) boot(ctx context.Context, s *settings, suite string, show io.Writer) (*outcome, error) {
	machine, err := s.builder().Build(ctx, suite)
	if err != nil {
		return nil, err
	}
	payload := b.payload
	if payload.Files, err = b.files(ctx, s.builder(), suite); err != nil {
		return nil, err
	}
	c := vm.Config{
		Machine: machine, Init: b.init, Agent: b.agent, Payload: payload, Full: b.full, Silence: b.silence,
		Console: filepath.Join(s.out, "console-"+suite+"-"+b.packages[0].name+".log"),
	}
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
