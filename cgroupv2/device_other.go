//go:build !linux

package cgroupv2

import "errors"

var machineBlocks = blocks{
	sys:   "/sys",
	look:  func(string) (Device, bool, error) { return Device{}, false, errors.ErrUnsupported },
	mount: func(string) (string, string, error) { return "", "", errors.ErrUnsupported },
}
