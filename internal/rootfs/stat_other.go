//go:build !linux

package rootfs

import (
	"time"

	"golang.org/x/sys/unix"
)

// statFlags: without O_PATH, at least a FIFO must not block.
const statFlags = unix.O_RDONLY | unix.O_NONBLOCK

func modTime(st *unix.Stat_t) time.Time    { return time.Unix(st.Mtim.Unix()) }
func changeTime(st *unix.Stat_t) time.Time { return time.Unix(st.Ctim.Unix()) }
