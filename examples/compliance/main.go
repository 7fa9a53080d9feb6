// Command compliance says whether a machine is what its policy wants.
//
// The policy is Go code (policy.go) or a file of the same (policy.yaml); the
// command is one static binary that runs on a machine without Go:
//
//	CGO_ENABLED=0 go build ./examples/compliance
//	./compliance                          the machine it runs on
//	./compliance -root /srv/image         an image
//	./compliance -policy mine.yaml -format junit -o report.xml
//	./compliance -format nagios           a monitoring plugin, with its exit status
//	./compliance -watch 30s               what turns, as it turns
//
// It exits with 0 if all holds, 1 if not, and 2 if the report could not be made
// or written. With -format nagios it exits as a monitoring plugin does.
//
// The same policy is an ordinary Go test, which is a static binary, too:
//
//	CGO_ENABLED=0 go test -c -o compliance.test ./examples/compliance
//	./compliance.test -test.v -machine
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/bedplate/bedplate/verify"
	file "github.com/bedplate/bedplate/verify/policy"
)

const (
	exitFailed  = 1 // the machine is not as wanted
	exitTrouble = 2 // nothing can be said
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

type options struct {
	root, policy, format, name, output string
	selection                          verify.Selection
	watch                              time.Duration
	list, quiet                        bool
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("compliance", flag.ContinueOnError)
	fs.SetOutput(stderr)
	list := func(into *[]string) func(string) error {
		return func(s string) error { *into = append(*into, strings.Split(s, ",")...); return nil }
	}
	fs.StringVar(&o.root, "root", "", "`directory` that holds an image; default: this machine")
	fs.StringVar(&o.policy, "policy", "", "policy `file`, YAML or JSON; default: the one that was compiled in")
	fs.StringVar(&o.format, "format", "text", "text, json, junit, tap, prometheus or nagios")
	fs.StringVar(&o.name, "name", "compliance", "`name` of what is verified, in junit and nagios reports")
	fs.StringVar(&o.output, "o", "", "`file` to write the report to, at once; default: standard output")
	fs.Func("only", "checks to run, by `names`, patterns or groups, separated by commas", list(&o.selection.Names))
	fs.Func("skip", "`names` to leave out", list(&o.selection.SkipNames))
	fs.Func("tags", "`tags` to run: quick, standard, deep, systemd, go, ...", list(&o.selection.Tags))
	fs.Func("skip-tags", "`tags` to leave out", list(&o.selection.SkipTags))
	fs.DurationVar(&o.watch, "watch", 0, "ask again after this `time`, and say what turns, until interrupted")
	fs.BoolVar(&o.list, "list", false, "list the checks, and run none")
	fs.BoolVar(&o.quiet, "quiet", false, "text: leave out what holds")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q; every setting is a flag, see -help", fs.Arg(0))
		fmt.Fprintln(stderr, "compliance:", err)
	}
	return o, err
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if err != nil {
		return exitTrouble
	}
	trouble := func(err error) int {
		fmt.Fprintln(stderr, "compliance:", err)
		return exitTrouble
	}
	list := policy(o.root)
	if o.policy != "" {
		if list, err = file.Load(o.policy); err != nil {
			return trouble(err)
		}
	}
	if list, err = o.selection.Of(list); err != nil {
		return trouble(err)
	}
	switch {
	case o.list:
		for _, c := range list {
			if _, err := fmt.Fprintf(stdout, "%s\t%s\n", c.Name, strings.Join(c.Tags, ",")); err != nil {
				return trouble(err)
			}
		}
		return 0
	case o.watch != 0:
		return watch(ctx, o, list, stdout, trouble)
	}
	report := verify.Run(ctx, list...)
	if err := o.write(report, stdout); err != nil {
		return trouble(err)
	}
	switch {
	case o.format == string(verify.FormatNagios):
		return report.Nagios()
	case !report.OK():
		return exitFailed
	}
	return 0
}

func (o options) write(r verify.Report, stdout io.Writer) error {
	switch {
	case o.output != "":
		return r.WriteFile(o.output, verify.Format(o.format), o.name)
	case o.quiet && o.format == string(verify.FormatText):
		return r.WriteText(stdout, verify.TextOptions{Quiet: true, Colour: verify.Terminal(stdout)})
	}
	return r.Write(stdout, verify.Format(o.format), o.name)
}

// watch prints or writes the first report, and then what turned, a line each; a
// file is written anew each time.
func watch(ctx context.Context, o options, list []verify.Check, stdout io.Writer, trouble func(error) int) int {
	code := 0
	for report, turns := range verify.Watch(ctx, o.watch, list...) {
		if report.OK() {
			code = 0
		} else {
			code = exitFailed
		}
		var err error
		if turns == nil || o.output != "" {
			err = o.write(report, stdout)
		}
		for _, t := range turns {
			if err == nil {
				_, err = fmt.Fprintf(stdout, "%s %s\n", report.Began.Format(time.DateTime), t)
			}
		}
		if err != nil {
			return trouble(err)
		}
	}
	return code
}
