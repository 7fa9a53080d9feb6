package transaction_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/transaction"
)

func ExampleTx_Apply() {
	dir, err := os.MkdirTemp("", "machine")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	root := filepath.Join(dir, "root")
	conf := func(text string) bedplate.Step {
		entries := own(layout.File{Path: "/etc/app.conf", Content: []byte(text)})
		return bedplate.Step{Name: "conf", Resource: layout.Tree{Root: root, Owners: layout.ApplyOwners, Entries: entries}}
	}
	ctx := context.Background()
	if err := os.Mkdir(root, 0o755); err != nil {
		panic(err)
	}
	tx := transaction.Tx{Dir: filepath.Join(dir, "tx"), Root: root}
	changes, err := tx.Apply(ctx, conf("one"))
	fmt.Println(changes[len(changes)-1].Target, err)

	restart := bedplate.Step{Name: "restart", Resource: resource{
		func() ([]bedplate.Change, error) { return nil, nil },
		func() ([]bedplate.Change, error) { return nil, errors.New("app.service does not start") },
	}}
	_, err = tx.Apply(ctx, conf("two"), restart)
	fmt.Println(err)
	text, err := os.ReadFile(filepath.Join(root, "etc/app.conf"))
	fmt.Println(string(text), err)
	// Output:
	// /etc/app.conf <nil>
	// transaction: taken back, since restart: app.service does not start
	// one <nil>
}
