// Command deploy brings a new release of a service onto this machine, and takes
// it back if it does not serve.
//
//	deploy -app hello -release ./hello -expect hello   # a binary, a directory, or a .tar(.gz)
//	deploy -app hello -release ./hello -plan           # what would change
//	deploy -app hello -rollback                        # to the release before
//	deploy -app hello -list
//
// A release is kept whole in /opt/APP/releases, read-only, and made current by
// one rename. The service's socket stays open meanwhile: clients wait, and are
// not refused. It is made of the packages' public API alone; app.go says what
// is wanted, release.go how a release goes live and how it is taken back.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/bedplate/bedplate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "deploy:", err)
	}
	os.Exit(code)
}

// The exit statuses: the wanted release serves; another does, or none; the
// command was not understood.
const (
	exitOK = iota
	exitFailed
	exitUsage
)

type options struct {
	app
	release, label       string
	keep                 int
	plan, rollback, list bool
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("deploy", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.name, "app", "", "`name` of the service, its user and its directories")
	fs.StringVar(&o.release, "release", "", "what to deploy: a binary, a `directory` with bin/APP, or a .tar or .tar.gz of one")
	fs.StringVar(&o.label, "label", "", "`version` that begins the release's name")
	fs.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` that the socket listens on")
	fs.StringVar(&o.health, "health", "/healthz", "`path` that the service answers with 200 when it serves")
	fs.StringVar(&o.expect, "expect", "", "`text` that the answer has")
	fs.TextVar(&o.memory, "memory", defaultMemory, "hard memory `limit`: 256M")
	fs.DurationVar(&o.start, "start", 10*time.Second, "how `long` it may take to be ready")
	fs.DurationVar(&o.stable, "stable", time.Second, "how `long` it must then stay up")
	fs.IntVar(&o.keep, "keep", 5, "`number` of releases to keep")
	fs.StringVar(&o.root, "root", "", "stage into this `directory` that stands for a machine; nothing is started")
	fs.BoolVar(&o.plan, "plan", false, "say what would change, and change nothing")
	fs.BoolVar(&o.rollback, "rollback", false, "go back to the release before")
	fs.BoolVar(&o.list, "list", false, "list the releases")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	modes := 0
	for _, on := range []bool{o.release != "", o.rollback, o.list} {
		if on {
			modes++
		}
	}
	switch {
	case fs.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q; every setting is a flag, see -help", fs.Arg(0))
	case modes != 1:
		return o, errors.New("give one of -release, -rollback, -list")
	case o.plan && o.release == "":
		return o, errors.New("-plan goes with -release")
	case o.keep < 1:
		return o, fmt.Errorf("-keep=%d; at least the current release is kept", o.keep)
	}
	return o, o.check()
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK, nil
	case err != nil:
		return exitUsage, err
	}
	if o.root == "" && !o.list && !o.plan && os.Geteuid() != 0 {
		return exitUsage, errors.New("deploying to this machine needs root; run it with sudo, or with -root into a directory")
	}
	say := func(format string, a ...any) { fmt.Fprintf(stdout, format+"\n", a...) }
	switch {
	case o.list:
		err = o.print(say)
	case o.rollback:
		err = o.back(ctx, say)
	case o.plan:
		err = o.foresee(ctx, o.release, o.label, say)
	default:
		err = o.deploy(ctx, o.release, o.label, o.keep, say)
	}
	if err != nil {
		return exitFailed, err
	}
	return exitOK, nil
}

// tell prints changes, a line each.
func tell(say func(string, ...any), changes []bedplate.Change) {
	for _, c := range changes {
		say("%-6s %s %s  %s", c.Op, c.Kind, c.Target, c.Detail)
	}
}
