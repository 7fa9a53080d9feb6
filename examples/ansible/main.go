// Command ansible is an Ansible module that makes one service on a machine as it
// is wanted: its account, directories, files, limits, units, and that it runs.
//
// It is a binary module: the machine needs neither Go nor, for this task, Python.
// Built into the folder library beside a playbook, it is a task like any other:
//
//	CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -o library/bedplate_service ./examples/ansible
//
//	- name: hello serves, within its limits
//	  become: true
//	  bedplate_service:
//	    name: hello
//	    exec: [/usr/local/bin/hello, -config, /etc/hello/hello.json]
//	    type: notify-reload
//	    listen: ["127.0.0.1:8080"]
//	    files:
//	      - {path: /etc/hello/hello.json, content: "{{ greeting | to_json }}"}
//	    limits: {memory_max: 256M, memory_high: 224M, memory_swap_max: 0, cpu_max: 50%, tasks_max: 64}
//
// The arguments; all but name and exec may be left out:
//
//	name          of the service, of its directories and units
//	state         present, or absent: the units go; files, data and account stay
//	root          a directory that stands for the machine, such as an image's; needs no privilege
//	exec          the program, which another task put there, and its arguments: a list, no shell
//	type          exec, simple, notify, notify-reload or oneshot
//	description   one line
//	user, groups  whom it runs as (name), and groups, which exist, that the user is in
//	environment   variables, which everybody on the machine can read; secrets belong into files
//	files         path, content, mode ("0640"; in quotes) and group (the user's); root owns them
//	listen        addresses of its socket unit, if any: "127.0.0.1:8080", 8080, /run/hello.sock
//	limits        memory_max, memory_high, memory_low, memory_min, memory_swap_max, cpu_max,
//	              cpu_weight, cpu_set, tasks_max, io_weight; GOMEMLIMIT and GOMAXPROCS follow
//	slice         that it is in: apps.slice
//	watchdog, start_timeout, stop_timeout  times: 30s, 1m30s
//	sandbox       network, low-port, activated, job or off
//	enabled       yes, or no: it does not start at boot
//	started       yes, or no: nothing is started, stopped or restarted; with a root always no
//	on_change     what it gets when its units, files or program changed: restart, reload or leave
//
// Check mode plans and changes nothing. Otherwise everything is planned first, so
// that a wrong argument leaves nothing half made; then done; then verified. The
// result lists the changes. With --diff the text of units is shown, but for their
// variables. What is in files is never shown; with no_log, nothing is.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/verify"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// The exit statuses: the task is done, or failed; a person called it.
const exitOK, exitFailed, exitUsage = 0, 1, 2

const usage = `This is an Ansible module. Ansible calls it with one argument, a JSON file of the task's arguments.
Put it into the folder library beside a playbook as bedplate_service, and write a task of that name:

  - bedplate_service: {name: hello, exec: [/usr/local/bin/hello], limits: {memory_max: 256M, cpu_max: 50%}}

go doc github.com/bedplate/bedplate/examples/ansible is the manual.
`

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	var a arguments
	var out outcome
	b, err := os.ReadFile(args[0])
	if err == nil {
		a, err = parse(b)
	}
	if err == nil {
		out, err = a.carryOut(ctx)
	}
	return a.report(stdout, out, err)
}

// carryOut plans, applies and verifies. On an error, the changes are those that
// were made before it.
func (a arguments) carryOut(ctx context.Context) (out outcome, err error) {
	units, err := a.units()
	if err != nil {
		return out, err
	}
	steps := a.steps(units)
	planned, err := bedplate.Plan(ctx, steps...)
	if err == nil && a.diff {
		out.texts, err = texts(ctx, units)
	}
	if err != nil {
		return out, err
	}
	if a.check || len(planned) == 0 { // an empty plan is the proof that all is as wanted
		out.changes = planned
		return out, nil
	}
	if out.changes, err = bedplate.Apply(ctx, steps...); err != nil {
		return out, err
	}
	return out, verify.Run(ctx, a.proof(steps)...).Err()
}
