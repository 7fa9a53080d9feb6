package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Get reads a cgroup's own limits as they stand in the kernel's files. A field
// is zero where the controller is not enabled here, so that Set(path, Get(path))
// writes nothing. What really holds depends on the cgroups above too: Effective.
func Get(path string) (Limits, error) {
	tree, rel, err := at(path)
	if err != nil {
		return Limits{}, err
	}
	defer tree.Close()
	return get(tree, rel)
}

func get(tree hierarchy, rel string) (l Limits, err error) {
	if there, err := tree.Exists(rel); err != nil {
		return l, fmt.Errorf("cgroupv2: %w", err)
	} else if !there {
		return l, fmt.Errorf("cgroupv2: there is no cgroup /%s: %w", rel, fs.ErrNotExist)
	}
	var errs []error
	read := func(file string, parse func(text string) error) {
		text, err := tree.Read(rel, file)
		if errors.Is(err, fs.ErrNotExist) {
			return // of a controller that is not enabled, or of a later kernel
		}
		if err == nil {
			err = parse(text)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cgroupv2: %s of /%s: %w", file, rel, err))
		}
	}
	for _, m := range []struct {
		file string
		to   *Memory
	}{
		{"memory.min", &l.MemoryMin}, {"memory.low", &l.MemoryLow}, {"memory.high", &l.MemoryHigh},
		{"memory.max", &l.MemoryMax}, {"memory.swap.max", &l.MemorySwapMax},
	} {
		read(m.file, func(s string) (err error) { *m.to, err = parseKernelMemory(s); return err })
	}
	read("cpu.max", func(s string) (err error) { l.CPUMax, err = parseKernelCPU(s); return err })
	read("cpu.max.burst", func(s string) error {
		us, err := strconv.ParseUint(s, 10, 40)
		if err == nil && us > 0 {
			l.CPUMax = l.CPUMax.WithBurst(time.Duration(us) * time.Microsecond)
		}
		return err
	})
	read("cpu.weight", func(s string) (err error) {
		if s != "0" { // of a group with cpu.idle, on some kernels
			l.CPUWeight, err = ParseWeight(s)
		}
		return err
	})
	read("cpu.idle", func(s string) error {
		if s == "1" {
			l.CPUWeight = Idle
		}
		return nil
	})
	read("cpuset.cpus", func(s string) (err error) { l.CPUSet, err = parseKernelSet(s); return err })
	read("cpuset.mems", func(s string) (err error) { l.MemoryNodes, err = parseKernelSet(s); return err })
	read("pids.max", func(s string) (err error) { l.TasksMax, err = parseKernelCount(s); return err })
	read("io.weight", func(s string) (err error) { l.IOWeight, err = parseDefaultWeight(s); return err })
	read("io.weight", func(s string) (err error) { l.IOWeights, err = parseDeviceWeights(s); return err })
	read("io.latency", func(s string) (err error) { l.IOLatency, err = parseLatencies(s); return err })
	read("io.max", func(s string) (err error) { l.IOMax, err = parseIOMax(s); return err })
	read("misc.max", func(s string) (err error) { l.Misc, err = parseMiscMax(s); return err })
	huge := false
	read("cgroup.controllers", func(s string) error { huge = slices.Contains(strings.Fields(s), "hugetlb"); return nil })
	for _, size := range hugeSizes {
		if huge {
			read("hugetlb."+size+".max", func(s string) error {
				most, err := parseKernelMemory(s)
				l.HugePages = append(l.HugePages, HugePageLimit{Bytes(hugeBytes(size)), most})
				return err
			})
		}
	}
	return l, errors.Join(errs...)
}

// parseMiscMax reads misc.max: "sev 10", "sev_es max".
func parseMiscMax(s string) (list []MiscLimit, err error) {
	for line := range strings.Lines(s) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n, err := parseKernelCount(value)
		m := MiscLimit{name, n}
		if err == nil {
			err = m.validate("misc.max")
		}
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

func parseKernelSet(s string) (CPUSet, error) {
	if s == "" {
		return AllCPUs, nil
	}
	return ParseCPUSet(s)
}

// parseDefaultWeight reads the first line of io.weight, "default 100".
func parseDefaultWeight(s string) (Weight, error) {
	line, _, _ := strings.Cut(s, "\n")
	number, ok := strings.CutPrefix(line, "default ")
	if !ok {
		return 0, fmt.Errorf("%q does not begin with the default", s)
	}
	return ParseWeight(number)
}

// parseDeviceWeights reads the lines of io.weight after the first, "254:16 50".
func parseDeviceWeights(s string) (list []IODeviceWeight, err error) {
	_, rest, _ := strings.Cut(s, "\n")
	for line := range strings.Lines(rest) {
		device, number, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		w, err := ParseWeight(number)
		if err != nil || w == Idle || !numbers.MatchString(device) {
			return nil, fmt.Errorf("line %q is no disk's weight", line)
		}
		list = append(list, IODeviceWeight{device, w})
	}
	return list, nil
}

// parseLatencies reads io.latency: "254:16 target=20000".
func parseLatencies(s string) (list []IODeviceLatency, err error) {
	for line := range strings.Lines(s) {
		device, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " target=")
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil || !numbers.MatchString(device) {
			return nil, fmt.Errorf("line %q is no disk's latency", line)
		}
		list = append(list, IODeviceLatency{device, time.Duration(n) * time.Microsecond})
	}
	return list, nil
}

// parseIOMax reads io.max: "254:16 rbps=1048576 wbps=max riops=max wiops=max".
func parseIOMax(s string) (list []IOLimit, err error) {
	for line := range strings.Lines(s) {
		fields := strings.Fields(line)
		if len(fields) == 0 || !numbers.MatchString(fields[0]) {
			return nil, fmt.Errorf("line %q does not begin with a disk's numbers", line)
		}
		io := IOLimit{Device: fields[0]}
		for _, field := range fields[1:] {
			key, value, _ := strings.Cut(field, "=")
			var rate Rate
			if value == "max" {
				rate = UnlimitedRate
			} else if n, err := strconv.ParseUint(value, 10, 64); err == nil {
				rate = PerSecond(n)
			} else {
				return nil, fmt.Errorf("%q in line %q is no rate", field, line)
			}
			switch key {
			case "rbps":
				io.ReadBytes = rate
			case "wbps":
				io.WriteBytes = rate
			case "riops":
				io.ReadOps = rate
			case "wiops":
				io.WriteOps = rate
			}
		}
		list = append(list, io)
	}
	return list, nil
}
