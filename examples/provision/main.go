// Command provision takes a machine to a running, bounded, verified Go service:
// a Go SDK, a binary built with it, an account, a tree, units, and proof.
//
//	go run ./examples/provision            # unprivileged, into the directory _machine
//	go run ./examples/provision -plan      # what would change
//	sudo provision -live                   # on this machine itself
//
// It is made of the packages' public API alone, and meant to be read: machine.go
// says what is wanted, proof.go how it is known to be so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/verify"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "provision:", err)
	}
	os.Exit(code)
}

// The exit statuses: all holds, something doesn't, the command was not understood.
const (
	exitOK = iota
	exitFailed
	exitUsage
)

// options are the command line.
type options struct {
	wanted
	source, sha256 string
	update         bool
	plan, json     bool
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("provision", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.root, "root", "_machine", "`directory` that stands for the machine")
	fs.BoolVar(&o.live, "live", false, "provision this machine itself: needs root and systemd")
	fs.StringVar(&o.goVersion, "go", runningMinor(), "Go `version`: 1.26.8, 1.26.x, \">=1.26\", stable; an installed match is taken")
	fs.BoolVar(&o.update, "update", false, "ask the source for a newer match, even where one is installed")
	fs.StringVar(&o.source, "source", "proxy", "where the SDK is from: proxy (what go env names), official, a mirror's `URL`, a directory, or an archive")
	fs.StringVar(&o.sha256, "sha256", "", "`digest` that the SDK's archive must have")
	fs.StringVar(&o.module, "src", ".", "`directory` of the module that has examples/hello")
	fs.StringVar(&o.binary, "binary", "", "`file` to install instead of building examples/hello")
	fs.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` that the socket listens on")
	fs.StringVar(&o.disk, "disk", "", "`disk` whose bandwidth is bounded, too: /dev/vda")
	fs.TextVar(&o.memory, "memory", defaultMemory, "hard memory `limit` of the service: 256M")
	fs.TextVar(&o.cpu, "cpu", defaultCPU, "CPU `bandwidth` of the service: 50%, 2 cores")
	fs.BoolVar(&o.plan, "plan", false, "say what would change, and change nothing")
	fs.BoolVar(&o.json, "json", false, "print JSON")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q; every setting is a flag, see -help", fs.Arg(0))
	}
	if o.live {
		o.root = ""
		return o, nil
	}
	if o.root == "" {
		return o, errors.New("-root is empty; name a directory, or use -live for this machine")
	}
	o.root, err = filepath.Abs(o.root)
	return o, err
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK, nil
	case err != nil:
		return exitUsage, err
	}
	if err := o.check(); err != nil {
		return exitUsage, err
	}
	if o.live {
		_, err := os.Stat("/run/systemd/system") // sd_booted(3)
		if err := fit(os.Geteuid(), err == nil); err != nil {
			return exitUsage, err
		}
	}
	out := printer{stdout: stdout, stderr: stderr, json: o.json, place: o.place()}
	if o.sdk, err = chooseSource(ctx, o, out.progress()); err != nil {
		return exitFailed, err
	}
	steps, err := o.steps()
	if err != nil {
		return exitUsage, err
	}

	began := time.Now()
	if o.plan {
		changes, err := bedplate.Plan(ctx, steps...)
		return status(err == nil), errors.Join(err, out.changes("would change", changes, time.Since(began)))
	}
	changes, err := bedplate.Apply(ctx, steps...)
	took := time.Since(began)
	if err != nil {
		return exitFailed, errors.Join(err, out.changes("changed", changes, took))
	}
	checks, err := o.proof(ctx, steps)
	if err != nil {
		return exitFailed, errors.Join(err, out.changes("changed", changes, took))
	}
	report := verify.Run(ctx, checks...)
	return status(report.OK()), out.report(changes, took, report)
}

func status(ok bool) int {
	if ok {
		return exitOK
	}
	return exitFailed
}

// fit says why a machine can't be provisioned itself.
func fit(uid int, systemd bool) error {
	switch {
	case uid != 0:
		return errors.New("-live needs root; run it with sudo, or without -live into a directory")
	case !systemd:
		return errors.New("-live needs systemd, which does not run here; leave -live out to provision a directory")
	}
	return nil
}

// place is what is provisioned, for people.
func (o options) place() string {
	if o.live {
		return "this machine"
	}
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, o.root); err == nil && !strings.HasPrefix(rel, "..") {
			return rel
		}
	}
	return o.root
}
