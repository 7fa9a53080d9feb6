package toolchain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate/toolchain/goenv"
)

const (
	moduleName   = "golang.org/toolchain"
	modulePrefix = "v0.0.1-"
)

// ModuleProxy gets SDKs as the go command does: the module golang.org/toolchain
// from module proxies, vouched for by the checksum database.
type ModuleProxy struct {
	// Proxies are asked in order. None, or a list that ends before anything
	// could be asked, is an error: "direct" can't carry a toolchain. Use
	// goenv.FromGo for what the go command would ask.
	Proxies goenv.ProxyList
	// SumDB vouches. Zero: the go command's default. It can't be off, and no
	// pattern exempts toolchains from it.
	SumDB goenv.SumDB
	// Client sends the requests. Nil: one of our own.
	Client *http.Client
	// PlainHTTP follows redirects from https to plain http, which are refused
	// otherwise; the digest is checked all the same.
	PlainHTTP bool
	// Cache is an existing directory for the checksum database's tiles and its last signed
	// tree, by which a database that was rolled back or forked is noticed. "":
	// Install keeps them beside the SDKs; used alone, nothing is remembered.
	Cache string

	tiles *tileCache // Install's own
}

func (m ModuleProxy) web() web { return web{m.Client, m.PlainHTTP} }

// ErrNoProxy is matched when a proxy list ends before any proxy had it.
var ErrNoProxy = errors.New("no module proxy could be asked for a toolchain")

func moduleVersion(v Version, p Platform) string {
	p = p.orRunning()
	return modulePrefix + string(v) + "." + p.OS + "-" + p.Arch
}

// each asks the proxies in order, as the list's separators say.
func (m ModuleProxy) each(ask func(base string) error) error {
	var errs several
	for _, p := range m.Proxies {
		switch p.URL {
		case goenv.Off:
			return append(errs, fmt.Errorf("%w: GOPROXY ends in off", ErrNoProxy))
		case goenv.Direct:
			return append(errs, fmt.Errorf("%w: GOPROXY goes on with direct, which can't carry one; name a proxy", ErrNoProxy))
		}
		err := ask(strings.TrimSuffix(p.URL, "/"))
		if err == nil {
			return nil
		}
		errs = append(errs, err)
		if !p.Continues(notFound(err) || errors.Is(err, fs.ErrNotExist)) {
			return errs
		}
	}
	if len(errs) == 0 {
		return fmt.Errorf("%w: the list is empty; set Proxies (goenv.FromGo gives the go command's)", ErrNoProxy)
	}
	return errs
}

// Releases lists what the first proxy that answers knows. The list may be
// incomplete.
func (m ModuleProxy) Releases(ctx context.Context) (releases []Release, err error) {
	var body []byte
	err = m.each(func(base string) (err error) {
		body, err = read(ctx, m.web(), base+"/"+moduleName+"/@v/list", 16<<20)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("toolchain: list of releases: %w", err)
	}
	platforms := map[Version][]Platform{}
	for line := range strings.Lines(string(body)) {
		if v, p, ok := parseModuleVersion(strings.TrimSpace(line)); ok {
			platforms[v] = append(platforms[v], p)
		}
	}
	for v, p := range platforms {
		releases = append(releases, Release{v, p})
	}
	if len(releases) == 0 {
		return nil, fmt.Errorf("toolchain: list of releases: the proxy's answer names no toolchain (%.60q); is it a module proxy?", body)
	}
	return releases, nil
}

func parseModuleVersion(s string) (Version, Platform, bool) {
	rest, ok := strings.CutPrefix(s, modulePrefix)
	i := strings.LastIndexByte(rest, '.')
	if !ok || i < 0 {
		return "", Platform{}, false
	}
	os, arch, ok := strings.Cut(rest[i+1:], "-")
	v, err := ParseVersion(rest[:i])
	return v, Platform{os, arch}, ok && err == nil
}

// Open asks the checksum database for the module's hash and finds a proxy for
// its zip.
func (m ModuleProxy) Open(ctx context.Context, v Version, p Platform) (Artifact, error) {
	if m.SumDB.Off {
		return Artifact{}, errors.New("toolchain: the checksum database is off, and nothing else vouches for a toolchain; set SumDB")
	}
	version := moduleVersion(v, p)
	a := Artifact{Name: version + ".zip", Format: ModuleZip, Module: moduleName + "@" + version, Vouched: m.SumDB.String()}
	// A proxy that has the SDK comes first: its 404 says more than the database's.
	var address string
	err := m.each(func(base string) error {
		address = base + "/" + moduleName + "/@v/" + version
		b, err := read(ctx, m.web(), address+".info", 64<<10)
		if err != nil {
			return err
		}
		var info struct{ Version string }
		if err := json.Unmarshal(b, &info); err != nil || info.Version != version {
			return fmt.Errorf("%s answers %.40q for the information about %s; is it a module proxy?", redacted(base), b, version)
		}
		return nil
	})
	if err != nil {
		// Some proxies forbid what they don't have, so their list is asked too.
		all, listed := m.versions(ctx, p)
		if notFound(err) || errors.Is(err, fs.ErrNotExist) || listed && !slices.Contains(all, v) {
			return a, &NotFoundError{Version: v, Platform: p, Nearest: nearest(v, all), Err: err}
		}
		return a, fmt.Errorf("toolchain: %s: %w", v, err)
	}
	if a.H1, err = m.lookup(ctx, version); err != nil {
		return a, fmt.Errorf("toolchain: %s: checksum database %s: %w", v, m.SumDB.String(), err)
	}
	a.Fetch = fetch(m.web(), address+".zip")
	return a, nil
}

// versions are those in the list for a platform, if there is one.
func (m ModuleProxy) versions(ctx context.Context, p Platform) (all []Version, listed bool) {
	releases, err := m.Releases(ctx)
	for _, r := range releases {
		if slices.Contains(r.Platforms, p.orRunning()) {
			all = append(all, r.Version)
		}
	}
	return all, err == nil
}

// read and fetch also take file:// proxies, which need no server.
func read(ctx context.Context, w web, address string, limit int64) ([]byte, error) {
	if path, ok := strings.CutPrefix(address, "file://"); ok {
		b, err := os.ReadFile(filepath.FromSlash(path))
		return b, err
	}
	return text(ctx, w, address, limit)
}

func fetch(w web, address string) func(context.Context, int64, string) (Content, error) {
	if path, ok := strings.CutPrefix(address, "file://"); ok {
		return fetchFile(filepath.FromSlash(path))
	}
	return fetchURL(w, address)
}

// fetchFile is an Artifact's Fetch for a file on disk; there is nothing to
// resume. The file is copied like a download: what is hashed and what is
// unpacked have to be the same bytes, whoever writes to the file meanwhile.
func fetchFile(path string) func(context.Context, int64, string) (Content, error) {
	return func(context.Context, int64, string) (Content, error) {
		f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would wait
		if err != nil {
			return Content{}, err
		}
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is no regular file", path)
		}
		if err != nil {
			return Content{}, errors.Join(err, f.Close())
		}
		return Content{Body: f, Length: info.Size()}, nil
	}
}
