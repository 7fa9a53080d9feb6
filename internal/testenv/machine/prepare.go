package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const module = "github.com/bedplate/bedplate"

// needs is a package's testdata/machine.json: what its privileged tests ask of
// the machine and of the host.
type needs struct {
	// Full asks for udev and logind.
	Full bool
	// CPUs is how many the machine has to have; zero: 1. A second one makes all else
	// slower by a quarter, under emulation.
	CPUs int
	// Examples brings the commands in examples/ as bin/NAME.
	Examples bool
	// SDK brings the module zip of the running Go as sdk/sdk.zip, its SHA-256
	// as sdk/sha256, and its version as sdk/version.
	SDK bool
	// BusyBox brings a static BusyBox with adduser and its like as busybox.
	BusyBox bool
	// Packages brings the files of Debian packages, named for each suite, as
	// packages.tar.
	Packages map[string][]string
	// Bring is a command in a folder of the package, "internal/samples", that is run
	// on the host with a folder as its argument; what it puts there comes as
	// that folder's name, "samples".
	Bring string
	// Minutes the tests may take; zero: 5. What may take longest is begun first.
	Minutes int
	// Shares lets the tests run in one machine with those of other packages that
	// say so: they leave it as it was.
	Shares bool
	// Boots is how often the tests run, each time with the machine booted anew and
	// its disk as they left it; zero: once. The first boot is as ever, and brings the
	// kernel and initial root as boot/vmlinuz and boot/initrd; the others are what
	// the disk's own boot sector makes of them. See testenv.Boot.
	Boots int
}

// pkg is a package with privileged tests.
type pkg struct {
	name  string // folder in the module, with dashes
	dir   string
	tests []string
	needs needs
	once  bool // on the last release only
}

// find lists the packages that have privileged tests, and those tests.
func find(ctx context.Context, tag string, patterns []string) (found []pkg, err error) {
	out, err := goTool(ctx, nil, append([]string{"list", "-tags", tag, "-json=Dir,ImportPath,TestGoFiles,XTestGoFiles"}, patterns...)...)
	if err != nil {
		return nil, err
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p struct {
			Dir, ImportPath           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := dec.Decode(&p); err != nil {
			return nil, err
		}
		tests, err := privilegedTests(p.Dir, tag, append(p.TestGoFiles, p.XTestGoFiles...))
		if err != nil {
			return nil, err
		}
		if len(tests) == 0 {
			continue
		}
		this := pkg{name: strings.ReplaceAll(strings.TrimPrefix(p.ImportPath, module+"/"), "/", "-"), dir: p.Dir, tests: tests}
		if this.needs, err = readNeeds(p.Dir); err != nil {
			return nil, err
		}
		found = append(found, this)
	}
	return found, nil
}

// privilegedTests are the test functions of the files that carry the tag in
// their names: the unprivileged ones have run on the host.
func privilegedTests(dir, tag string, files []string) (tests []string, err error) {
	for _, name := range files {
		if !strings.HasSuffix(name, "_"+tag+"_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") && fn.Name.Name != "TestMain" {
				tests = append(tests, fn.Name.Name)
			}
		}
	}
	slices.Sort(tests)
	return tests, nil
}

func readNeeds(dir string) (n needs, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "testdata", "machine.json"))
	if errors.Is(err, os.ErrNotExist) {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&n); err != nil {
		return n, fmt.Errorf("%s/testdata/machine.json: %w", dir, err)
	}
	return n, nil
}

// narrow keeps the tests whose names match.
func narrow(all []pkg, pattern string) ([]pkg, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	var kept []pkg
	for _, p := range all {
		p.tests = slices.DeleteFunc(p.tests, func(name string) bool { return !re.MatchString(name) })
		if len(p.tests) > 0 {
			kept = append(kept, p)
		}
	}
	return kept, nil
}

// mark tells packages that one release is enough for.
func mark(all []pkg, pattern string) error {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("-once: %w", err)
	}
	for i := range all {
		all[i].once = re.MatchString(all[i].name)
	}
	return nil
}

// static is the environment of a build that runs in any machine.
var static = []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64"}

// guests builds the init and the agent, with nothing but what they need.
func guests(ctx context.Context, dir string) (initProgram, agent string, err error) {
	_, err = goTool(ctx, static, "build", "-ldflags=-s -w", "-o", dir+"/", module+"/internal/testenv/guest/init", module+"/internal/testenv/guest/agent")
	return filepath.Join(dir, "init"), filepath.Join(dir, "agent"), err
}

// examples builds each command of examples/ into dir.
func examples(ctx context.Context, dir string) error {
	_, err := goTool(ctx, static, "build", "-trimpath", "-o", dir+"/", module+"/examples/...")
	return err
}

// goTool runs the go command in this module.
func goTool(ctx context.Context, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = 5 * time.Second
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, complaints.Bytes())
	}
	return out.Bytes(), nil
}
