// Command quickstart is the program in the README.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/unit"
	"github.com/bedplate/bedplate/verify"
)

func main() {
	ctx, root, dirs := context.Background(), "_quickstart", layout.Service{Name: "app"} // root "" is this machine
	app := unit.Service{
		Name: "app", Exec: []string{"/opt/app/bin/app"}, User: "app", ReadWritePaths: dirs.Writable(), // hardened, restarted with back-off
		Limits: cgroupv2.Limits{MemoryMax: cgroupv2.MiB(256), CPUMax: cgroupv2.Percent(50), TasksMax: cgroupv2.Tasks(64)},
	}
	units := unit.Set{Root: root, Units: []unit.Unit{app}, Enable: true, Start: root == ""}
	changes, err := bedplate.Apply(ctx,
		bedplate.Step{Name: "account", Resource: account.Set{Root: root, Users: []account.User{{Name: "app"}}}},
		bedplate.Step{Name: "tree", Resource: layout.Tree{Root: root, Entries: dirs.Entries()}},
		bedplate.Step{Name: "units", Resource: units})
	for _, c := range changes {
		fmt.Println(c) // "tree: create directory /var/lib/app: 0750 app:app"
	}
	report := verify.Run(ctx, verify.Converged("units", units))
	if err != nil || !report.OK() {
		fmt.Fprintln(os.Stderr, err, report.Err())
		os.Exit(1)
	}
}
