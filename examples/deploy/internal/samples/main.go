// Command samples builds, on the host, the releases that deploy's privileged
// tests bring to a machine: good ones and one of each bad kind.
//
//	go run ./examples/deploy/internal/samples DIR
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: samples DIR")
		os.Exit(2)
	}
	for _, kind := range []string{"one", "two", "crashes", "mute", "leaves", "ill"} {
		if err := build(os.Args[1], kind, "amd64"); err != nil {
			fmt.Fprintln(os.Stderr, "samples:", err)
			os.Exit(1)
		}
	}
	if err := build(os.Args[1], "foreign", "arm64"); err != nil {
		fmt.Fprintln(os.Stderr, "samples:", err)
		os.Exit(1)
	}
}

func build(dir, kind, arch string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.kind="+kind, "-o", filepath.Join(dir, kind),
		"github.com/bedplate/bedplate/examples/deploy/internal/service")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}
