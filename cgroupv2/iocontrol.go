package cgroupv2

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// IOControl is how a disk's queue is shared out: without the BFQ scheduler or
// io.cost, weights act on nothing. It is a bedplate.Resource, of the machine as it
// runs: it does not outlive a boot. Empty fields are left as they are.
//
// NowIOControl gives what is there: Ensure of that undoes.
type IOControl struct {
	// Device is the disk, as in IOLimit.
	Device string
	// Scheduler is "bfq", "mq-deadline", "kyber", "none", as the kernel has them.
	Scheduler string
	// Cost is whether io.cost is on. It and BFQ don't work together: with BFQ the
	// weights are BFQ's.
	Cost Switch
}

// Switch is on, off, or left alone.
type Switch string

// The switch.
const (
	On  Switch = "on"
	Off Switch = "off"
)

// NowIOControl reads how a disk is shared out now.
func NowIOControl(device string) (IOControl, error) {
	d, err := machineBlocks.disk(device)
	if err != nil {
		return IOControl{}, err
	}
	now, _, err := readIOControl(d)
	now.Device = device
	return now, err
}

// WeightsActOn says what acts on weights on a disk: "bfq", "io.cost", or "" where
// weights have no effect.
func WeightsActOn(device string) (string, error) {
	now, err := NowIOControl(device)
	switch {
	case err != nil:
		return "", err
	case now.Scheduler == "bfq":
		return "bfq", nil
	case now.Cost == On:
		return "io.cost", nil
	}
	return "", nil
}

func readIOControl(d Disk) (now IOControl, schedulers []string, err error) {
	text, err := os.ReadFile(filepath.Join("/sys/block", strings.ReplaceAll(d.Name, "/", "!"), "queue/scheduler"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return now, nil, fmt.Errorf("cgroupv2: %w", err)
	}
	for _, word := range strings.Fields(string(text)) {
		name := strings.Trim(word, "[]")
		if name != word {
			now.Scheduler = name
		}
		schedulers = append(schedulers, name)
	}
	tree, err := cgfs.Open()
	if err != nil {
		return now, nil, fmt.Errorf("cgroupv2: %w", err)
	}
	defer tree.Close()
	qos, err := tree.Read("", "io.cost.qos")
	if errors.Is(err, fs.ErrNotExist) {
		return now, schedulers, nil // a kernel without io.cost, or a container
	}
	if err != nil {
		return now, nil, fmt.Errorf("cgroupv2: %w", err)
	}
	now.Cost = Off
	for line := range strings.Lines(qos) {
		fields := strings.Fields(line)
		if len(fields) > 0 && fields[0] == d.Device.String() && slices.Contains(fields, "enable=1") {
			now.Cost = On
		}
	}
	return now, schedulers, nil
}

type ioStep struct {
	change bedplate.Change
	do     func() error
}

func (c IOControl) steps() (list []ioStep, err error) {
	if c.Cost != "" && c.Cost != On && c.Cost != Off {
		return nil, fieldError("IOControl.Cost", string(c.Cost), "it is On, Off, or empty")
	}
	d, err := machineBlocks.disk(c.Device)
	if err != nil {
		return nil, err
	}
	now, schedulers, err := readIOControl(d)
	if err != nil {
		return nil, err
	}
	if c.Scheduler != "" && c.Scheduler != now.Scheduler {
		if !slices.Contains(schedulers, c.Scheduler) {
			return nil, fieldError("IOControl.Scheduler", c.Scheduler, fmt.Sprintf("%s has %s; another may need its module (modprobe %s)", d.Name, strings.Join(schedulers, ", "), c.Scheduler))
		}
		file := filepath.Join("/sys/block", strings.ReplaceAll(d.Name, "/", "!"), "queue/scheduler")
		list = append(list, ioStep{
			bedplate.Change{Op: bedplate.OpUpdate, Kind: "disk", Target: "/dev/" + d.Name, Detail: "scheduler: " + now.Scheduler + " → " + c.Scheduler},
			func() error { return os.WriteFile(file, []byte(c.Scheduler), 0) },
		})
	}
	if c.Cost != "" && c.Cost != now.Cost {
		if now.Cost == "" {
			return nil, &UnavailableError{Path: cgfs.Mount, What: "io.cost.qos", Err: fs.ErrNotExist}
		}
		enable := map[Switch]string{On: "1", Off: "0"}[c.Cost]
		list = append(list, ioStep{
			bedplate.Change{Op: bedplate.OpUpdate, Kind: "disk", Target: "/dev/" + d.Name, Detail: "io.cost: " + string(now.Cost) + " → " + string(c.Cost)},
			func() error {
				tree, err := cgfs.Open()
				if err != nil {
					return err
				}
				return errors.Join(tree.Write("", "io.cost.qos", d.Device.String()+" enable="+enable), tree.Close())
			},
		})
	}
	return list, nil
}

// Plan says what Ensure would switch.
func (c IOControl) Plan(context.Context) (list []bedplate.Change, err error) {
	steps, err := c.steps()
	for _, s := range steps {
		list = append(list, s.change)
	}
	return list, err
}

// Ensure switches, and reads back.
func (c IOControl) Ensure(context.Context) (done []bedplate.Change, err error) {
	steps, err := c.steps()
	for _, s := range steps {
		if err := s.do(); err != nil {
			return done, fmt.Errorf("cgroupv2: %s of %s: %w", s.change.Detail, s.change.Target, err)
		}
		done = append(done, s.change)
	}
	if err != nil || len(done) == 0 {
		return done, err
	}
	left, err := c.steps()
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("cgroupv2: %s: the kernel did not keep %s", left[0].change.Target, left[0].change.Detail)
	}
	return done, err
}
