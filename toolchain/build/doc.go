// Package build makes Go binaries that run where they are sent, and says what a
// binary needs of its host.
//
//	spec := build.Spec{GOROOT: goroot, Dir: ".", Package: "./cmd/app", Output: "/opt/app/bin/app"}
//	changes, err := spec.Ensure(ctx) // builds only if an input changed
//	b, err := build.Inspect("/opt/app/bin/app")
//
// A build is static unless asked otherwise, and what was built is read back from
// the ELF file: a binary that still needs its host is not published. A receipt
// beside the output knows the inputs by a digest, so that a second Ensure
// compares a few dozen files and starts no process.
package build
