package cgfs

import (
	"errors"
	"fmt"
	"os"
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
