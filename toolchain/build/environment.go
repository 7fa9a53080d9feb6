package build

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Of what the caller's environment and go env file say to the go command, only
// this reaches a build: where modules come from and where caches are. The rest
// (GOFLAGS, GOAMD64, GOEXPERIMENT, ...) would make another binary of the same Spec.
var kept = []string{
	"GOAUTH", "GOCACHE", "GOCACHEPROG", "GOINSECURE", "GOMODCACHE", "GONOPROXY", "GONOSUMDB", "GOPATH", "GOPRIVATE", "GOPROXY", "GOSUMDB", "GOTMPDIR", "GOVCS",
}

// The go command is a Go program: these act on how it runs, not on what it makes.
var runtimeKnobs = []string{"GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GOTRACEBACK"}

func (s Spec) environ() []string {
	if s.Env == nil {
		return os.Environ()
	}
	return s.Env
}

// environment asks the SDK what it would do for the caller, and gives the clean
// environment of the build, with the go.mod that it is about.
func (s Spec) environment(ctx context.Context) (env []string, settings map[string]string, err error) {
	from := s.environ()
	// An empty variable does not hide the go env file's value, so the file is
	// read here, for the settings that are kept, and turned off for the build.
	bare := slices.DeleteFunc(slices.Clone(from), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return foreign(name) && !slices.Contains(kept, name) && name != "GOENV"
	})
	bare = append(bare, "GOTOOLCHAIN=local", "GOWORK=off")
	out, _, err := s.run(ctx, bare, append([]string{"env", "-json", "GOMOD"}, kept...)...)
	if err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(out, &settings); err != nil {
		return nil, nil, fmt.Errorf("build: go env: %w", err)
	}
	if mod := settings["GOMOD"]; mod == "" || mod == os.DevNull {
		return nil, nil, fmt.Errorf("build: Dir=%q is in no module; name a directory with a go.mod, or one below it", s.Dir)
	}
	env = slices.DeleteFunc(slices.Clone(from), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return foreign(name)
	})
	for _, name := range kept {
		if v := settings[name]; v != "" {
			env = append(env, name+"="+v)
		}
	}
	return append(append(env, s.target()...), "GOENV=off", "GOTOOLCHAIN=local"), settings, nil
}

// foreign says whether a variable is one of the go command's.
func foreign(name string) bool {
	return (strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "CGO_") || slices.Contains(compilers, name)) && !slices.Contains(runtimeKnobs, name)
}
