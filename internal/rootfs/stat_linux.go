package rootfs

import (
	"time"

	"golang.org/x/sys/unix"
)

// statFlags opens what may not be readable, or would block when opened.
const statFlags = unix.O_PATH

func modTime(st *unix.Stat_t) time.Time    { return time.Unix(st.Mtim.Unix()) }
func changeTime(st *unix.Stat_t) time.Time { return time.Unix(st.Ctim.Unix()) }
