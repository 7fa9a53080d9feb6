// Package cgroupv2 compares bedplate's cgroupv2 with the libraries of runc and
// containerd, inside a delegated cgroup of a machine with cgroup v2.
package cgroupv2
