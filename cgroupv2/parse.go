package cgroupv2

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// flat reads a file of "key value" lines.
func flat(text string) (map[string]uint64, error) {
	values := map[string]uint64{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n, err := strconv.ParseUint(value, 10, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("cgroupv2: line %q is not \"key number\"", line)
		}
		values[key] = n
	}
	return values, nil
}

// nested reads a file of "name key=value key=value" lines.
func nested(text string) (map[string]map[string]string, error) {
	values := map[string]map[string]string{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		row := map[string]string{}
		for _, kv := range fields[1:] {
			k, v, ok := strings.Cut(kv, "=")
			if !ok {
				return nil, fmt.Errorf("cgroupv2: line %q is not \"name key=value\"", line)
			}
			row[k] = v
		}
		values[fields[0]] = row
	}
	return values, nil
}

// parseKernelMemory reads memory.max and its kin.
func parseKernelMemory(text string) (Memory, error) {
	if text == "max" {
		return UnlimitedMemory, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return Memory{}, fmt.Errorf("cgroupv2: %q is no amount of memory", text)
	}
	return Bytes(n), nil
}

// parseKernelCPU reads cpu.max: "50000 100000", "max 100000".
func parseKernelCPU(text string) (CPU, error) {
	quota, period, ok := strings.Cut(text, " ")
	p, err := strconv.ParseUint(period, 10, 32)
	if !ok || err != nil || p == 0 {
		return CPU{}, fmt.Errorf("cgroupv2: %q is no cpu.max", text)
	}
	every := time.Duration(p) * time.Microsecond
	if quota == "max" {
		return UnlimitedCPU.WithPeriod(every), nil
	}
	q, err := strconv.ParseUint(quota, 10, 62)
	if err != nil {
		return CPU{}, fmt.Errorf("cgroupv2: %q is no cpu.max", text)
	}
	return Cores(float64(q) / float64(p)).WithPeriod(every), nil
}

// parseKernelCount reads pids.max.
func parseKernelCount(text string) (Count, error) {
	if text == "max" {
		return UnlimitedTasks, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return Count{}, fmt.Errorf("cgroupv2: %q is no number of tasks", text)
	}
	return Tasks(n), nil
}
