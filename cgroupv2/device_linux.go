package cgroupv2

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

var machineBlocks = blocks{sys: "/sys", look: lookDevice, mount: mountOf}

// lookDevice gives a node's own numbers, and the file system's of all else.
func lookDevice(path string) (d Device, node bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return Device{}, false, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Device{}, false, fmt.Errorf("%s: no device numbers", path)
	}
	if info.Mode()&os.ModeCharDevice != 0 {
		return Device{}, false, fmt.Errorf("%s is no block device", path)
	}
	if info.Mode()&os.ModeDevice != 0 {
		return deviceOf(uint64(st.Rdev)), true, nil //nolint:unconvert // its width differs between architectures
	}
	return deviceOf(uint64(st.Dev)), false, nil //nolint:unconvert // as above
}

// deviceOf takes numbers apart as glibc's gnu_dev_major(3) does.
func deviceOf(n uint64) Device {
	return Device{Major: uint32(n>>8&0xfff | n>>32&^0xfff), Minor: uint32(n&0xff | n>>12&^0xff)}
}

// mountOf finds a path's file system: the longest mount point that it lies below,
// and of those at one place the last, which covers the others.
func mountOf(path string) (kind, source string, err error) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return "", "", err
	}
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", "", err
	}
	longest := -1
	for _, m := range parseMountinfo(string(text)) {
		if inside(real, m.point) && len(m.point) >= longest {
			longest, kind, source = len(m.point), m.kind, m.source
		}
	}
	if longest < 0 {
		return "", "", fmt.Errorf("%s is in no file system of /proc/self/mountinfo", real)
	}
	return kind, source, nil
}

func inside(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir+"/")
}
