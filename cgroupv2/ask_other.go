//go:build !linux

package cgroupv2

func askUserManager(string, string) bool { return false }
