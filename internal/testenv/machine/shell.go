package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/internal/testenv/vm"
	"github.com/bedplate/bedplate/internal/testenv/wire"
	"golang.org/x/term"
)

// shell gives a root shell in a fresh machine with everything that Debian
// starts, the examples in its PATH and an SDK for them. What is done there is
// gone when it ends.
func shell(ctx context.Context, s *settings, fs *flag.FlagSet, args []string) (code int, err error) {
	s.suite = "trixie"
	fs.Lookup("suite").DefValue = s.suite
	suites, err := s.parse(fs, args)
	if err != nil {
		return 2, err
	}
	if len(suites) != 1 {
		return 2, errors.New("a shell runs in one machine: -suite trixie")
	}
	dir, err := os.MkdirTemp("", "bedplate-shell-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &batch{dir: dir, payload: vm.Payload{Files: map[string]string{}}}
	if b.init, b.agent, err = guests(ctx, dir); err != nil {
		return 1, err
	}
	if err := b.bring(ctx, needs{Examples: true, SDK: true}); err != nil {
		return 1, err
	}
	b.carry(s.with)
	b.payload.Manifest.Shell, b.payload.Manifest.Script = true, true
	b.payload.Manifest.Rows, b.payload.Manifest.Columns = 24, 80
	machine, err := s.builder().Build(ctx, suites[0])
	if err != nil {
		return 1, err
	}
	if fd := int(os.Stdin.Fd()); term.IsTerminal(fd) {
		b.payload.Manifest.Script = false
		if columns, rows, err := term.GetSize(fd); err == nil {
			b.payload.Manifest.Rows, b.payload.Manifest.Columns = rows, columns
		}
		before, err := term.MakeRaw(fd)
		if err != nil {
			return 1, err
		}
		defer func() { err = errors.Join(err, term.Restore(fd, before)) }()
	}
	fmt.Fprintf(os.Stderr, "booting %s; the examples are in the PATH, an SDK is in %s/with/sdk\r\n", suites[0], testenv.PayloadDir)
	c := vm.Config{
		Machine: machine, Init: b.init, Agent: b.agent, Payload: b.payload, CPUs: 2, Full: true,
		Console: filepath.Join(s.out, "console-shell.log"), Terminal: &vm.Terminal{In: os.Stdin, Out: os.Stdout},
	}
	return c.Run(ctx, func(wire.Frame) {})
}
