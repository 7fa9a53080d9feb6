package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/verify"
)

// CgroupUnified holds where the machine has cgroup v2 alone.
func CgroupUnified() verify.Check {
	return verify.Check{Name: "cgroup/unified", Tags: []string{Quick, "cgroup"}, Look: func(context.Context) verify.Finding {
		info, err := cgroupv2.Detect()
		if err != nil {
			return verify.CouldNotLook(err)
		}
		return verify.Equal(cgroupv2.Unified, info.Mode).Because("cgroup v1 has controllers, or nothing is mounted", "boot with systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all")
	}}
}

// CgroupControllers holds where a unit's cgroup has these controllers, so that
// its limits act. unit "" is the root of the hierarchy.
func CgroupControllers(unit string, controllers ...string) verify.Check {
	look := func(group string) (verify.Finding, error) {
		if len(controllers) == 0 {
			return verify.Finding{}, errNothingWanted
		}
		text, err := kernelFile(group, "cgroup.controllers")
		if err != nil {
			return verify.Finding{}, err
		}
		have := strings.Fields(text)
		var missing []string
		for _, c := range controllers {
			if !slices.Contains(have, c) {
				missing = append(missing, c)
			}
		}
		f := verify.Finding{Status: verify.Pass, Wanted: strings.Join(controllers, " "), Observed: text}
		if len(missing) > 0 {
			f.Status = verify.Fail
		}
		return f.Because("not handed on to "+group+": "+strings.Join(missing, " "), "set a limit, or CPUAccounting= and its like, in the unit: systemd then enables the controller"), nil
	}
	if unit == "" {
		return verify.Check{Name: "cgroup/controllers", Tags: []string{Quick, "cgroup"}, Look: func(context.Context) verify.Finding { return found(look("/")) }}
	}
	c := ofUnit(unit, "controllers", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		group, err := controlGroup(p)
		if err != nil {
			return verify.Finding{}, err
		}
		return look(group)
	})
	c.Tags = append(c.Tags, "cgroup")
	return c
}

// LimitsBind holds where a unit's own limits are those in force: no cgroup above
// it is tighter, and what protects its memory is not capped. It names the one
// that binds.
func LimitsBind(unit string, wanted cgroupv2.Limits) verify.Check {
	c := ofUnit(unit, "limits bind", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		group, err := controlGroup(p)
		if err != nil {
			return verify.Finding{}, err
		}
		e, err := cgroupv2.Effective(group)
		if err != nil {
			return verify.Finding{}, err
		}
		w := wanted.Of(e.Machine.Memory)
		var shown, causes []string
		see := func(name string, set bool, want, have fmt.Stringer, by string) {
			if !set {
				return
			}
			shown = append(shown, name+" "+have.String())
			if want.String() != have.String() {
				causes = append(causes, fmt.Sprintf("%s: wanted %s, in force is %s of %s", name, want, have, orNobody(by)))
			}
		}
		see("MemoryMax", w.MemoryMax.IsSet(), page(w.MemoryMax), e.MemoryMax.Value, e.MemoryMax.By)
		see("MemoryHigh", w.MemoryHigh.IsSet(), page(w.MemoryHigh), e.MemoryHigh.Value, e.MemoryHigh.By)
		see("MemoryLow", w.MemoryLow.IsSet(), page(w.MemoryLow), e.MemoryLow.Value, e.MemoryLow.By)
		see("MemoryMin", w.MemoryMin.IsSet(), page(w.MemoryMin), e.MemoryMin.Value, e.MemoryMin.By)
		see("MemorySwapMax", w.MemorySwapMax.IsSet(), page(w.MemorySwapMax), e.MemorySwapMax.Value, e.MemorySwapMax.By)
		see("CPUMax", w.CPUMax.IsSet(), cores(w.CPUMax), cores(e.CPUMax.Value), e.CPUMax.By)
		see("TasksMax", w.TasksMax.IsSet(), w.TasksMax, e.TasksMax.Value, e.TasksMax.By)
		if len(shown) == 0 {
			return verify.Finding{}, errors.New("no limit is wanted that a cgroup above can tighten")
		}
		f := verify.Finding{Status: verify.Pass, Observed: strings.Join(shown, ", ")}
		if len(causes) > 0 {
			f.Status, f.Wanted = verify.Fail, "its own limits in force"
		}
		return f.Because(strings.Join(causes, "; "), "loosen the slice above, or tighten the unit to what is true"), nil
	})
	c.Tags = append(c.Tags, "cgroup")
	return c
}

// page is an amount as the kernel keeps it: whole pages.
func page(m cgroupv2.Memory) cgroupv2.Memory {
	if n, ok := m.Bytes(); ok {
		return cgroupv2.Bytes(n &^ (uint64(os.Getpagesize()) - 1))
	}
	return m
}

// cores leaves out the period, which says nothing about how much.
func cores(c cgroupv2.CPU) cgroupv2.CPU {
	if n, ok := c.Cores(); ok {
		return cgroupv2.Cores(n)
	}
	return c
}

func orNobody(by string) string {
	if by == "" {
		return "nobody"
	}
	return by
}

// IOWeightActs holds where something acts on the IO weights of a disk: the BFQ
// scheduler, or io.cost. disk is its device node, or that of a partition of it.
func IOWeightActs(disk string) verify.Check {
	return verify.Check{Name: named("cgroup/io.weight", disk), Tags: []string{Quick, "cgroup"}, Look: func(context.Context) verify.Finding {
		dir, err := filepath.EvalSymlinks("/sys/class/block/" + path.Base(disk))
		if err != nil {
			return verify.CouldNotLook(err)
		}
		if _, err := os.Stat(dir + "/partition"); err == nil {
			dir = path.Dir(dir)
		}
		schedulers, err := os.ReadFile(dir + "/queue/scheduler")
		if err != nil {
			return verify.CouldNotLook(err)
		}
		number, err := os.ReadFile(dir + "/dev")
		if err != nil {
			return verify.CouldNotLook(err)
		}
		if strings.Contains(string(schedulers), "[bfq]") {
			return verify.Passed("the scheduler bfq")
		}
		cost, err := os.ReadFile(hierarchy + "/io.cost.qos")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return verify.CouldNotLook(err)
		}
		for line := range strings.Lines(string(cost)) {
			if strings.HasPrefix(line, strings.TrimSpace(string(number))+" ") && strings.Contains(line, "enable=1") {
				return verify.Passed("io.cost")
			}
		}
		return verify.Equal("bfq, or io.cost enabled", strings.TrimSpace(string(schedulers))).
			Because("io.weight has nothing that acts on it", "echo bfq into "+dir+"/queue/scheduler by a udev rule, or use io.max")
	}}
}

// GoLimits holds where a service's Go runtime was told what its cgroup allows:
// GOMEMLIMIT below the memory limit in force, GOMAXPROCS within the bandwidth.
// The environment is read from the process itself.
func GoLimits(unit string) verify.Check {
	c := ofUnit(unit, "go limits", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		group, err := controlGroup(p)
		if err != nil {
			return verify.Finding{}, err
		}
		pid, err := mainProcess(p)
		if err != nil {
			return verify.Finding{}, err
		}
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil {
			return verify.Finding{}, err
		}
		e, err := cgroupv2.Effective(group)
		if err != nil {
			return verify.Finding{}, err
		}
		wrong := e.CheckGo(strings.Split(strings.TrimRight(string(environ), "\x00"), "\x00"))
		if len(wrong) == 0 {
			return verify.Passed("GOMEMLIMIT and GOMAXPROCS fit"), nil
		}
		return verify.Finding{
			Status: verify.Fail, Wanted: "a Go runtime that knows its limits", Observed: fmt.Sprintf("%d that don't fit", len(wrong)),
			Cause: strings.Join(wrong, "; "), Remedy: "put what cgroupv2.Limits.GoEnv gives into the unit's Environment=",
		}, nil
	})
	c.Tags = append(c.Tags, "cgroup", "go")
	return c
}
