package checks

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/verify"
	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// ProveMemoryMax is a live proof that a memory limit kills on this machine: it
// starts a throwaway service that has this limit and takes ever more, and holds
// where the kernel ended it for that. It needs root; it is the only kind of
// check, with ProveCPUMax, that starts something.
func ProveMemoryMax(limit cgroupv2.Memory) verify.Check {
	return verify.Check{Name: "prove/memory.max", Tags: []string{Deep, "cgroup", "systemd"}, Timeout: time.Minute, Look: func(ctx context.Context) verify.Finding {
		n, ok := limit.Bytes()
		if !ok || n < 4<<20 {
			return verify.CouldNotLook(fmt.Errorf("MemoryMax=%s can't be proven: give an amount of 4 MiB or more", limit))
		}
		// LimitDATA= ends it, with another result, where the cgroup does not.
		pr, err := probe(ctx, "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done",
			property("MemoryMax", n), property("MemorySwapMax", uint64(0)), property("LimitDATA", 8*n), property("LimitDATASoft", 8*n))
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer pr.end()
		for {
			state, err := pr.ask(ctx, "Unit", "ActiveState")
			if err != nil {
				return verify.CouldNotLook(err)
			}
			if state == "failed" || state == "inactive" {
				result, err := pr.ask(ctx, "Service", "Result")
				if err != nil {
					return verify.CouldNotLook(err)
				}
				return verify.Equal("oom-kill", result).Because("a process took over "+limit.String()+" and was not killed for it", "see that the memory controller is enabled: checks.CgroupControllers")
			}
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				return verify.CouldNotLook(err)
			}
		}
	}}
}

// ProveCPUMax is a live proof that a bandwidth throttles on this machine: it
// starts a throwaway service that has it and wants more, looks for a second, and
// holds where the kernel's file has it and most periods ended with the service
// throttled. How much it used is observed, and not judged: clocks of virtual
// machines under load are no judges. It needs root.
func ProveCPUMax(bandwidth cgroupv2.CPU) verify.Check {
	return verify.Check{Name: "prove/cpu.max", Tags: []string{Deep, "cgroup", "systemd"}, Timeout: time.Minute, Alone: true, Look: func(ctx context.Context) verify.Finding {
		cores, ok := bandwidth.Cores()
		if !ok || cores <= 0 {
			return verify.CouldNotLook(fmt.Errorf("CPUMax=%s can't be proven: give a bandwidth, such as 50%%", bandwidth))
		}
		loops := int(math.Ceil(cores)) + 1
		pr, err := probe(ctx, fmt.Sprintf("i=1; while [ $i -lt %d ]; do (while :; do :; done) & i=$((i+1)); done; while :; do :; done", loops),
			property("CPUQuotaPerSecUSec", uint64(math.Round(cores*1e6))))
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer pr.end()
		group, err := pr.ask(ctx, "Service", "ControlGroup")
		if err != nil {
			return verify.CouldNotLook(err)
		}
		before, err := cpuStat(group)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		began := time.Now()
		if err := pause(ctx, time.Second); err != nil {
			return verify.CouldNotLook(err)
		}
		took := time.Since(began)
		after, err := cpuStat(group)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		kernel, err := kernelFile(group, "cpu.max")
		if err != nil {
			return verify.CouldNotLook(err)
		}
		have, err := perSecond(kernel)
		if err != nil {
			return verify.CouldNotLook(fmt.Errorf("cpu.max of %s: %w", group, err))
		}
		used := float64(after["usage_usec"]-before["usage_usec"]) / float64(took.Microseconds())
		periods, throttled := after["nr_periods"]-before["nr_periods"], after["nr_throttled"]-before["nr_throttled"]
		f := verify.Finding{
			Status: verify.Pass, Wanted: "throttled to " + bandwidth.String(),
			Observed: fmt.Sprintf("%s, throttled in %d of %d periods, %.0f%% used", showCPU(have), throttled, periods, used*100),
		}
		if throttled == 0 || 2*throttled < periods || have != uint64(math.Round(cores*1e6)) {
			f.Status = verify.Fail
		}
		return f.Because("processes that want more than "+bandwidth.String()+" get it", "see that the cpu controller is enabled, and that the bandwidth is below what the machine has")
	}}
}

func cpuStat(group string) (map[string]uint64, error) {
	text, err := os.ReadFile(hierarchy + group + "/cpu.stat")
	if err != nil {
		return nil, err
	}
	values := map[string]uint64{}
	for line := range strings.Lines(string(text)) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		if values[name], err = strconv.ParseUint(number, 10, 64); err != nil {
			return nil, err
		}
	}
	if _, ok := values["nr_throttled"]; !ok {
		return nil, fmt.Errorf("%s has no cpu controller: cpu.stat does not count throttling", group)
	}
	return values, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// prober is a throwaway service.
type prober struct {
	conn *dbus.Conn
	name string
}

var probeNumber atomic.Uint64

// probe starts a shell in a service of its own, which ends with the check. The
// script is its input: as an argument, systemd 252 gives it back with backslashes
// if somebody has it reload before the start is executed.
func probe(ctx context.Context, script string, limits ...dbus.Property) (*prober, error) {
	conn, err := manager(ctx)
	if err != nil {
		return nil, err
	}
	pr := &prober{conn, fmt.Sprintf("bedplate-probe-%d-%d.service", os.Getpid(), probeNumber.Add(1))}
	done := make(chan string, 1)
	_, err = conn.StartTransientUnitContext(ctx, pr.name, "fail", append([]dbus.Property{
		dbus.PropExecStart([]string{"/bin/sh", "-s"}, false), dbus.PropDescription("A probe of the limits in force"), dbus.PropType("exec"),
		property("StandardInput", "data"), property("StandardInputData", []byte(script+"\n")),
		property("RuntimeMaxUSec", uint64(90e6)), property("DefaultDependencies", false), property("StandardError", "null"), property("LogLevelMax", int32(2)),
	}, limits...), done)
	if err != nil {
		return nil, fmt.Errorf("a probe could not be started; only root may: %w", err)
	}
	select {
	case <-ctx.Done():
		pr.end()
		return nil, context.Cause(ctx)
	case result := <-done:
		if result != "done" && result != "failed" { // the probe may have ended already
			pr.end()
			return nil, fmt.Errorf("a probe could not be started: the job ended with %q", result)
		}
	}
	return pr, nil
}

func property(name string, value any) dbus.Property {
	return dbus.Property{Name: name, Value: godbus.MakeVariant(value)}
}

func (pr *prober) ask(ctx context.Context, iface, name string) (string, error) {
	p, err := pr.conn.GetUnitTypePropertyContext(ctx, pr.name, iface, name)
	if err != nil {
		return "", fmt.Errorf("%s of the probe: %w", name, err)
	}
	s, ok := p.Value.Value().(string)
	if !ok {
		return "", errors.New("the probe's " + name + " is no text")
	}
	return s, nil
}

// end removes the probe whatever became of it. The check's time may be over, so
// it has its own.
func (pr *prober) end() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = pr.conn.KillUnitWithTarget(ctx, pr.name, dbus.All, 9) // stopping it is what counts
	done := make(chan string, 1)
	if _, err := pr.conn.StopUnitContext(ctx, pr.name, "replace", done); err == nil {
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
	_ = pr.conn.ResetFailedUnitContext(ctx, pr.name) // it is gone if it did not fail
}
