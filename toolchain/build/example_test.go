package build_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/bedplate/bedplate/toolchain/build"
)

func ExampleSpec_Plan() {
	root, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	spec := build.Spec{GOROOT: "/opt/no-such-sdk", Package: "./cmd/app", Root: root, Output: "/opt/app/bin/app", Arch: "arm64"}
	changes, err := spec.Plan(context.Background())
	fmt.Println(changes, err)
	// Output: [create file /opt/app/bin/app: static linux/arm64 from ./cmd/app (after sdk /opt/no-such-sdk)] <nil>
}

func ExampleCompatible() {
	empty, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(empty)
	dynamic := build.Binary{Arch: "amd64", Interpreter: "/lib64/ld-linux-x86-64.so.2", Needed: []string{"libc.so.6"}, GLIBC: "2.34"}
	var incompatible *build.IncompatibleError
	if errors.As(build.Compatible(dynamic, build.Host{Root: empty, Arch: "amd64"}), &incompatible) {
		fmt.Println(incompatible.Reasons)
	}
	fmt.Println(build.Compatible(build.Binary{Arch: "amd64"}, build.Host{Root: empty, Arch: "amd64"}))
	// Output:
	// [it has no loader /lib64/ld-linux-x86-64.so.2]
	// <nil>
}
