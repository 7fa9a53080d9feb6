package main

import (
	_ "embed"
	"io/fs"

	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
)

// The machine is the one that examples/provision makes. Copy this file, and write
// down yours.
const (
	service, socket = "hello.service", "hello.socket"
	binary          = "/opt/hello/bin/hello"
	config          = "/etc/hello/hello.json"
	goroot          = "/usr/local/lib/go/current"
	url             = "http://127.0.0.1:8080"
)

// limits are what the service may use.
var limits = cgroupv2.Limits{
	MemoryMax: cgroupv2.MiB(256), MemoryHigh: cgroupv2.MiB(224), MemorySwapMax: cgroupv2.Bytes(0),
	CPUMax: cgroupv2.Percent(50), TasksMax: cgroupv2.Tasks(64),
}

// policy is what is wanted of a machine; of an image in a directory, what its
// files can say.
func policy(root string) []verify.Check {
	list := image(root)
	if root == "" {
		list = append(list, live()...)
	}
	return list
}

// image is what can be looked at in files alone.
func image(root string) []verify.Check {
	return []verify.Check{
		checks.GoRelease(root, goroot, ">=1.26"),
		checks.GoStray(root, goroot),
		checks.Static(root, binary),
		checks.BuiltFor(root, binary, "linux/amd64"),
		checks.BuildSettings(root, binary, map[string]string{"CGO_ENABLED": "0", "-trimpath": "true"}),
		checks.Mode(root, binary, 0o755),
		checks.Mode(root, "/opt/hello", fs.ModeDir|0o755),
		checks.Mode(root, config, 0o640),
		checks.Link(root, "/opt/hello/logs", "/var/log/hello"),
		checks.UnitLint(root, "/etc/systemd/system/"+service, 0),
		checks.UnitLint(root, "/etc/systemd/system/"+socket, 0),
	}
}

// live is what only the running machine knows.
func live() []verify.Check {
	const active, loaded = "unit/" + service + "/active", "unit/" + service + "/loaded"
	return append([]verify.Check{
		checks.SystemdVersion(247),
		checks.SystemRunning(),
		checks.CgroupUnified(),
		checks.User("", account.User{Name: "hello"}),
		checks.PasswordLocked("", "hello"),
		checks.OwnedBy("", config, "root", "hello"),
		checks.WriteAudit("", "hello", []string{"/opt/hello", "/etc/hello", "/etc/systemd/system"}, nil),
		checks.UnitLoaded(service),
		checks.UnitLoaded(socket),
	}, append(
		after(loaded, checks.UnitActive(service), checks.UnitEnabled(service), checks.UnitFrom(service, "/etc/systemd/system/"+service), checks.UnitInForce(service), checks.UnitExposure(service, 1.6)),
		after(active, checks.UnitReady(service), checks.LimitsAgree(service, limits), checks.LimitsBind(service, limits), checks.GoLimits(service),
			checks.Listening(service, "tcp 127.0.0.1:8080"), checks.HTTP(url+"/healthz", "ok"),
			checks.Heap(url+"/metrics", "hello_heap_bytes", "hello_memory_limit_bytes", 0.8))...)...)
}

// after lets checks need another, so that one fault is reported once.
func after(need string, list ...verify.Check) []verify.Check {
	for i := range list {
		list[i].Needs = append(list[i].Needs, need)
	}
	return list
}

// spelled is the same policy as a file.
//
//go:embed policy.yaml
var spelled string
