package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/account"
	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/toolchain/build"
	"github.com/bedplate/bedplate/unit"
)

// Where things are, inside the Root.
const (
	name     = "hello"
	binary   = "/opt/hello/bin/hello"
	config   = "/etc/hello/hello.json"
	sdkDir   = "/usr/local/lib/go"
	goroot   = sdkDir + "/current"
	greeting = `{"greeting": "hello from a bounded service"}` + "\n"
)

// oldestGo is the first minor release that builds the sample.
const oldestGo = "1.26"

var (
	defaultMemory = cgroupv2.MiB(256)
	defaultCPU    = cgroupv2.Percent(50)
)

// wanted is what the machine is to be.
type wanted struct {
	root, module, binary string
	live                 bool
	goVersion            string
	sdk                  toolchain.SDK
	listen, disk         string
	memory               cgroupv2.Memory
	cpu                  cgroupv2.CPU
}

// dirs are the service's directories.
var dirs = layout.Service{Name: name}

// limits of the service. GOMEMLIMIT and GOMAXPROCS follow from them.
func (w wanted) limits() cgroupv2.Limits {
	max, _ := w.memory.Bytes()
	l := cgroupv2.Limits{
		MemoryMax: w.memory, MemoryHigh: cgroupv2.Bytes(max / 8 * 7), MemorySwapMax: cgroupv2.Bytes(0),
		CPUMax: w.cpu, TasksMax: cgroupv2.Tasks(64), IOWeight: 50,
	}
	if w.disk != "" {
		rate := cgroupv2.PerSecond(20 << 20)
		l.IOMax = []cgroupv2.IOLimit{{Device: w.disk, ReadBytes: rate, WriteBytes: rate}}
	}
	return l
}

// around are the limits of the slice, for whatever else is started in it.
func (w wanted) around() cgroupv2.Limits {
	max, _ := w.memory.Bytes()
	return cgroupv2.Limits{MemoryMax: cgroupv2.Bytes(2 * max), CPUWeight: 100, TasksMax: cgroupv2.Tasks(256), IOWeight: 50}
}

// units are the service, its socket and its slice.
func (w wanted) units() ([]unit.Unit, error) {
	env, err := w.limits().GoEnv(0.1)
	if err != nil {
		return nil, err
	}
	service := unit.Service{
		Name: name, Description: "Sample service",
		Exec: []string{binary, "-config", config}, Type: unit.NotifyReload, User: name,
		Environment: unit.Environ(env), Sockets: []string{name + ".socket"}, Slice: name + ".slice",
		Watchdog: 30 * time.Second, Limits: w.limits(), ReadWritePaths: dirs.Writable(),
	}
	return []unit.Unit{
		unit.Slice{Name: name, Description: "What the sample service may use", Limits: w.around()},
		unit.Socket{Name: name, Description: "Sample service's socket", Listen: []string{w.listen}},
		service,
	}, nil
}

// steps are the whole machine, in the order in which it is made.
func (w wanted) steps() ([]bedplate.Step, error) {
	units, err := w.units()
	if err != nil {
		return nil, err
	}
	entries := append(dirs.Entries(),
		layout.File{Path: config, Content: []byte(greeting), Mode: 0o640, Group: name})
	program := bedplate.Step{Name: "binary", Resource: build.Spec{
		GOROOT: filepath.Join(w.root, goroot), Dir: w.module, Package: "./examples/hello", Output: binary, Root: w.root,
	}}
	if w.binary != "" {
		program.Resource = layout.Tree{Root: w.root, Name: "hello-binary", Entries: []layout.Entry{
			layout.File{Path: binary, Source: layout.FromHost(w.binary), Mode: 0o755},
		}}
	}
	// What every Debian has; a directory that stands for a machine begins empty.
	base := layout.Tree{Root: w.root, Name: "base", Entries: []layout.Entry{
		layout.Dir{Path: "/etc/systemd/system"}, layout.Dir{Path: "/opt"}, layout.Dir{Path: "/usr/local/lib"},
		layout.Dir{Path: "/var/cache"}, layout.Dir{Path: "/var/lib"}, layout.Dir{Path: "/var/log"},
	}}
	return []bedplate.Step{
		{Name: "base", Resource: base},
		{Name: "sdk", Resource: w.sdk},
		{Name: "account", Resource: account.Set{Root: w.root, Users: []account.User{{Name: name, Comment: "Sample service"}}}},
		{Name: "tree", Resource: layout.Tree{Root: w.root, Name: name, Entries: entries}},
		program,
		{Name: "units", Resource: unit.Set{Root: w.root, Units: units, Enable: true, Start: w.live, Uses: []string{config}}},
	}, nil
}

// check refuses what could not work, before anything is asked or touched.
func (w wanted) check() error {
	var errs []error
	if max, ok := w.memory.Bytes(); !ok || max < 16<<20 {
		errs = append(errs, fmt.Errorf("-memory=%s; give an amount of at least 16M, such as 256M", w.memory))
	}
	if cores, ok := w.cpu.Cores(); !ok || cores <= 0 {
		errs = append(errs, fmt.Errorf("-cpu=%s; give a bandwidth, such as 50%% or 2 cores", w.cpu))
	}
	if belowOldest(w.goVersion) {
		errs = append(errs, fmt.Errorf("-go=%s; the sample service needs Go %s or newer", w.goVersion, oldestGo))
	}
	if w.binary != "" {
		_, err := build.Inspect(w.binary)
		errs = append(errs, err)
	} else if _, err := os.Stat(filepath.Join(w.module, "examples", "hello")); err != nil {
		errs = append(errs, fmt.Errorf("-src=%s has no examples/hello; run it in a checkout of bedplate, or give a built service with -binary", w.module))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	units, err := w.units()
	for _, u := range units {
		_, renderErr := unit.Render(u)
		errs = append(errs, renderErr)
	}
	return errors.Join(append(errs, err)...)
}

// belowOldest says that a version or minor is too old. Of a constraint it knows
// nothing; what was chosen by it is looked at when it is known.
func belowOldest(v string) bool {
	exact, err := toolchain.ParseVersion(strings.TrimSuffix(v, ".x"))
	return err == nil && exact.Compare("go"+oldestGo) < 0 && exact.Minor() != oldestGo
}

// runningMinor is the newest patch of the minor release that this was built with.
func runningMinor() string {
	v, err := toolchain.ParseVersion(strings.Fields(runtime.Version())[0])
	if err != nil { // a development version
		return oldestGo + ".x"
	}
	return v.Minor() + ".x"
}
