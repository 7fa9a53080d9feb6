// Package reboot holds one test: that cgroupv2.Boot's edits reach the kernel
// through a real boot loader. It has a package of its own because its machine is
// booted several times, which no other test should pay for.
package reboot
