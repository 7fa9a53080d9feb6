package cgroupv2

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"time"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// PressureOf is what there may be too little of.
type PressureOf string

// The resources.
const (
	PressureOfCPU    PressureOf = "cpu"
	PressureOfMemory PressureOf = "memory"
	PressureOfIO     PressureOf = "io"
)

// Bounds of triggers (the kernel's Documentation/accounting/psi.rst).
const (
	shortestWindow = 500 * time.Millisecond
	longestWindow  = 10 * time.Second
)

// Trigger asks to be told of pressure: when tasks have lost Stall of Window.
type Trigger struct {
	Of PressureOf
	// Full counts the time in which all tasks waited, not some.
	Full   bool
	Stall  time.Duration
	Window time.Duration // 500 ms to 10 s; without privilege whole 2 s (kernel 6.5)
}

func (t Trigger) validate() error {
	var errs []error
	if t.Of != PressureOfCPU && t.Of != PressureOfMemory && t.Of != PressureOfIO {
		errs = append(errs, fieldError("Trigger.Of", string(t.Of), "it is PressureOfCPU, PressureOfMemory or PressureOfIO"))
	}
	if t.Window < shortestWindow || t.Window > longestWindow || t.Window%time.Microsecond != 0 {
		errs = append(errs, fieldError("Trigger.Window", t.Window.String(), fmt.Sprintf("the kernel takes %v to %v", shortestWindow, longestWindow)))
	}
	if t.Stall < time.Microsecond || t.Stall > t.Window || t.Stall%time.Microsecond != 0 {
		errs = append(errs, fieldError("Trigger.Stall", t.Stall.String(), fmt.Sprintf("it is a part of the window, %v: 1µs to that", t.Window)))
	}
	return errors.Join(errs...)
}

// line is what arms the trigger.
func (t Trigger) line() string {
	kind := "some"
	if t.Full {
		kind = "full"
	}
	return fmt.Sprintf("%s %d %d", kind, t.Stall.Microseconds(), t.Window.Microseconds())
}

// UnderPressure gives the group's pressure each time that the trigger fires, at
// most once a window, until the context is done: that ends it without an error.
// The last pair has an error that matches fs.ErrNotExist when the cgroup is
// removed. The root stands for the whole machine.
//
// Each call arms a trigger of its own, by one write to a file of its own, before
// the first wait: what happens from then on is told. What is refused comes as the
// only pair.
func (g Group) UnderPressure(ctx context.Context, trigger Trigger) iter.Seq2[Pressure, error] {
	return func(yield func(Pressure, error) bool) {
		if err := trigger.validate(); err != nil {
			yield(Pressure{}, err)
			return
		}
		tree, rel, err := at(g.Path)
		if err != nil {
			yield(Pressure{}, err)
			return
		}
		defer tree.Close()
		file := string(trigger.Of) + ".pressure"
		armed, err := tree.Arm(rel, file, trigger.line())
		if err != nil {
			yield(Pressure{}, unarmed(rel, file, trigger, err))
			return
		}
		defer armed.Close()
		for {
			err := armed.Wait(ctx)
			if ctx.Err() != nil {
				return
			}
			var p Pressure
			if err == nil {
				var text string
				if text, err = armed.Read(); err == nil {
					err = p.parse([]byte(strings.TrimSuffix(text, "\n")))
				}
			}
			if errors.Is(err, cgfs.ErrGone) {
				err = fmt.Errorf("cgroupv2: %s was removed: %w", cgfs.Host(rel), fs.ErrNotExist)
			} else if err != nil {
				err = fmt.Errorf("cgroupv2: %s of %s: %w", file, cgfs.Host(rel), err)
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// unarmed explains why a trigger was refused.
func unarmed(rel, file string, t Trigger, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errors.ErrUnsupported):
		return &UnavailableError{Path: cgfs.Host(rel), What: file + " (boot with psi=1)", Err: err}
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("cgroupv2: %s of %s: %w (a trigger is written; the file has to be the caller's)", file, cgfs.Host(rel), err)
	case errors.Is(err, cgfs.ErrInvalid) && t.Window%(2*time.Second) != 0:
		return fmt.Errorf("cgroupv2: %s of %s: %q: %w (without privilege the window is a multiple of 2s)", file, cgfs.Host(rel), t.line(), err)
	}
	return fmt.Errorf("cgroupv2: %s of %s: %q: %w", file, cgfs.Host(rel), t.line(), err)
}
