package goenv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/module"
)

// Pack makes a bundle: one file with all that a project is built from, for
// machines without a network. Such a machine unpacks it with Bundle.
type Pack struct {
	// Dir is a directory of the project's module. Its go.sum must be complete.
	Dir string
	// Go is the go command that downloads. "": "go" in PATH. Where it gets modules
	// from, and who vouches for them, is its own configuration.
	Go string
	// SDK is the version of the Go SDK to bring, "1.26.8". "": none.
	SDK string
	// OS and Arch are what the SDK runs on. "": linux, and the running one.
	OS, Arch string
	// Client fetches the SDK and the checksum database's records. Nil: http.DefaultClient.
	Client *http.Client
}

// Packed is a bundle that was made.
type Packed struct {
	// SHA256 of the file. Who gets it by another way than the file can pin it.
	SHA256 string
	Size   int64
	// Modules are path@version, sorted; Private those that no checksum database
	// vouches for.
	Modules, Private []string
}

const toolchainModule = "golang.org/toolchain"

// Write makes the bundle, proves everything in it against the checksum database,
// and puts it in place at once.
func (p Pack) Write(ctx context.Context, name string) (_ Packed, err error) {
	m, err := FromGo(ctx, p.goCommand())
	if err != nil {
		return Packed{}, err
	}
	mod := p.ask(ctx, "GOMOD")
	if mod == "" || mod == os.DevNull {
		return Packed{}, fmt.Errorf("goenv: Dir=%q is in no module; name a directory with a go.mod, or one below it", p.Dir)
	}
	if m.SumDB.Off {
		return Packed{}, errors.New("goenv: GOSUMDB=off: nobody could vouch for a bundle on its arrival; turn it on, and name private modules in GOPRIVATE")
	}
	tmp, err := os.MkdirTemp("", "bedplate-bundle-")
	if err != nil {
		return Packed{}, fmt.Errorf("goenv: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	if err := p.download(ctx, mod, tmp, m); err != nil {
		return Packed{}, err
	}
	if err := p.sufficient(ctx, filepath.Dir(mod), tmp); err != nil {
		return Packed{}, err
	}
	dir, err := os.OpenRoot(filepath.Join(tmp, "cache", "download"))
	if err != nil {
		return Packed{}, fmt.Errorf("goenv: %w", err)
	}
	defer dir.Close()
	man := manifest{Format: manifestFormat}
	if p.SDK != "" {
		if man.SDK, err = p.fetchSDK(ctx, dir, m); err != nil {
			return Packed{}, err
		}
	}
	if man.Database, err = m.SumDB.VerifierKey(); err != nil {
		return Packed{}, err
	}
	if err := p.vouch(ctx, dir, m, &man); err != nil {
		return Packed{}, err
	}
	if man.Files, err = survey(dir); err != nil {
		return Packed{}, fmt.Errorf("goenv: %w", err)
	}
	packed := Packed{Modules: man.Modules, Private: man.Private}
	packed.SHA256, packed.Size, err = write(ctx, name, dir, man)
	return packed, err
}

func (p Pack) goCommand() string {
	if p.Go == "" {
		return "go"
	}
	return p.Go
}

// download lets the go command fill a module cache with what go.mod and go.sum
// say. It works on copies of the two: it would complete the project's go.sum.
func (p Pack) download(ctx context.Context, mod, cache string, m Modules) error {
	copied := filepath.Join(cache, "project.mod")
	for to, from := range map[string]string{copied: mod, strings.TrimSuffix(copied, ".mod") + ".sum": filepath.Join(filepath.Dir(mod), "go.sum")} {
		b, err := os.ReadFile(from)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			err = os.WriteFile(to, b, 0o600)
		}
		if err != nil {
			return fmt.Errorf("goenv: %w", err)
		}
	}
	env := append(os.Environ(), "GOMODCACHE="+cache, "GOFLAGS="+joinFlags([]string{"-modfile=" + copied, "-modcacherw"}), "GOWORK=off")
	if first := p.localCache(ctx); first != "" && len(m.Proxy) > 0 {
		// What this machine has already need not come over the network again;
		// go.sum and the database check it all the same.
		env = append(env, "GOPROXY="+append(ProxyList{{URL: first, Then: OnAnyError}}, m.Proxy...).Value())
	}
	cmd := exec.CommandContext(ctx, p.goCommand(), "mod", "download", "-json")
	cmd.Dir, cmd.Env, cmd.WaitDelay = p.Dir, env, 10*time.Second
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	var errs []error
	for dec := json.NewDecoder(&out); dec.More(); {
		var got struct{ Path, Version, Error string }
		if dec.Decode(&got) != nil {
			break // what is no JSON is told by the command's own complaint
		}
		if got.Error != "" {
			errs = append(errs, fmt.Errorf("goenv: %s@%s: %s", got.Path, got.Version, got.Error))
		}
	}
	if err != nil && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("goenv: go mod download in %s: %w: %s", p.Dir, err, strings.TrimSpace(complaints.String())))
	}
	// A module without requirements downloads nothing.
	return errors.Join(append(errs, os.MkdirAll(filepath.Join(cache, "cache", "download"), 0o755))...)
}

// sufficient finds every package that the project's packages and tests import,
// with nothing but what was downloaded and what go.sum vouches for.
func (p Pack) sufficient(ctx context.Context, root, cache string) error {
	cmd := exec.CommandContext(ctx, p.goCommand(), "list", "-deps", "-test", "./...")
	cmd.Dir, cmd.WaitDelay = root, 10*time.Second
	cmd.Env = append(os.Environ(), "GOMODCACHE="+cache, "GOPROXY=off", "GOFLAGS=-mod=readonly -modcacherw", "GOWORK=off")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("goenv: what %s needs is not all in go.mod and go.sum; run go mod tidy there: %w: %s", root, err, strings.TrimSpace(complaints.String()))
	}
	return nil
}

// ask gives one setting of the go command's in Dir; "" where it can't be asked.
func (p Pack) ask(ctx context.Context, name string) string {
	cmd := exec.CommandContext(ctx, p.goCommand(), "env", name)
	cmd.Dir, cmd.Env, cmd.WaitDelay = p.Dir, append(os.Environ(), "GOWORK=off"), 10*time.Second
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// localCache is the go command's own module cache as a file proxy, if it can stand in GOPROXY.
func (p Pack) localCache(ctx context.Context) string {
	dir := filepath.Join(p.ask(ctx, "GOMODCACHE"), "cache", "download")
	if strings.ContainsAny(dir, ",|") {
		return ""
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return ""
	}
	return (&url.URL{Scheme: "file", Path: dir}).String()
}

// fetchSDK brings the SDK as the module that proxies have of it.
func (p Pack) fetchSDK(ctx context.Context, dir *os.Root, m Modules) (string, error) {
	arch, goos := p.Arch, p.OS
	if arch == "" {
		arch = runtime.GOARCH
	}
	if goos == "" {
		goos = "linux"
	}
	v := module.Version{Path: toolchainModule, Version: "v0.0.1-go" + strings.TrimPrefix(p.SDK, "go") + "." + goos + "-" + arch}
	list := slices.Clone(m.Proxy)
	if first := p.localCache(ctx); first != "" {
		list = append(ProxyList{{URL: first, Then: OnAnyError}}, list...)
	}
	errs := []error{fmt.Errorf("goenv: SDK %s: no module proxy has it", v.Version)}
	for _, place := range list {
		if place.URL == Direct || place.URL == Off {
			break
		}
		err := p.fetchModule(ctx, dir, place.URL, v)
		if err == nil {
			return v.Version, nil
		}
		errs = append(errs, errors.New(explain(err)))
		if !place.Continues(errors.Is(err, fs.ErrNotExist)) {
			break
		}
	}
	return "", errors.Join(errs...)
}

func (p Pack) fetchModule(ctx context.Context, dir *os.Root, base string, v module.Version) error {
	for _, ext := range []string{".info", ".mod", ".zip"} {
		name, err := moduleFile(v, ext)
		if err != nil {
			return err
		}
		if err := p.fetchFile(ctx, dir, base, name); err != nil {
			return err
		}
	}
	return writeBelow(dir, v.Path+"/@v/list", []byte(v.Version+"\n"))
}

func (p Pack) fetchFile(ctx context.Context, dir *os.Root, base, name string) error {
	r, err := open(ctx, p.Client, base, "/"+name)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := dir.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := dir.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// vouch collects who vouches for each version, and proves it at once: what would
// be refused on arrival is better refused here.
func (p Pack) vouch(ctx context.Context, dir *os.Root, m Modules, man *manifest) error {
	files, err := survey(dir)
	if err != nil {
		return fmt.Errorf("goenv: %w", err)
	}
	exempt := m.NoSumDB
	if len(exempt) == 0 {
		exempt = m.Private
	}
	var public []module.Version
	for _, f := range files {
		v, ok, err := versionOf(f.Path)
		if err != nil {
			return fmt.Errorf("goenv: %w", err)
		}
		if !ok || slices.Contains(man.Modules, v.String()) {
			continue
		}
		man.Modules = append(man.Modules, v.String())
		if v.Path != toolchainModule && module.MatchPrefixPatterns(strings.Join(exempt, ","), v.Path) {
			man.Private = append(man.Private, v.String())
		} else {
			public = append(public, v)
		}
	}
	if err := dir.RemoveAll("sumdb"); err != nil { // the go command's, of other trees
		return fmt.Errorf("goenv: %w", err)
	}
	if len(public) == 0 {
		return nil
	}
	r := &records{dir: dir, db: m.SumDB}
	if err := r.collect(ctx, p.Client, m, public); err != nil {
		return err
	}
	if err := r.prove(ctx, public); err != nil {
		return err
	}
	r.remote = nil // and once more with nothing but what will be in the bundle
	return r.prove(ctx, public)
}
