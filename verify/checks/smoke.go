package checks

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/verify"
)

//go:embed probes/*.txt
var probes embed.FS

// GoCompiles holds where the compiler of the SDK at goroot compiles a package
// that imports nothing. It runs the compiler alone: no cache is read or written.
func GoCompiles(goroot string) verify.Check {
	return verify.Check{Name: "go/compiles", Tags: []string{Standard, "go"}, Look: func(ctx context.Context) verify.Finding {
		dir, err := os.MkdirTemp("", "bedplate-verify-")
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer os.RemoveAll(dir)
		source, object := filepath.Join(dir, "p.go"), filepath.Join(dir, "p.o")
		if err := os.WriteFile(source, []byte("package p\n\nfunc Sum(list []int) (n int) {\n\tfor _, i := range list {\n\t\tn += i\n\t}\n\treturn n\n}\n"), 0o600); err != nil {
			return verify.CouldNotLook(err)
		}
		compiler := path.Join(goroot, "pkg", "tool", runtime.GOOS+"_"+runtime.GOARCH, "compile")
		out, err := command(ctx, goroot, compiler, "-p", "p", "-complete", "-o", object, source).CombinedOutput()
		if bad := failed(ctx, "a package that compiles", out, err); bad != nil {
			return *bad
		}
		if info, err := os.Stat(object); err != nil || info.Size() == 0 {
			return verify.Finding{Status: verify.Fail, Wanted: "an object file", Observed: "none", Cause: "the compiler ended well and wrote nothing", Remedy: "install the SDK again"}
		}
		return verify.Passed("a package in " + runtime.GOOS + "/" + runtime.GOARCH)
	}}
}

// GoBuilds holds where the SDK at goroot builds and links a program that then
// runs. It uses the caller's build cache; with a cold one it takes half a minute.
func GoBuilds(goroot string) verify.Check {
	return ofProbe("builds", goroot, "hello", "CGO_ENABLED=0", wantHello)
}

// GoCgo holds where the SDK at goroot builds a program with a C part, by the C
// compiler that it finds, and it runs.
func GoCgo(goroot string) verify.Check {
	return ofProbe("cgo", goroot, "cgo", "CGO_ENABLED=1", wantHello)
}

func wantHello(out []byte) verify.Finding {
	return verify.Equal("built, linked and run", strings.TrimSpace(string(out))).Because("the program that was built does not do what it should", "install the SDK again")
}

// GoMetrics holds where a program built by the SDK at goroot can read every
// metric that its runtime/metrics lists, and the values make sense: the heap is
// what was allocated, a collection was counted.
func GoMetrics(goroot string) verify.Check {
	return ofProbe("metrics", goroot, "metrics", "CGO_ENABLED=0", func(out []byte) verify.Finding {
		var m struct {
			Metrics                 int
			Unread                  []string
			Heap, Total, Cycles     uint64
			Goroutines, Limit, Kept uint64
		}
		if err := json.Unmarshal(out, &m); err != nil {
			return verify.Finding{Status: verify.Fail, Wanted: "metrics", Observed: fmt.Sprintf("%.80q", out), Cause: err.Error()}
		}
		var causes []string
		say := func(bad bool, format string, args ...any) {
			if bad {
				causes = append(causes, fmt.Sprintf(format, args...))
			}
		}
		say(m.Metrics == 0, "the runtime lists no metrics")
		say(len(m.Unread) > 0, "can't be read: %s", strings.Join(m.Unread, ", "))
		say(m.Heap < m.Kept || m.Heap > m.Total, "the heap is %d bytes, with %d allocated, of %d in all", m.Heap, m.Kept, m.Total)
		say(m.Cycles == 0, "no collection was counted")
		say(m.Goroutines == 0, "no goroutine was counted")
		f := verify.Finding{Status: verify.Pass, Wanted: "every metric, with values that make sense", Observed: fmt.Sprintf("%d metrics, heap %d of %d bytes, %d collections", m.Metrics, m.Heap, m.Total, m.Cycles)}
		if len(causes) > 0 {
			f.Status = verify.Fail
		}
		return f.Because(strings.Join(causes, "; "), "install the SDK again")
	})
}

// ofProbe builds a program with the SDK, runs it, and judges what it prints.
func ofProbe(aspect, goroot, probe, cgo string, judge func(out []byte) verify.Finding) verify.Check {
	return verify.Check{Name: "go/" + aspect, Tags: []string{Deep, "go"}, Timeout: 5 * time.Minute, Look: func(ctx context.Context) verify.Finding {
		dir, err := os.MkdirTemp("", "bedplate-verify-")
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer os.RemoveAll(dir)
		source, err := probes.ReadFile("probes/" + probe + ".txt")
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "main.go"), source, 0o600)
		}
		if err != nil {
			return verify.CouldNotLook(err)
		}
		program := filepath.Join(dir, "probe")
		build := command(ctx, goroot, path.Join(goroot, "bin", "go"), "build", "-o", program, "main.go")
		build.Dir = dir
		build.Env = append(build.Env, cgo)
		if _, err := os.UserCacheDir(); err != nil {
			build.Env = append(build.Env, "GOCACHE="+filepath.Join(dir, "cache"))
		}
		out, err := build.CombinedOutput()
		if bad := failed(ctx, "a program that builds", out, err); bad != nil {
			return *bad
		}
		run := exec.CommandContext(ctx, program)
		run.WaitDelay = time.Second
		out, err = run.Output()
		if bad := failed(ctx, "a program that runs", out, err); bad != nil {
			return *bad
		}
		return judge(out)
	}}
}

// command is a tool of the SDK, without what would lead to another one, and
// without the user's go env file.
func command(ctx context.Context, goroot, tool string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Env = append(toolchain.Installation{GOROOT: goroot}.Env(os.Environ()), "GOENV=off")
	cmd.WaitDelay = time.Second
	return cmd
}

// failed is the finding about a tool that ended badly, or is not there. One that
// was ended by us says nothing.
func failed(ctx context.Context, wanted string, out []byte, err error) *verify.Finding {
	if err == nil {
		return nil
	}
	f := verify.Finding{Status: verify.Fail, Wanted: wanted, Observed: err.Error(), Cause: strings.TrimSpace(fmt.Sprintf("%.400s", out)), Remedy: "install the SDK again"}
	if ctx.Err() != nil {
		f = verify.CouldNotLook(fmt.Errorf("it was ended before it was done: %w", context.Cause(ctx)))
	}
	if strings.Contains(f.Cause, "executable file not found") {
		f.Remedy = "install a C compiler, or build with CGO_ENABLED=0"
	}
	return &f
}
