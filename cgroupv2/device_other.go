//go:build !linux

package cgroupv2

import "errors"

func blockDevice(string) (major, minor uint32, err error) { return 0, 0, errors.ErrUnsupported }
