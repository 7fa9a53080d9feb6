// Package testenv lets privileged tests run where they can do no harm: in a
// throwaway machine with a real kernel, a real systemd and a real cgroup v2.
//
// A package with privileged tests (build tag privileged, files named
// *_privileged_test.go) hands its TestMain to Main. The command in
// internal/testenv/machine builds those tests, boots a pristine machine for
// each Debian release, and runs them inside:
//
//	go run ./internal/testenv/machine test -suite all
//
// Started anywhere else such a test binary ends at once, with that command as
// its message, and touches nothing.
package testenv
