package account_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/bedplate/bedplate/account"
)

// imageRoot stands for a tree that an image is built in.
func imageRoot() string {
	root, err := os.MkdirTemp("", "image")
	if err != nil {
		panic(err)
	}
	return root
}

// A name is enough: the rest is what a service should have.
func Example() {
	root := imageRoot()
	defer os.RemoveAll(root)
	accounts := account.Set{
		Root:    root,
		Backend: account.Files, // left empty, it is chosen
		Groups:  []account.Group{{Name: "telemetry", GID: 801}},
		Users:   []account.User{{Name: "app", UID: 802, Groups: []string{"telemetry"}}},
	}
	ctx := context.Background()
	for range 2 {
		changes, err := accounts.Ensure(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, c := range changes {
			fmt.Println(c.Op, c.Kind, c.Target+":", c.Detail)
		}
		fmt.Println(len(changes), "changes")
	}
	// Output:
	// create directory /etc: 0755
	// create group telemetry: gid 801, by editing the files
	// create group app: gid 802, by editing the files
	// create user app: uid 802, group app, groups + telemetry, home /nonexistent, shell /usr/sbin/nologin, locked, by editing the files
	// 4 changes
	// 0 changes
}

// Without privilege, an image's accounts are recorded for its first boot.
func ExampleSet_record() {
	root := imageRoot()
	defer os.RemoveAll(root)
	accounts := account.Set{Root: root, Backend: account.Record, Users: []account.User{{Name: "app", Home: "/var/lib/app"}}}
	if _, err := accounts.Ensure(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	fragment, err := os.ReadFile(root + "/etc/sysusers.d/bedplate-app.conf")
	fmt.Print(string(fragment), err)
	// Output:
	// # Accounts for systemd-sysusers(8), written by bedplate.
	// u app - - /var/lib/app /usr/sbin/nologin
	// <nil>
}

// What a person has to decide is an error that says so, and nothing is touched.
func ExampleConflictError() {
	root := imageRoot()
	defer os.RemoveAll(root)
	first := account.Set{Root: root, Backend: account.Files, Users: []account.User{{Name: "app", UID: 801}}}
	if _, err := first.Ensure(context.Background()); err != nil {
		fmt.Println(err)
	}
	second := account.Set{Root: root, Backend: account.Files, Users: []account.User{{Name: "other", UID: 801}}}
	_, err := second.Ensure(context.Background())
	var conflict *account.ConflictError
	fmt.Println(errors.As(err, &conflict), conflict.Field)
	fmt.Println(err)
	// Output:
	// true uid
	// account: user other: uid: have 801 of user app, want 801; choose another, or leave UID out
}

// What can the service's user write that root runs or reads?
func ExampleAudit() {
	root := imageRoot()
	defer os.RemoveAll(root)
	ctx := context.Background()
	_, err := account.Set{Root: root, Backend: account.Files, Users: []account.User{{Name: "app", UID: 801}}}.Ensure(ctx)
	check := func(errs ...error) {
		if err := errors.Join(errs...); err != nil {
			panic(err)
		}
	}
	check(err, os.Chmod(root, 0o755), os.MkdirAll(root+"/srv/app", 0o755), os.Chmod(root+"/srv/app", 0o777),
		os.MkdirAll(root+"/etc/cron.d", 0o755), os.WriteFile(root+"/etc/cron.d/app", []byte("@daily root /srv/app/rotate\n"), 0o644))

	found, err := account.Audit{Root: root, User: "app"}.Run(ctx)
	check(err)
	for _, f := range found {
		fmt.Println(f)
	}
	// Output:
	// /srv/app/rotate (run by root (/etc/cron.d/app)): the user can replace rotate in /srv/app (everybody)
}
