package cgroupv2

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// blockDevice gives the numbers of a disk's node.
func blockDevice(node string) (major, minor uint32, err error) {
	info, err := os.Stat(node)
	if err != nil {
		return 0, 0, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode()&os.ModeDevice == 0 || info.Mode()&os.ModeCharDevice != 0 {
		return 0, 0, errors.New("it is no block device")
	}
	// The encoding of glibc's gnu_dev_major(3).
	major = uint32(st.Rdev>>8&0xfff | st.Rdev>>32&^0xfff)
	minor = uint32(st.Rdev&0xff | st.Rdev>>12&^0xff)
	if _, err := os.Stat(fmt.Sprintf("/sys/dev/block/%d:%d/partition", major, minor)); err == nil {
		return 0, 0, errors.New("it is a partition; limits are for whole disks")
	}
	return major, minor, nil
}
