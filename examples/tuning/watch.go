package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/toolchain/build"
	"github.com/bedplate/bedplate/unit"
)

// sight is what was seen of a service, and what follows from it.
type sight struct {
	Unit    string            `json:"unit"`
	Over    time.Duration     `json:"over_ns"`
	Before  cgroupv2.Stats    `json:"before"`
	After   cgroupv2.Stats    `json:"after"`
	Load    *answers          `json:"load,omitempty"`
	Advice  []cgroupv2.Advice `json:"advice"`
	Go      []string          `json:"go"`      // what does not fit in a Go program's environment
	Remarks []string          `json:"remarks"` // what the advised limits don't do on this machine

	limits, wanted cgroupv2.Limits
	group          string
	goEnv          []string // of a Go program that had the limits; nil: it is none, or is not known
}

// fits says that nothing is advised.
func (s sight) fits() bool { return len(s.Advice)+len(s.Go) == 0 }

// watch looks at the service for as long as it was told to.
func (o options) watch(ctx context.Context, progress io.Writer) (s sight, err error) {
	m := unit.Manager{}
	began, err := m.Status(ctx, o.unit)
	if err != nil {
		return s, err
	}
	if began.Outcome != unit.Running || began.ControlGroup == "" {
		return s, fmt.Errorf("%s; only what runs can be watched", began)
	}
	s = sight{Unit: o.unit, group: began.ControlGroup}
	if s.limits, err = cgroupv2.Get(s.group); err != nil {
		return s, err
	}
	if s.Before, err = stat(s.group); err != nil {
		return s, err
	}
	at := time.Now()
	watching, stop := context.WithTimeout(ctx, o.span)
	defer stop()
	told := make(chan error, 1)
	go func() {
		err := tell(watching, s.group, progress)
		if err != nil {
			stop() // there is no more to see
		}
		told <- err
	}()
	var unasked error
	if o.url != "" {
		if s.Load, unasked = ask(watching, o.url, o.clients); unasked != nil {
			stop()
		}
	}
	<-watching.Done()
	s.Over = time.Since(at)
	gone := <-told
	switch {
	case ctx.Err() != nil:
		return s, errors.New("interrupted before the time was up; nothing was changed")
	case gone != nil:
		return s, fmt.Errorf("%s was stopped or restarted while it was watched, and its counts with it; watch it again: %w", o.unit, gone)
	case unasked != nil:
		return s, unasked
	}
	if s.After, err = stat(s.group); err != nil {
		return s, err
	}
	ended, err := m.Status(ctx, o.unit)
	if err != nil {
		return s, err
	}
	if ended.Invocation != began.Invocation {
		return s, fmt.Errorf("%s was restarted while it was watched, and its counts with it; watch it again", o.unit)
	}
	s.wanted, s.Advice = cgroupv2.Observation{Limits: s.limits, Before: s.Before, After: s.After, Over: s.Over}.Recommend()
	return s, s.weigh(began.PID)
}

func stat(group string) (cgroupv2.Stats, error) {
	s, err := cgroupv2.Stat(group)
	return s.Clone(), err
}

// tell prints what happens at a limit, as it happens: a kill, a refused fork.
func tell(ctx context.Context, group string, progress io.Writer) error {
	var last *cgroupv2.Events
	for e, err := range (cgroupv2.Group{Path: group}).Events(ctx) {
		if err != nil {
			return err
		}
		if last != nil {
			if n := e.Memory.OOMKills - last.Memory.OOMKills; n > 0 {
				fmt.Fprintf(progress, "%s: the kernel killed %d of its processes for want of memory\n", time.Now().Format(time.TimeOnly), n)
			}
			if n := e.TasksRefused - last.TasksRefused; n > 0 {
				fmt.Fprintf(progress, "%s: %d forks were refused\n", time.Now().Format(time.TimeOnly), n)
			}
		}
		last = &e
	}
	return nil
}

// weigh holds what is wanted against the machine and, for a Go program, against
// what its runtime was told.
func (s *sight) weigh(pid int) error {
	machine, err := cgroupv2.ThisMachine()
	if err != nil {
		return err
	}
	s.Remarks = s.wanted.Warnings(machine)
	proc := fmt.Sprintf("/proc/%d/", pid)
	program, err := build.Inspect(proc + "exe")
	if errors.Is(err, os.ErrPermission) {
		s.Remarks = append(s.Remarks, "whether it is a Go program, and what it was told, is for root to see")
		return nil
	}
	if err != nil || program.GoVersion == "" {
		return err
	}
	environ, err := os.ReadFile(proc + "environ")
	if err != nil {
		return err
	}
	holds, err := cgroupv2.Effective(s.group)
	if err != nil {
		return err
	}
	s.Go = holds.CheckGo(strings.Split(string(environ), "\x00"))
	s.goEnv, err = s.wanted.GoEnv(0.1)
	return err
}
