package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bedplate/bedplate/internal/testenv/wire"
)

// outcome is what happened in one machine.
type outcome struct {
	suite    string
	verdicts map[string]*verdict
	order    []string
	died     error
	took     time.Duration
	profiles [][]byte

	boot     string // systemd's state after the boot
	began    time.Time
	ready    time.Duration // from power on to booted
	show     io.Writer
	verbose  bool
	coverage map[string]*bytes.Buffer
}

func newOutcome(suite string, b *batch, show io.Writer) *outcome {
	o := &outcome{suite: suite, verdicts: map[string]*verdict{}, began: time.Now(), show: show, verbose: b.verbose, coverage: map[string]*bytes.Buffer{}}
	for _, p := range b.packages {
		o.verdicts[p.name] = newVerdict(p.tests)
		o.order = append(o.order, p.name)
	}
	return o
}

// see takes a frame from the machine.
func (o *outcome) see(f wire.Frame) {
	v := o.verdicts[f.Name]
	switch f.Kind {
	case wire.Booted:
		o.boot, o.ready = f.Text, time.Since(o.began)
	case wire.Out:
		if v != nil {
			v.print(f.Data)
			if o.verbose {
				// What cannot be shown is still judged.
				_, _ = o.show.Write(f.Data)
			}
		}
	case wire.File:
		program, _, _ := strings.Cut(f.Name, "/")
		if o.coverage[program] == nil {
			o.coverage[program] = &bytes.Buffer{}
		}
		o.coverage[program].Write(f.Data)
	case wire.Exit:
		if v != nil {
			v.end(f)
			o.line(f.Name, v)
		}
	}
}

// line tells of one binary as soon as it ended.
func (o *outcome) line(name string, v *verdict) {
	if len(v.problems) == 0 {
		fmt.Fprintf(o.show, "ok    %-8s  %-28s %d tests\n", o.suite, name, len(v.passed))
		return
	}
	if !o.verbose {
		_, _ = o.show.Write(v.output.Bytes())
	}
	fmt.Fprintf(o.show, "FAIL  %-8s  %-28s %s\n", o.suite, name, strings.Join(v.problems, "; "))
}

// close judges what the end of the machine cut off.
func (o *outcome) close() {
	for _, name := range o.order {
		if v := o.verdicts[name]; !v.ended {
			v.dead()
			o.line(name, v)
		}
	}
	for _, name := range o.order {
		if b := o.coverage[name]; b != nil {
			o.profiles = append(o.profiles, b.Bytes())
		}
	}
}

func (o *outcome) passed() (n int) {
	for _, v := range o.verdicts {
		n += len(v.passed)
	}
	return n
}

// problems lists everything that is not as it should be.
func (o *outcome) problems() (all []string) {
	for _, name := range o.order {
		for _, p := range o.verdicts[name].problems {
			all = append(all, name+": "+p)
		}
	}
	if o.boot != "running" && o.died == nil {
		all = append(all, fmt.Sprintf("systemd came up %q, not running: some unit failed", o.boot))
	}
	if o.died != nil {
		all = append(all, o.died.Error())
	}
	return slices.Clip(all)
}

func (o *outcome) report(w io.Writer) {
	for _, p := range o.problems() {
		fmt.Fprintf(w, "FAIL  %-8s  %s\n", o.suite, p)
	}
	fmt.Fprintf(w, "      %-8s  booted in %.1f s, done in %.1f s\n", o.suite, o.ready.Seconds(), o.took.Seconds())
}
