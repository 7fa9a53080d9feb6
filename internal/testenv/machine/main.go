// Command machine runs privileged tests, or a shell, in throwaway machines.
//
//	go run ./internal/testenv/machine test [-suite all] [-run regexp] [-profile lean|full] [-timeout 5m] [-jobs 1] [-once regexp] [-with name=path] [-cover file] [-v] [packages]
//	go run ./internal/testenv/machine shell [-suite trixie]
//	go run ./internal/testenv/machine selftest [-suite trixie]
//	go run ./internal/testenv/machine build [-suite all]
//	go run ./internal/testenv/machine clean
//
// Machines are built once, into the user's cache directory, which needs root
// (or the package uidmap); running them needs nothing special.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate/internal/testenv/image"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	code, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "machine:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// settings are the flags that all subcommands share.
type settings struct {
	suite, cache, out string
	mirrors           mirrors
	profile           string
	with              with
}

// mirrors is -mirror, which may be given several times: URL, or SUITE=URL.
type mirrors map[string]string

func (m mirrors) String() string { return "" }

func (m mirrors) Set(s string) error {
	suite, url, named := strings.Cut(s, "=")
	if !named || strings.Contains(suite, "/") {
		suite, url = "", s
	}
	m[suite] = url
	return nil
}

// with is -with: what the host brings, by the name that tests ask for it.
type with map[string]string

func (w with) String() string { return "" }

func (w with) Set(s string) error {
	name, path, ok := strings.Cut(s, "=")
	if !ok || !filepath.IsLocal(name) || path == "" {
		return fmt.Errorf("-with=%s is not NAME=PATH with a relative name", s)
	}
	if _, err := os.Stat(path); err != nil {
		return err
	}
	w[name] = path
	return nil
}

func run(ctx context.Context, args []string) (int, error) {
	commands := map[string]func(context.Context, *settings, *flag.FlagSet, []string) (int, error){
		"test": test, "shell": shell, "selftest": selftest, "build": build, "clean": clean,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		return 2, errors.New("usage: machine test|shell|selftest|build|clean [flags] [packages]")
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return 2, fmt.Errorf("machines are built and run on linux/amd64, not on %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	cache, err := image.DefaultCache()
	if err != nil {
		return 1, err
	}
	s := &settings{mirrors: mirrors{}, with: with{}}
	fs := flag.NewFlagSet("machine "+args[0], flag.ContinueOnError)
	fs.StringVar(&s.suite, "suite", "all", "Debian `release`: "+strings.Join(image.Suites, ", ")+" or all")
	fs.StringVar(&s.cache, "cache", cache, "`folder` where machines are kept")
	fs.StringVar(&s.out, "out", filepath.Join(os.TempDir(), "bedplate-machine"), "`folder` for console logs and coverage")
	fs.Var(s.mirrors, "mirror", "Debian mirror `[SUITE=]URL`; default: the one of this host's apt")
	fs.StringVar(&s.profile, "profile", "lean", "`units` to boot: lean, or full (Debian's own, udev and logind among them)")
	fs.Var(s.with, "with", "bring a host's file or folder as `NAME=PATH`, for testenv.Payload; may be repeated")
	return commands[args[0]](ctx, s, fs, args[1:])
}

// parse parses a subcommand's flags and gives the suites that are meant.
func (s *settings) parse(fs *flag.FlagSet, args []string) ([]string, error) {
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if s.profile != "lean" && s.profile != "full" {
		return nil, fmt.Errorf("-profile=%s is none of lean, full", s.profile)
	}
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return nil, err
	}
	if s.suite == "all" {
		return image.Suites, nil
	}
	if !slices.Contains(image.Suites, s.suite) {
		return nil, fmt.Errorf("-suite=%s is none of %s, all", s.suite, strings.Join(image.Suites, ", "))
	}
	return []string{s.suite}, nil
}

func (s *settings) builder() image.Builder {
	return image.Builder{Cache: s.cache, Mirrors: s.mirrors, Say: func(what string) { fmt.Fprintln(os.Stderr, "machine:", what) }}
}

func build(ctx context.Context, s *settings, fs *flag.FlagSet, args []string) (int, error) {
	suites, err := s.parse(fs, args)
	if err != nil {
		return 2, err
	}
	found, err := find(ctx, privilegedTag, []string{module + "/..."})
	if err != nil {
		return 1, err
	}
	for _, suite := range suites {
		if _, err := s.builder().Build(ctx, suite); err != nil {
			return 1, err
		}
		for _, packages := range machines(found) {
			if _, err := fetch(ctx, s.builder(), suite, packages); err != nil {
				return 1, err
			}
		}
	}
	return 0, nil
}

func clean(_ context.Context, s *settings, fs *flag.FlagSet, args []string) (int, error) {
	if _, err := s.parse(fs, args); err != nil {
		return 2, err
	}
	return 0, os.RemoveAll(s.cache)
}
