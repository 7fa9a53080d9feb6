// Command tuning says what limits a running service should have, from what it
// did while it was watched, and sets them without a restart.
//
//	tuning -unit app.service -for 24h                          # watch, and say
//	tuning -unit app.service -url http://127.0.0.1:8080/ -for 1m   # under a load of its own
//	sudo tuning -unit app.service -for 1h -write               # and set them
//	sudo tuning -unit app.service -undo
//
// A limit is raised where it was felt and lowered where it was never come near;
// cgroupv2's Observation has the rules. What is written is a drop-in, which
// the running service gets at once; a Go program's GOMEMLIMIT and
// GOMAXPROCS are in it, and act from the next start on. It exits with 0 if the
// limits fit, or do now, 1 if they don't, and 2 if nothing can be said.
//
// It is made of the packages' public API alone: watch.go looks, load.go asks,
// change.go sets.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "tuning:", err)
	}
	os.Exit(code)
}

const (
	exitFits    = iota // the limits fit, or do now
	exitAdvice         // they should be others
	exitTrouble        // nothing can be said, or done
)

type options struct {
	unit, url             string
	span                  time.Duration
	clients               int
	write, takeBack, json bool
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("tuning", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.unit, "unit", "", "the running `service`: app or app.service")
	fs.DurationVar(&o.span, "for", time.Minute, "how `long` to watch; it should do then what it usually does")
	fs.StringVar(&o.url, "url", "", "`address` to ask for meanwhile, over and over, so that there is something to see")
	fs.IntVar(&o.clients, "clients", 4, "`number` of askers at a time")
	fs.BoolVar(&o.write, "write", false, "set the limits that are advised, now and for good")
	fs.BoolVar(&o.takeBack, "undo", false, "take back what -write set")
	fs.BoolVar(&o.json, "json", false, "print JSON")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if o.unit != "" && !strings.Contains(o.unit, ".") {
		o.unit += ".service"
	}
	switch {
	case fs.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q; every setting is a flag, see -help", fs.Arg(0))
	case o.unit == "":
		return o, errors.New("no -unit; name the service to look at")
	case !strings.HasSuffix(o.unit, ".service"):
		return o, fmt.Errorf("-unit=%s; only services are tuned", o.unit)
	case o.write && o.takeBack:
		return o, errors.New("-write and -undo; give one of them")
	case o.span < time.Second:
		return o, fmt.Errorf("-for=%v; a second is the least, and an hour says more", o.span)
	case o.clients < 1 || o.clients > 1000:
		return o, fmt.Errorf("-clients=%d; give 1 to 1000", o.clients)
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitFits, nil
	case err != nil:
		return exitTrouble, err
	case (o.write || o.takeBack) && os.Geteuid() != 0:
		return exitTrouble, errors.New("-write and -undo need root; run it with sudo")
	}
	out := printer{stdout, o.json}
	if o.takeBack {
		changes, err := o.undo(ctx)
		return status(err), errors.Join(err, out.changes(changes))
	}
	s, err := o.watch(ctx, stderr)
	if err != nil {
		return exitTrouble, err
	}
	if s.fits() {
		return exitFits, out.sight(s, nil)
	}
	if !o.write {
		return exitAdvice, out.sight(s, nil)
	}
	changes, err := o.set(ctx, s)
	return status(err), errors.Join(err, out.sight(s, changes))
}

func status(err error) int {
	if err != nil {
		return exitTrouble
	}
	return exitFits
}
