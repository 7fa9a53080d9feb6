//go:build !linux

package cgroupv2

import "errors"

func machineMemory() (uint64, error) { return 0, errors.ErrUnsupported }

func machineCPUs() (int, error) { return 0, errors.ErrUnsupported }
