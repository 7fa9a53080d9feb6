package goenv

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Isolated is the policy of a network without a way out: modules come from a
// directory and from nowhere else, and go.sum is required, so that what the
// directory holds is still checked. dir is an unpacked Bundle, a module cache
// (GOMODCACHE), or its cache/download.
//
// The checksum database is not turned off: a module that go.sum lacks is
// refused, or checked against the tiles that a Bundle brings.
func Isolated(dir string) (Modules, error) {
	if err := absolute("dir", dir); err != nil {
		return Modules{}, err
	}
	download, err := downloads(dir)
	if err != nil {
		return Modules{}, err
	}
	place := (&url.URL{Scheme: "file", Path: filepath.ToSlash(download)}).String()
	if strings.ContainsAny(download, ",|") {
		return Modules{}, fmt.Errorf("goenv: %s: a comma or a pipe in the path would end it in GOPROXY; move it", download)
	}
	return Modules{
		Proxy: ProxyList{{URL: place, Then: OnNotFound}, {URL: Off}}, Flags: []string{"-mod=readonly"}, Toolchain: "local", VCS: "*:off",
	}, nil
}

// downloads finds the files of a module proxy: those of a module cache lie two
// directories down.
func downloads(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("goenv: %w", err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("goenv: %s is no directory", dir)
	}
	inner := filepath.Join(dir, "cache", "download")
	if info, err := os.Stat(inner); err == nil && info.IsDir() {
		return inner, nil
	}
	if holdsModule(dir, 6) {
		return dir, nil
	}
	return "", fmt.Errorf("goenv: %s is no module cache: neither it nor its cache/download has a module (PATH/@v); unpack a Bundle, or fill one with go mod download", dir)
}

// holdsModule looks for a directory @v, which every module in a cache has.
func holdsModule(dir string, depth int) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if e.IsDir() && (e.Name() == "@v" || depth > 0 && holdsModule(filepath.Join(dir, e.Name()), depth-1)) {
			return true
		}
	}
	return false
}

// Hybrid is the policy of a network with mirrors of its own and a way out: the
// mirrors in order, whatever is wrong with one, and then the modules' own
// repositories. The public checksum database vouches for both. private are the
// patterns that neither is told of.
func Hybrid(mirrors []string, private ...string) (Modules, error) {
	m := Modules{Private: private}
	for _, mirror := range mirrors {
		list, err := ParseProxyList(mirror)
		if err != nil {
			return Modules{}, err
		}
		if len(list) != 1 || list[0].URL == Direct || list[0].URL == Off {
			return Modules{}, fmt.Errorf("goenv: mirror %s must be the URL of one proxy", list)
		}
		m.Proxy = append(m.Proxy, Proxy{URL: list[0].URL, Then: OnAnyError})
	}
	if len(mirrors) == 0 {
		return Modules{}, errors.New("goenv: a hybrid network has at least one mirror; name it")
	}
	m.Proxy = append(m.Proxy, Proxy{URL: Direct})
	return m, m.Validate()
}

// Audited is the policy of a network where somebody of one's own vouches for
// every module: one proxy and no way around it, and one checksum database with
// its own key. No pattern exempts a module.
func Audited(proxy string, db SumDB) (Modules, error) {
	list, err := ParseProxyList(proxy)
	if err != nil {
		return Modules{}, err
	}
	switch {
	case len(list) != 1 || list[0].URL == Direct || list[0].URL == Off:
		return Modules{}, fmt.Errorf("goenv: an audited network has one proxy, not %s", list)
	case db.Off:
		return Modules{}, errors.New("goenv: an audited network has a checksum database; it can't be off")
	case db.Key == "":
		return Modules{}, fmt.Errorf("goenv: the checksum database %q has no key of its own; give it: NAME+HASH+KEY", db.name())
	}
	m := Modules{Proxy: ProxyList{{URL: list[0].URL, Then: OnNotFound}, {URL: Off}}, SumDB: db, Flags: []string{"-mod=readonly"}, VCS: "*:off"}
	return m, m.Validate()
}
