package layout_test

import (
	"context"
	"fmt"
	"os"
	"testing/fstest"

	"github.com/bedplate/bedplate/layout"
)

func ExampleTree() {
	root, err := os.MkdirTemp("", "image")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(root)

	tree := layout.Tree{
		Root: root, Name: "app",
		Owners: layout.RecordOwners, // what an unprivileged caller gets under a Root by itself
		Entries: append(layout.Service{Name: "app"}.Entries(),
			layout.File{Path: "/etc/app/app.conf", Content: []byte("listen = :8080\n"), Mode: 0o640, Group: "app"},
			layout.File{Path: "/etc/app/key", Content: []byte("hunter2"), Mode: 0o640, Group: "app", Secret: true},
		),
	}
	changes, err := tree.Ensure(context.Background())
	if err != nil {
		panic(err)
	}
	for _, c := range changes[2:6] {
		fmt.Println(c)
	}
	again, err := tree.Ensure(context.Background())
	fmt.Println(len(again), err)
	// Output:
	// create file /etc/tmpfiles.d/bedplate-app.conf: records 17 owners and modes, drops 0
	// create directory /etc/app: 0750 root:app (recorded)
	// create file /etc/app/app.conf: 0640 root:app (recorded), 15 bytes
	// create file /etc/app/key: 0640 root:app (recorded)
	// 0 <nil>
}

func ExampleReleases() {
	root, err := os.MkdirTemp("", "machine")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(root)
	defer unseal(root) // releases are read-only
	ctx := context.Background()
	made := layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: layout.Service{Name: "app"}.Entries()}
	if _, err := made.Ensure(ctx); err != nil {
		panic(err)
	}
	releases := layout.Releases{Root: root, Dir: "/opt/app/releases"}
	for _, version := range []string{"1.0", "1.1"} {
		files := fstest.MapFS{"bin/app": {Data: []byte("version " + version), Mode: 0o755}}
		release, err := releases.Stage(ctx, layout.Staging{Contents: layout.TreeFS(files), Label: version})
		if err != nil {
			panic(err)
		}
		if _, err := releases.Activate(ctx, release.ID); err != nil {
			panic(err)
		}
	}
	changes, err := releases.Rollback(ctx)
	fmt.Println(changes[0], err)
	binary, err := os.ReadFile(root + "/opt/app/releases/current/bin/app")
	fmt.Println(string(binary), err)
	// Output:
	// update symlink /opt/app/releases/current: 1.1-dcd7b392eb6e3699 → 1.0-4eb5caa5a14d93d9 <nil>
	// version 1.0 <nil>
}

func ExampleTree_Tmpfiles() {
	fragment, err := layout.Tree{Entries: []layout.Entry{
		layout.Dir{Path: "/var/lib/app", Mode: 0o750, Owner: "app"},
		layout.File{Path: "/etc/app/app.conf", Content: []byte("listen = :8080\nload = 90%\n")},
		layout.Symlink{Path: "/opt/app/logs", Target: "/var/log/app"},
		layout.Absent{Path: "/etc/app/old.conf"},
	}}.Tmpfiles()
	fmt.Print(string(fragment), err)
	// Output:
	// # See tmpfiles.d(5).
	// f+ /etc/app/app.conf 0644 root root - listen = :8080\nload = 90%%\n
	// r /etc/app/old.conf
	// L /opt/app/logs - - - - /var/log/app
	// d /var/lib/app 0750 app app
	// <nil>
}
