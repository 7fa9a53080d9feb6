package goenv_test

import (
	"context"
	"fmt"
	"os"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/toolchain/goenv"
)

// The policy of a network with mirrors, in an image that is being built: the
// SDK's defaults for all its users, and its programs in everybody's PATH.
func ExampleHybrid() {
	modules, err := goenv.Hybrid([]string{"https://mirror-1.example.com", "https://mirror-2.example.com/go"}, "*.corp.example.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	root, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	const bin = "/usr/local/lib/go/current/bin"
	changes, err := bedplate.Plan(context.Background(),
		bedplate.Step{Name: "modules", Resource: goenv.EnvFile{Root: root, Path: "/root/.config/go/env", Modules: modules}},
		bedplate.Step{Name: "services", Resource: goenv.ServicePath{Root: root, Bin: bin}},
	)
	for _, c := range changes {
		if c.Kind == "file" {
			fmt.Println(c)
		}
	}
	fmt.Println(err)
	// Output:
	// modules: create file /root/.config/go/env: GOPRIVATE: not set → *.corp.example.com; GOPROXY: not set → https://mirror-1.example.com|https://mirror-2.example.com/go|direct
	// services: create file /etc/systemd/system.conf.d/bedplate-go.conf: PATH: /usr/local/lib/go/current/bin first
	// <nil>
}

func ExampleEnvFile() {
	root, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	policy := goenv.EnvFile{Root: root, Path: "/etc/app.env", Format: goenv.SystemdFormat, Modules: goenv.Modules{Proxy: goenv.ProxyList{{URL: goenv.Off}}}}
	for range 2 {
		changes, err := policy.Ensure(context.Background())
		fmt.Println(len(changes), err)
	}
	// Output:
	// 2 <nil>
	// 0 <nil>
}
