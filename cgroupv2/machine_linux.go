package cgroupv2

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// machineMemory is what the kernel has to give, in bytes: MemTotal of
// /proc/meminfo.
func machineMemory() (uint64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 54)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no MemTotal")
}

// machineCPUs counts the CPUs that are online.
func machineCPUs() (int, error) {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return 0, err
	}
	set, ok := parseList(strings.TrimSpace(string(text)))
	if !ok {
		return 0, fmt.Errorf("/sys/devices/system/cpu/online: %q is no list", text)
	}
	return len(set.numbers()), nil
}
