package unit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/bedplate/bedplate/unit"
)

// What became of a service, and the lines that explain it.
func ExampleManager_Start() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	m := unit.Manager{Stable: 5 * time.Second, Lines: 20}
	status, err := m.Start(ctx, "app.service")
	var failed *unit.StartError
	switch {
	case errors.As(err, &failed):
		fmt.Println(failed.Status.Outcome, failed.Status.Problem, failed.Status.Exit, failed.Status.Restarts)
		for _, e := range failed.Status.Log {
			fmt.Println(e)
		}
	case err != nil: // no systemd, no right, no such unit
		fmt.Println(err)
	default:
		fmt.Println(status.PID, status.Invocation)
	}
}

// A command under limits and a sandbox, as by systemd-run.
func ExampleManager_Run() {
	r, err := unit.Manager{}.Run(context.Background(), unit.Transient{
		Service: unit.Service{
			Exec: []string{"/usr/bin/pg_dump", "app"}, User: "app", Sandbox: unit.JobSandbox(),
			Extra: []unit.Directive{{Section: "Service", Name: "MemoryMax", Value: "256M"}},
		},
		Stdout: os.Stdout,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Usage.Took, r.Usage.CPU, r.Usage.MemoryPeak)
}

// The suggestions of Tighten, tried as a drop-in.
func ExampleManager_Tighten() {
	ctx := context.Background()
	suggestions, err := unit.Manager{}.Tighten(ctx, "legacy.service")
	if err != nil {
		fmt.Println(err)
		return
	}
	tighter := unit.DropIn{Unit: "legacy.service", Name: "tighter"}
	for _, s := range suggestions {
		fmt.Println(s)
		tighter.Directives = append(tighter.Directives, s.Directive)
	}
	if _, err := (unit.Set{DropIns: []unit.DropIn{tighter}, Instances: []string{"legacy.service"}, Start: true}).Ensure(ctx); err != nil {
		fmt.Println(err) // it can't bear one of them
	}
}
