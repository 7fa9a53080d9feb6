package cgfs

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Confine keeps a process that has just begun to some CPUs, if it is not yet:
// all its threads, those that it makes meanwhile too.
func Confine(pid int, cpus []int) error {
	var wanted unix.CPUSet
	for _, n := range cpus {
		wanted.Set(n)
	}
	for { // until no thread was found outside
		fixed, err := confine(pid, &wanted)
		if errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrNotExist) {
			return nil // it has ended already
		}
		if err != nil || !fixed {
			return err
		}
	}
}

func confine(pid int, wanted *unix.CPUSet) (fixed bool, err error) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return false, err
	}
	for _, t := range threads {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return false, err
		}
		var now unix.CPUSet
		if err := unix.SchedGetaffinity(tid, &now); err != nil {
			return false, err
		}
		allowed, outside := now, false
		for i := range now {
			allowed[i] &= wanted[i]
			outside = outside || now[i]&^wanted[i] != 0
		}
		if !outside {
			continue
		}
		if allowed.Count() == 0 {
			allowed = *wanted
		}
		if err := unix.SchedSetaffinity(tid, &allowed); err != nil {
			return false, err
		}
		fixed = true
	}
	return fixed, nil
}

// On starts a process with its thread's CPUs set to what the process is to have,
// where that is less than it has and the kernel is one that lets a new process
// inherit them: some of those forget the cpuset of a cgroup that is cloned into
// (measured: 5.10), and a program counts its CPUs in its first instructions. Later
// kernels (6.2) would keep such a wish for ever, and do it right by themselves.
func On(cpus []int, start func() error) error {
	if sticky() {
		return start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, wanted unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return start()
	}
	for _, n := range cpus {
		if before.IsSet(n) {
			wanted.Set(n)
		}
	}
	if wanted.Count() == 0 || wanted == before || unix.SchedSetaffinity(0, &wanted) != nil {
		return start()
	}
	defer func() { _ = unix.SchedSetaffinity(0, &before) }() // what it had, it may have
	return start()
}

// sticky says whether the kernel is 6.2 or later.
func sticky() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return true
	}
	var major, minor int
	if n, _ := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); n != 2 {
		return true
	}
	return major > 6 || major == 6 && minor >= 2
}
