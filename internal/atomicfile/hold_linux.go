package atomicfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// hold keeps a link from being freed when its name is gone.
func hold(dir *os.File, name string) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) { // another writer is at work
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// waitForLookups returns when every lookup has ended that was under way:
// membarrier(2) waits for a grace period of RCU, which is what they are in. A
// kernel or a filter that refuses it leaves the risk to the reader.
func waitForLookups() {
	const global = 1 // MEMBARRIER_CMD_GLOBAL
	_, _, _ = unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0)
}
