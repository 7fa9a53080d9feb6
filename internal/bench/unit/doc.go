// Package unit compares the reading, judging and writing of unit files with
// go-systemd's unit package and with systemd-analyze verify.
package unit
