package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bedplate/bedplate/internal/testenv/image"
	"github.com/bedplate/bedplate/internal/testenv/vm"
	"github.com/bedplate/bedplate/internal/testenv/wire"
)

// privilegedTag marks the tests that run in the machine.
const privilegedTag = "privileged"

func test(ctx context.Context, s *settings, fs *flag.FlagSet, args []string) (int, error) {
	only := fs.String("run", "", "run the tests whose names match this `regexp`")
	cover := fs.String("cover", "", "write a coverage profile of all suites to this `file`")
	limit := fs.Duration("timeout", 0, "end a package's tests after this `time`; default: 5m, or what its machine.json says")
	jobs := fs.Int("jobs", 1, "boot as many `machines` at a time; of more than one, each is told of when it ended")
	verbose := fs.Bool("v", false, "print what passing tests print, too")
	once := fs.String("once", "^$", "run packages whose names match this `regexp` on the last release only")
	suites, err := s.parse(fs, args)
	if err != nil {
		return 2, err
	}
	patterns := fs.Args()
	if *jobs < 1 {
		return 2, fmt.Errorf("-jobs=%d: it takes at least one machine", *jobs)
	}
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	found, err := find(ctx, privilegedTag, patterns)
	if err != nil {
		return 1, err
	}
	if found, err = narrow(found, *only); err != nil {
		return 2, err
	}
	if err := mark(found, *once); err != nil {
		return 2, err
	}
	if len(found) == 0 {
		return 1, fmt.Errorf("no privileged test in %s matches -run %q", strings.Join(patterns, " "), *only)
	}
	var mu sync.Mutex
	var all []*batch
	defer func() {
		for _, b := range all {
			b.remove()
		}
	}()
	// One machine runs while the compiler works for the next.
	var batches []planned
	for _, packages := range machines(found) {
		prepared := sync.OnceValues(func() (*batch, error) {
			b, err := prepare(ctx, packages, privilegedTag, *cover != "")
			if err != nil {
				return nil, err
			}
			b.full = b.full || s.profile == "full"
			b.verbose = *verbose
			b.carry(s.with)
			if *limit > 0 {
				b.limit(*limit)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, b)
			return b, nil
		})
		batches = append(batches, planned{prepared, packages[0].once})
	}

	outcomes, err := bootAll(ctx, s, suites, batches, *jobs)
	if err != nil {
		return 1, err
	}
	passed, failed := 0, 0
	var profiles [][]byte
	for _, o := range outcomes {
		passed, failed = passed+o.passed(), failed+len(o.problems())
		profiles = append(profiles, o.profiles...)
	}
	if *cover != "" {
		if err := os.WriteFile(*cover, merge(profiles), 0o644); err != nil {
			return 1, err
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return 1, nil
	}
	return 0, nil
}

// machines says which packages go into one machine: every package finds one that no
// other has touched, but for those that share theirs. What may take longest comes
// first, so that no machine runs alone at the end.
func machines(found []pkg) (list [][]pkg) {
	shared := map[bool][]pkg{}
	for _, p := range found {
		if p.needs.Shares {
			shared[p.once] = append(shared[p.once], p)
		} else {
			list = append(list, []pkg{p})
		}
	}
	for _, some := range [][]pkg{shared[true], shared[false]} {
		if len(some) > 0 {
			list = append(list, some)
		}
	}
	slices.SortStableFunc(list, func(a, b []pkg) int { return b[0].needs.Minutes - a[0].needs.Minutes })
	return list
}

// batch is a set of test binaries with what they need, ready for any suite.
type batch struct {
	dir         string
	packages    []pkg
	payload     vm.Payload
	init, agent string
	full        bool
	verbose     bool
	silence     time.Duration
	boots, cpus int
}

func (b *batch) remove() {
	if err := os.RemoveAll(b.dir); err != nil {
		fmt.Fprintln(os.Stderr, "machine:", err)
	}
}

// prepare builds, on the host, all that is to run inside.
func prepare(ctx context.Context, packages []pkg, tag string, cover bool) (_ *batch, err error) {
	dir, err := os.MkdirTemp("", "bedplate-tests-")
	if err != nil {
		return nil, err
	}
	b := &batch{dir: dir, packages: packages, boots: 1, payload: vm.Payload{Files: map[string]string{}}}
	defer func() {
		if err != nil {
			b.remove()
		}
	}()
	if b.init, b.agent, err = guests(ctx, dir); err != nil {
		return nil, err
	}
	var all needs
	for _, p := range packages {
		all.Full, all.Examples, all.SDK = all.Full || p.needs.Full, all.Examples || p.needs.Examples, all.SDK || p.needs.SDK
		b.boots, b.cpus = max(b.boots, p.needs.Boots), max(b.cpus, p.needs.CPUs)
		if err := b.add(ctx, p, tag, cover); err != nil {
			return nil, err
		}
	}
	b.full = all.Full
	return b, b.bring(ctx, all)
}

// add builds one package's tests.
func (b *batch) add(ctx context.Context, p pkg, tag string, cover bool) error {
	place := "tests/" + p.name
	binary := filepath.Join(b.dir, p.name+".test")
	args := []string{"test", "-c", "-tags", tag, "-o", binary}
	program := wire.Program{
		Name: p.name, Dir: place, Seconds: 60 * max(p.needs.Minutes, 5),
		Argv: []string{"./" + p.name + ".test", "-test.v", "-test.timeout=0", "-test.run", "^(" + strings.Join(p.tests, "|") + ")$"},
		Env:  []string{"HOME=/root", "TMPDIR=/var/tmp"},
	}
	if long := os.Getenv("BEDPLATE_LONG"); long != "" { // tests take their long form inside, too
		program.Env = append(program.Env, "BEDPLATE_LONG="+long)
	}
	if cover {
		args = append(args, "-cover", "-coverpkg="+module+"/...")
		program.Argv = append(program.Argv, "-test.coverprofile=cover.out")
		program.Collect = []string{"cover.out"}
	}
	if _, err := goTool(ctx, static, append(args, p.dir)...); err != nil {
		return err
	}
	b.payload.Files[place+"/"+p.name+".test"] = binary
	if _, err := os.Stat(filepath.Join(p.dir, "testdata")); err == nil {
		b.payload.Files[place+"/testdata"] = filepath.Join(p.dir, "testdata")
	}
	b.payload.Manifest.Programs = append(b.payload.Manifest.Programs, program)
	if p.needs.Bring == "" {
		return nil
	}
	brought := filepath.Join(b.dir, "brought", p.name)
	if err := os.MkdirAll(brought, 0o755); err != nil {
		return err
	}
	b.payload.Files["with/"+filepath.Base(p.needs.Bring)] = brought
	_, err := goTool(ctx, nil, "run", filepath.Join(p.dir, p.needs.Bring), brought)
	return err
}

// bring makes what packages asked the host for.
func (b *batch) bring(ctx context.Context, n needs) error {
	for _, thing := range []struct {
		wanted bool
		place  string
		make   func(context.Context, string) error
	}{{n.Examples, "bin", examples}, {n.SDK, "sdk", sdk}} {
		if !thing.wanted {
			continue
		}
		dir := filepath.Join(b.dir, thing.place)
		if err := errors.Join(os.Mkdir(dir, 0o755), thing.make(ctx, dir)); err != nil {
			return err
		}
		b.payload.Files["with/"+thing.place] = dir
	}
	return nil
}

// carry adds what the command line brings.
func (b *batch) carry(w with) {
	for name, path := range w {
		b.payload.Files["with/"+name] = path
	}
}

// files is what the batch brings to a machine of the suite, with what comes from
// that suite's own archive.
func (b *batch) files(ctx context.Context, builder image.Builder, suite string) (map[string]string, error) {
	files := maps.Clone(b.payload.Files)
	fetched, err := fetch(ctx, builder, suite, b.packages)
	maps.Copy(files, fetched)
	return files, err
}

// fetch gets what packages ask of a suite's archive: files by their place.
func fetch(ctx context.Context, builder image.Builder, suite string, packages []pkg) (files map[string]string, err error) {
	files = map[string]string{}
	var names []string
	for _, p := range packages {
		names = append(names, p.needs.Packages[suite]...)
		if !p.needs.BusyBox {
			continue
		}
		if files["with/busybox"], err = builder.BusyBox(ctx); err != nil {
			return nil, fmt.Errorf("BusyBox: %w", err)
		}
	}
	if len(names) == 0 {
		return files, nil
	}
	slices.Sort(names)
	if files["with/packages.tar"], err = builder.Packages(ctx, suite, slices.Compact(names)); err != nil {
		return nil, fmt.Errorf("packages of %s: %w", suite, err)
	}
	return files, nil
}

// limit bounds every program's time, to the second.
func (b *batch) limit(d time.Duration) {
	for i := range b.payload.Manifest.Programs {
		b.payload.Manifest.Programs[i].Seconds = max(1, int(d.Round(time.Second)/time.Second))
	}
}

// merge makes one coverage profile of several: one mode line, all blocks.
func merge(profiles [][]byte) []byte {
	var lines []string
	for _, p := range profiles {
		for _, l := range strings.Split(strings.TrimSpace(string(p)), "\n") {
			if !strings.HasPrefix(l, "mode:") {
				lines = append(lines, l)
			}
		}
	}
	slices.Sort(lines)
	return []byte("mode: set\n" + strings.Join(lines, "\n") + "\n")
}
