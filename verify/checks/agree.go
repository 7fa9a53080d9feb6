package checks

import (
	"context"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/verify"
)

// LimitsAgree holds where three agree on each limit that is set: what is wanted,
// systemd's property, and the kernel's file. It says who has what. Limits on
// disks are compared between wanted and kernel.
func LimitsAgree(unit string, wanted cgroupv2.Limits) verify.Check {
	c := ofUnit(unit, "limits agree", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		if err := wanted.Validate(); err != nil {
			return verify.Finding{}, err
		}
		group, err := controlGroup(p)
		if err != nil {
			return verify.Finding{}, err
		}
		total, err := machineMemory()
		if err != nil {
			return verify.Finding{}, err
		}
		var causes []string
		n := 0
		for _, s := range sides(wanted.Of(total)) {
			n++
			text, err := kernelFile(group, s.file)
			if err != nil {
				return verify.Finding{}, err
			}
			kernel, err := s.kernel(text)
			if err != nil {
				return verify.Finding{}, fmt.Errorf("%s of %s: %w", s.file, group, err)
			}
			systemd := s.wanted
			if s.property != "" {
				if systemd, err = get[uint64](p, s.property); err != nil {
					return verify.Finding{}, err
				}
			}
			if systemd != s.wanted || kernel != s.rounded() {
				causes = append(causes, fmt.Sprintf("%s: wanted %s, systemd has %s, the kernel has %s", s.name, s.show(s.wanted), s.show(systemd), s.show(kernel)))
			}
		}
		more, io, err := ioDiffers(group, wanted)
		if err != nil {
			return verify.Finding{}, err
		}
		causes, n = append(causes, more...), n+io
		if n == 0 {
			return verify.Finding{}, errNothingWanted
		}
		if len(causes) == 0 {
			return verify.Passed(fmt.Sprintf("%d limits as wanted in systemd and in the kernel", n)), nil
		}
		return verify.Finding{
			Status: verify.Fail, Wanted: "three that agree", Observed: fmt.Sprintf("%d of %d limits differ", len(causes), n),
			Cause: strings.Join(causes, "; "), Remedy: "systemctl cat " + unit + "; systemctl daemon-reload and restart it; nothing but systemd may write below its tree",
		}, nil
	})
	c.Tags = append(c.Tags, "cgroup")
	return c
}

// side is one limit as all three say it, in one number; MaxUint64 is none.
type side struct {
	name           string
	wanted         uint64
	property, file string
	kernel         func(text string) (uint64, error)
	show           func(uint64) string
	pages          bool
}

func (s side) rounded() uint64 {
	if s.pages && s.wanted != math.MaxUint64 {
		return s.wanted &^ (uint64(os.Getpagesize()) - 1)
	}
	return s.wanted
}

// sides lists the limits that are set and are one number.
func sides(l cgroupv2.Limits) (all []side) {
	for _, m := range []struct {
		name, file string
		value      cgroupv2.Memory
	}{
		{"MemoryMax", "memory.max", l.MemoryMax}, {"MemoryHigh", "memory.high", l.MemoryHigh}, {"MemoryLow", "memory.low", l.MemoryLow},
		{"MemoryMin", "memory.min", l.MemoryMin}, {"MemorySwapMax", "memory.swap.max", l.MemorySwapMax},
	} {
		if m.value.IsSet() {
			all = append(all, side{m.name, orMax(m.value.Bytes()), m.name, m.file, oneNumber, showMemory, true})
		}
	}
	if l.CPUMax.IsSet() {
		wanted := uint64(math.MaxUint64)
		if cores, ok := l.CPUMax.Cores(); ok {
			wanted = uint64(math.Round(cores * 1e6))
		}
		all = append(all, side{"CPUMax", wanted, "CPUQuotaPerSecUSec", "cpu.max", perSecond, showCPU, false})
	}
	switch l.CPUWeight {
	case 0:
	case cgroupv2.Idle: // a class of its own, in a file of its own
		all = append(all, side{"CPUWeight", 1, "", "cpu.idle", oneNumber, show64, false})
	default:
		all = append(all, side{"CPUWeight", uint64(l.CPUWeight), "CPUWeight", "cpu.weight", oneNumber, show64, false})
	}
	if l.TasksMax.IsSet() {
		all = append(all, side{"TasksMax", orMax(l.TasksMax.Tasks()), "TasksMax", "pids.max", oneNumber, show64, false})
	}
	if l.IOWeight != 0 {
		all = append(all, side{"IOWeight", uint64(l.IOWeight), "IOWeight", "io.weight", func(text string) (uint64, error) {
			_, text, _ = strings.Cut(text, "default ")
			text, _, _ = strings.Cut(text, ";")
			return oneNumber(text)
		}, show64, false})
	}
	return all
}

func orMax(n uint64, limited bool) uint64 {
	if !limited {
		return math.MaxUint64
	}
	return n
}

func oneNumber(text string) (uint64, error) {
	if text == "max" {
		return math.MaxUint64, nil
	}
	return strconv.ParseUint(strings.TrimSpace(text), 10, 64)
}

// perSecond reads cpu.max, "50000 100000", as µs of CPU time in a second.
func perSecond(text string) (uint64, error) {
	quota, period, _ := strings.Cut(text, " ")
	if quota == "max" {
		return math.MaxUint64, nil
	}
	q, err := strconv.ParseUint(quota, 10, 64)
	if err != nil {
		return 0, err
	}
	p, err := strconv.ParseUint(period, 10, 64)
	if err != nil || p == 0 {
		return 0, fmt.Errorf("%q is no quota and period", text)
	}
	return uint64(math.Round(float64(q) * 1e6 / float64(p))), nil
}

func show64(n uint64) string { return show(n) }

func showMemory(n uint64) string {
	if n == math.MaxUint64 {
		return "infinity"
	}
	return cgroupv2.Bytes(n).String()
}

func showCPU(n uint64) string {
	if n == math.MaxUint64 {
		return "infinity"
	}
	return strconv.FormatFloat(float64(n)/1e4, 'f', -1, 64) + "%"
}

// ioDiffers compares io.max, disk by disk, as cgroupv2 reads it back.
func ioDiffers(group string, wanted cgroupv2.Limits) (causes []string, n int, err error) {
	if len(wanted.IOMax) == 0 {
		return nil, 0, nil
	}
	text, err := kernelFile(group, "io.max")
	if err != nil {
		return nil, 0, err
	}
	kernel := map[string]string{}
	for line := range strings.SplitSeq(text, "; ") {
		device, rates, _ := strings.Cut(line, " ")
		for rate := range strings.FieldsSeq(rates) {
			key, value, _ := strings.Cut(rate, "=")
			kernel[device+" "+key] = value
		}
	}
	for _, io := range wanted.IOMax {
		device, err := diskNumber(io.Device)
		if err != nil {
			return nil, 0, err
		}
		for _, r := range []struct {
			key  string
			rate cgroupv2.Rate
		}{{"rbps", io.ReadBytes}, {"wbps", io.WriteBytes}, {"riops", io.ReadOps}, {"wiops", io.WriteOps}} {
			if !r.rate.IsSet() {
				continue
			}
			n++
			want := "max"
			if per, limited := r.rate.PerSecond(); limited {
				want = strconv.FormatUint(per, 10)
			}
			have := kernel[device+" "+r.key]
			if have == "" {
				have = "max" // a disk without a limit is not listed
			}
			if want != have {
				causes = append(causes, fmt.Sprintf("io.max %s=%s of %s wanted, the kernel has %s", r.key, want, io.Device, have))
			}
		}
	}
	return causes, n, nil
}

// diskNumber is a disk's "254:16", from its node, which may be a number already.
func diskNumber(device string) (string, error) {
	if !strings.HasPrefix(device, "/") {
		return device, nil
	}
	b, err := os.ReadFile("/sys/class/block/" + device[strings.LastIndexByte(device, '/')+1:] + "/dev")
	return strings.TrimSpace(string(b)), err
}

// machineMemory is the machine's memory in bytes.
func machineMemory() (uint64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no MemTotal")
}
