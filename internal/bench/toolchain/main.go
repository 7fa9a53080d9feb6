// Command toolchain compares the installation of a Go SDK with what people use
// in its place: curl, sha256sum and tar for an archive, `go mod download` for a
// module zip. Both sides ask the same server on the loopback.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/toolchain/goenv"
)

func main() {
	runs := flag.Int("runs", 9, "paired runs of each comparison")
	version := flag.String("version", runtime.Version(), "the SDK to install")
	dir := flag.String("dir", "/dev/shm", "where to work: tmpfs, or a fresh file system")
	child := flag.String("child", "", "be an installer (tar, zip), or the server")
	sync := flag.Bool("sync", false, "compare an installation with one that syncs nothing, in -dir")
	nosync := flag.Bool("nosync", false, "be an installer that syncs nothing")
	profile := flag.String("cpuprofile", "", "where an installer writes its profile")
	flag.Parse()
	ctx := context.Background()
	var err error
	switch *child {
	case "":
		err = compare(ctx, *version, *dir, *runs, *sync)
	case "serve":
		err = serve(ctx, *version)
	default:
		if *nosync {
			err = withoutSync()
		}
		if err != nil {
			break
		}
		err = install(ctx, *child, *version, *dir, *profile, flag.Arg(0), flag.Arg(1))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// install is our side, in a process of its own so that its memory and processor
// time can be told.
func install(ctx context.Context, kind, version, dir, profile, url, sumdb string) error {
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	sdk := toolchain.SDK{Version: version, Dir: dir, Use: true, AllowEndOfLife: true, Source: toolchain.Official{BaseURL: url}}
	if kind == "zip" {
		db, err := goenv.ParseSumDB(sumdb)
		if err != nil {
			return err
		}
		sdk.Source = toolchain.ModuleProxy{Proxies: goenv.ProxyList{{URL: url}}, SumDB: db}
	}
	_, err := toolchain.Install(ctx, sdk)
	return err
}

func compare(ctx context.Context, version, dir string, runs int, sync bool) error {
	work, err := os.MkdirTemp(dir, "bedplate-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// A process of its own: a child's memory is counted from its parent's on.
	server := exec.CommandContext(ctx, self, "-child", "serve", "-version", version)
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	var s served
	if err := json.NewDecoder(out).Decode(&s); err != nil {
		return fmt.Errorf("the server did not start: %w", err)
	}
	ours := func(kind, url string, flags ...string) contender {
		return contender{"bedplate", func(dir string) []string {
			return append(append([]string{self, "-child", kind, "-version", version, "-dir", dir}, flags...), url, s.SumDB)
		}, nil}
	}
	archive := version + ".linux-amd64.tar.gz"
	recipe := contender{"curl; sha256sum -c; tar -xzf", func(dir string) []string {
		return []string{"sh", "-ec", fmt.Sprintf("cd %s; curl -sSO %s/%s; echo '%s  %s' | sha256sum -c --quiet; tar -xzf %s", dir, s.URL, archive, s.SHA256, archive, archive)}
	}, nil}
	download := contender{"go mod download", func(string) []string {
		return []string{"go", "mod", "download", "golang.org/toolchain@v0.0.1-" + version + ".linux-amd64"}
	}, func(dir string) []string {
		return []string{"GOMODCACHE=" + dir, "GOPATH=" + filepath.Join(dir, "gopath"), "GOPROXY=" + s.URL, "GOSUMDB=" + s.SumDB, "GONOSUMDB=", "GONOPROXY=", "GOPRIVATE=", "GOFLAGS=-modcacherw", "GOTOOLCHAIN=local", "GOWORK=off"}
	}}
	fmt.Printf("%s, %d CPUs, %s, medians of %d paired runs\n\n", version, runtime.NumCPU(), work, runs)
	if sync {
		without, with := ours("tar", s.URL, "-nosync"), ours("tar", s.URL)
		without.name, with.name = "without syncfs", "with syncfs"
		return race(work, runs, without, with)
	}
	fmt.Printf("archive: %s MB, %d files\n\n", megabytes(s.ArchiveSize), s.ArchiveFiles)
	if err := race(work, runs, ours("tar", s.URL), recipe); err != nil {
		return err
	}
	fmt.Printf("\nmodule zip: %s MB, %d files\n\n", megabytes(s.ZipSize), s.ZipFiles)
	return race(work, runs, ours("zip", s.URL), download)
}

func megabytes(n int) string { return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) }
